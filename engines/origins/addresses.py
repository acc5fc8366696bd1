"""Which hosts, ports and addresses sources may talk to: the public internet, and what an administrator allows.

Python's `is_global` calls several ranges global that lead inside (site-local, 6to4, NAT64, multicast), so
IPv6 is taken only from the block that is given out to the public (2000::/3), and what IPv6 wraps is unwrapped.
"""

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from engines.origins import refusals
from engines.origins.port import OriginUnavailable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""Host and port to addresses as text; raises socket.gaierror."""

USUAL_PORTS = frozenset({80, 443, 8080, 8443})
_PUBLIC_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of an interface identifier that wraps an IPv4 address (RFC 5214)."""
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.A)
_NUMBER = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)", re.A)
_LOCAL_NAMES = ("localhost", "localdomain")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the system knows them; raises socket.gaierror or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of the allow-list: a host name or a network, with one port or the usual ones."""

    host: str
    network: Network | None
    port: int | None

    def opens(self, host: str, port: int, address: Address) -> bool:
        if port != self.port if self.port is not None else port not in USUAL_PORTS:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        # Where cloud machines keep their keys (169.254.169.254): never by the name alone.
        return host == self.host and not (address.is_link_local or address.is_multicast or address.is_unspecified)


class Gate:
    """Lets through what sources may talk to.

    `allow` opens more than the public internet: "intranet.example", "intranet.example:9000", "10.1.0.0/16",
    "10.1.2.3:9000", "[fd00::1]:9000". Without a port it opens the usual ones. Raises ValueError for other text.
    """

    def __init__(self, allow: Iterable[str] = (), *, resolve: Resolve = resolve) -> None:
        self._rules = [_rule(text) for text in allow]
        self._resolve = resolve

    def check_name(self, host: str, port: int) -> None:
        """Refuses, before anything is looked up, what cannot be right. `host` is ASCII in lower case."""
        if not _is_address(host):
            if len(host) > 253 or not _HOST.fullmatch(host) or _NUMBER.fullmatch(host):
                raise refusals.bad_address("The host in that address is not written as a host name.")
            if host.rpartition(".")[2] in _LOCAL_NAMES and not any(rule.host == host for rule in self._rules):
                raise refusals.forbidden_host(host)
        if port not in USUAL_PORTS and all(rule.port != port for rule in self._rules):
            raise refusals.forbidden_port(port)

    def addresses(self, host: str, port: int) -> list[Address]:
        """Looks the host up, once, and checks every address: all may be connected to. Raises OriginError."""
        self.check_name(host, port)
        try:
            texts = [host] if _is_address(host) else self._resolve(host, port)
            found = [unwrapped(ip_address(text)) for text in texts]
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise OriginUnavailable(f"The name server does not answer for {host}.") from None
            raise refusals.unknown_host(host) from None
        except (ValueError, OSError):  # a zone, or a label that is too long
            raise refusals.forbidden_host(host) from None
        if not found:
            raise refusals.unknown_host(host)
        for address in found:
            self._check(host, port, address)
        return found

    def _check(self, host: str, port: int, address: Address) -> None:
        if any(rule.opens(host, port, address) for rule in self._rules):
            return
        if port not in USUAL_PORTS:
            raise refusals.forbidden_port(port)
        if not is_public(address) or is_own(address):
            raise refusals.forbidden_host(host)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped or NAT64 address stands for; any other as it is.

    Raises ValueError for an address with a zone.
    """
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError("an address with a zone is one of this machine's networks")
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 and not is_public(IPv4Address(int(address) & 0xFFFFFFFF)):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet and wraps none that is not."""
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    wraps = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    return address in _PUBLIC_V6 and address.is_global and not wraps


def is_own(address: Address) -> bool:
    """Whether it is this machine's: what listens here is often open to this machine alone. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        # To "connect" a datagram socket only chooses the address it would send from.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:  # no way there, so no way to itself
        return False


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _rule(text: str) -> _Rule:
    host, port = _split_port(text.strip().lower())
    network: Network | None = None
    try:
        network = ip_network(host.strip("[]"))
    except ValueError:
        if not _HOST.fullmatch(host) or _NUMBER.fullmatch(host) or not host:
            raise ValueError(f"{text!r} is neither a host name nor a network, with or without a port") from None
    return _Rule("" if network is not None else host.removesuffix("."), network, port)


def _split_port(text: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+):([0-9]{1,5})", text, re.A)
    if found is None:
        return text, None
    if not 0 < int(found[2]) < 65536:
        raise ValueError(f"{text!r} has no port of the range 1 to 65535")
    return found[1], int(found[2])

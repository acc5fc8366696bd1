"""Server-side request forgery: what the one outgoing client must never reach."""

import ast
import contextlib
import ipaddress
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import httpcore
import pytest

from engines.origins import Client, OriginRefused, OriginUnavailable, Seconds, addresses
from engines.origins.addresses import Gate, is_own, is_public, unwrapped
from tests.engines.origin_servers import MEGABYTE, QUICK, Canary, Reply, Site, client, html, redirect, site

ROOT = Path(__file__).resolve().parent.parent.parent

# ruff: noqa: SIM905 (one address a word is the shortest way to read them)
# Every way to write, or to wrap, an address that is not the public internet. P is the canary's port.
SPELLINGS = """
http://127.0.0.1:P/ http://127.0.0.2:P/ http://127.255.255.254:P/ http://127.1:P/ http://127.0.1:P/ http://0:P/
http://0.0.0.0:P/ http://2130706433:P/ http://0x7f000001:P/ http://0x7f.0.0.1:P/ http://0x7f.1:P/ http://017700000001:P/
http://0177.0.0.1:P/ http://127.0.0.1.:P/ http://127.0.0.01:P/ http://[::1]:P/ http://[::]:P/ http://[0:0:0:0:0:0:0:1]:P/
http://[::ffff:127.0.0.1]:P/ http://[::ffff:7f00:1]:P/ http://[::127.0.0.1]:P/ http://[64:ff9b::127.0.0.1]:P/
http://[64:ff9b:1::7f00:1]:P/ http://[2002:7f00:1::]:P/ http://[2001:0:7f00:1::]:P/ http://[fe80::1]:P/
http://[fe80::1%25lo]:P/ http://[fe80::1%lo]:P/ http://[::1%25lo]:P/ http://[fec0::1]:P/ http://[fd00::1]:P/
http://localhost:P/ http://LOCALHOST:P/ http://localhost.:P/ http://a.localhost:P/ http://localhost.localdomain:P/
http://%31%32%37.0.0.1:P/ http://%6cocalhost:P/ http://127。0。0。1:P/ http://１２７.0.0.1:P/ http://ⓛocalhost:P/
http://127.0.0.1:P\\@example.com/ http://example.com@127.0.0.1:P/ http://example.com:80@127.0.0.1:P/
http://127.0.0.1:P#@example.com/ http://127.0.0.1:P?@example.com/ http://10.0.0.1:P/ http://172.16.0.1:P/
http://192.168.0.1:P/ http://169.254.169.254:P/ http://100.64.0.1:P/ http://198.18.0.1:P/ http://224.0.0.1:P/
http://255.255.255.255:P/ http://240.0.0.1:P/ http://OWN:P/ https://127.0.0.1:P/ ftp://127.0.0.1:P/ gopher://127.0.0.1:P/_x
file:///etc/passwd //127.0.0.1:P/ unix:///run/x.sock data:text/plain,x http:127.0.0.1:P javascript:0
""".split()

INNER = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.8.9.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 224.0.1.1 239.255.255.255 240.0.0.1
255.255.255.255 :: ::1 ::7f00:1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 100::1 2001::1
2001:db8::1 2001:20::1 2002:a00:1::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::1 ff0e::1
2606:4700::5efe:10.0.0.1 fe80::1%lo
""".split()
PUBLIC = "1.1.1.1 93.184.216.34 2606:4700:4700::1111 ::ffff:1.1.1.1 64:ff9b::101:101 2a00:1450:4001:80b::200e".split()


def own_address() -> str:
    """This machine's address in its network, or loopback without one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Canary]]:
    """On every address of this machine, IPv4 and IPv6, at a port that is as open to sources as 80 is."""
    four = Canary(socket.AF_INET, "0.0.0.0")
    found = [four]
    if socket.has_ipv6:
        with contextlib.suppress(OSError):  # a machine without IPv6
            found.append(Canary(socket.AF_INET6, "::", four.port))
    monkeypatch.setattr(addresses, "USUAL_PORTS", addresses.USUAL_PORTS | {four.port})
    yield found
    for canary in found:
        canary.close()


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where sockets are connected to; nothing beyond this machine is reached."""
    tried: list[tuple[str, int]] = []
    real = socket.create_connection

    def create_connection(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        tried.append(address)
        if not address[0].startswith("127."):
            raise ConnectionRefusedError("tests stay on this machine")
        return real(address, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return tried


def refused(asking: Client, url: str) -> OriginRefused:
    with pytest.raises(OriginRefused) as caught:
        asking.open(url)
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value


# ------------------------------------------------------------------------------- what it must never reach


def test_the_canary_sings_when_it_is_reached(canaries: list[Canary]) -> None:
    port = canaries[0].port
    asking = Client(max_bytes=MEGABYTE, allow=[f"127.0.0.1:{port}"], seconds=Seconds(1, 0.2, 0.5))
    with asking, pytest.raises(OriginUnavailable):
        asking.open(f"http://127.0.0.1:{port}/")
    assert canaries[0].connections == 1


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_reaches_this_machine_or_its_networks(canaries: list[Canary], spelling: str) -> None:
    url = spelling.replace("P/", f"{canaries[0].port}/").replace(":P", f":{canaries[0].port}")
    url = url.replace("OWN", own_address())
    with Client(max_bytes=MEGABYTE, seconds=QUICK) as asking:
        assert refused(asking, url).code in ("forbidden_address", "bad_address")
    assert [canary.connections for canary in canaries] == [0] * len(canaries)


@pytest.mark.parametrize("spelling", [each for each in SPELLINGS if each != "http:127.0.0.1:P"])  # that is relative
def test_no_redirect_reaches_them_either(canaries: list[Canary], server: Site, spelling: str) -> None:
    url = spelling.replace("P/", f"{canaries[0].port}/").replace(":P", f":{canaries[0].port}")
    url = url.replace("OWN", own_address() if own_address() != "127.0.0.1" else "127.0.0.3")
    server.pages["/"] = redirect(url.encode("utf-8").decode("latin-1"))
    with client(server) as asking:
        refused(asking, server.url())
    assert [canary.connections for canary in canaries] == [0] * len(canaries)


@pytest.mark.parametrize("address", INNER)
def test_no_name_that_leads_to_an_inner_address_is_asked(connected: list[tuple[str, int]], address: str) -> None:
    for found in ([address], ["93.184.216.34", address]):
        with Client(max_bytes=MEGABYTE, resolve=lambda host, port, found=found: found) as asking:
            assert refused(asking, "http://inner.example/").code == "forbidden_address"
    assert connected == []


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_connected_to_as_they_were_checked(connected: list[tuple[str, int]], address: str) -> None:
    with Client(max_bytes=MEGABYTE, resolve=lambda host, port: [address]) as asking, pytest.raises(OriginUnavailable):
        asking.open("https://public.example/")
    assert connected == [(str(unwrapped(ipaddress.ip_address(address))), 443)]


def test_a_name_that_rebinds_is_looked_up_once(connected: list[tuple[str, int]]) -> None:
    answers = itertools.chain(["93.184.216.34"], itertools.repeat("127.0.0.1"))
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [next(answers)]

    with Client(max_bytes=MEGABYTE, resolve=rebinding) as asking:
        with pytest.raises(OriginUnavailable):
            asking.open("http://rebind.example/")
        assert (asked, connected) == (["rebind.example"], [("93.184.216.34", 80)])
        assert refused(asking, "http://rebind.example/").code == "forbidden_address"
    assert connected == [("93.184.216.34", 80)]


def test_a_name_that_rebinds_between_redirects_is_checked_again(server: Site) -> None:
    canary = Canary(socket.AF_INET, "127.0.0.2", server.port)
    answers = iter(["127.0.0.1", "127.0.0.2"])
    server.pages["/"] = Reply(status=302, headers={"Location": "/again", "Connection": "close"})
    resolve = lambda host, port: [next(answers)]  # noqa: E731
    with Client(max_bytes=MEGABYTE, allow=[server.host], resolve=resolve) as asking:
        assert refused(asking, f"http://rebind.example:{server.port}/").code == "forbidden_address"
    assert canary.connections == 0
    assert server.paths == ["/"]
    canary.close()


def test_own_addresses_are_not_public_to_sources() -> None:
    assert is_own(ipaddress.ip_address(own_address()))
    assert not is_own(ipaddress.ip_address("192.0.2.1"))
    assert not is_public(ipaddress.ip_address("127.0.0.1"))


def test_ports_of_other_services_are_closed(connected: list[tuple[str, int]]) -> None:
    with Client(max_bytes=MEGABYTE, resolve=lambda host, port: ["93.184.216.34"]) as asking:
        for port in (0, 22, 25, 6379, 5432, 9200, 99999):
            assert refused(asking, f"http://public.example:{port}/").code in ("forbidden_address", "bad_address")
    assert connected == []


def test_the_environments_proxy_is_not_used(server: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = Canary(socket.AF_INET, "127.0.0.1")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    server.pages["/"] = html("here")
    with client(server) as asking, asking.open(server.url()) as answer:
        assert b"here" in answer.read()
    assert canary.connections == 0
    canary.close()


def test_the_connection_pool_is_the_checked_one() -> None:
    with Client(max_bytes=1) as asking:
        pool = asking._transport._pool
        assert isinstance(pool, httpcore.ConnectionPool)
        assert pool._network_backend is asking._backend


# ------------------------------------------------------------------------------- what an administrator opens


@pytest.mark.parametrize(
    ("rule", "opened", "closed"),
    [
        ("wiki.example", "http://wiki.example/", "http://other.example/"),
        ("wiki.example", "http://WIKI.example.:8080/", "http://wiki.example:9000/"),
        ("wiki.example:9000", "http://wiki.example:9000/", "http://wiki.example/"),
        ("10.1.0.0/16", "http://10.1.2.3/", "http://10.2.0.1/"),
        ("10.1.2.3:9000", "http://10.1.2.3:9000/", "http://10.1.2.3/"),
        ("10.1.2.3", "http://[::ffff:10.1.2.3]/", "http://10.1.2.4/"),
        ("[fd00::1]:9000", "http://[fd00::1]:9000/", "http://[fd00::2]:9000/"),
        ("fd00::/8", "http://[fd00::1]/", "http://[fe80::1]/"),
    ],
)
def test_an_allowed_host_or_network_is_opened_and_nothing_beside_it(
    connected: list[tuple[str, int]], rule: str, opened: str, closed: str
) -> None:
    with Client(max_bytes=MEGABYTE, allow=[rule], resolve=lambda host, port: ["10.9.9.9"]) as asking:
        with pytest.raises(OriginUnavailable):
            asking.open(opened)
        assert len(connected) == 1
        assert refused(asking, closed).code == "forbidden_address"
    assert len(connected) == 1


def test_an_allowed_name_does_not_open_the_keys_of_a_cloud_machine(connected: list[tuple[str, int]]) -> None:
    with Client(max_bytes=1, allow=["wiki.example"], resolve=lambda host, port: ["169.254.169.254"]) as asking:
        assert refused(asking, "http://wiki.example/").code == "forbidden_address"
    assert connected == []


@pytest.mark.parametrize("rule", ["", "http://a.example", "a b", "10.0.0.0/33", "a:0", "a:70000", "*", "127.1", "a/b"])
def test_nonsense_in_the_allow_list_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r"host name|port"):
        Gate([rule])


# ------------------------------------------------------------------------------- one client in the code

SENDING = {"httpx", "httpcore", "requests", "urllib3", "aiohttp", "http", "ftplib", "socket", "boto3", "botocore"}
"""Top-level modules through which a program talks to others; of urllib only `parse` does not."""
KNOWN = {
    "apps/inference/heartbeat.py": "the machine's own name",
    "config/forwarding.py": "our own process for uploads, by its socket",
    "config/preflight.py": "whether our own ports are free",
    "config/supervisor.py": "whether our own web process answers",
    "engines/embedding/http.py": "the embedding server that an administrator configured",
    "engines/models/openai.py": "engines that an administrator configured",
    "engines/models/probing.py": "engines that an administrator configured",
    "engines/models/transport.py": "engines that an administrator configured",
    "engines/models/vllm.py": "engines that an administrator configured",
    "engines/origins/addresses.py": "looks hosts up for the client",
    "engines/origins/client.py": "the one outgoing client",
    "engines/valkey.py": "our own Redis",
    "engines/wiring.py": "engines that an administrator configured",
}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, by statement or by name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                found.add(str(node.args[0].value))
    return found


def talks(module: str) -> bool:
    if module.startswith(("http.HTTPStatus", "urllib.parse")):
        return False
    return module.partition(".")[0] in SENDING or module.startswith("urllib")


def test_nothing_but_the_one_client_talks_to_addresses_that_people_give() -> None:
    everything = {
        str(path.relative_to(ROOT)): sorted(filter(talks, imported(path)))
        for room in ("rag", "engines", "apps", "config")
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    talking = {file: modules for file, modules in everything.items() if modules}
    # boto3 signs and reads for the bucket; what it sends goes through the client (test_origins_bucket.py).
    bucket = talking.pop("engines/origins/bucket.py")
    assert all(module.startswith(("boto3", "botocore")) for module in bucket)
    # The children that read documents have no network (test_parsing_child.py); sockets join them to their parent.
    others = {file for file, modules in talking.items() if modules != ["socket"] or "engines/parsing/" not in file}
    assert others == set(KNOWN)

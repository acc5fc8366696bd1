"""What a crawler owes a site: robots.txt kept, and no faster than asked."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from engines.origins import robots
from engines.origins.client import USER_AGENT, Client
from engines.origins.port import OriginRefused, OriginUnavailable
from engines.origins.robots import Robots

LONGEST_DELAY = 10.0
"""Seconds: a site that asks for longer pauses gets these."""


class Politeness:
    """One crawl's manners: one request at a time, at most `per_second` or as the site's Crawl-delay says."""

    def __init__(
        self,
        client: Client,
        *,
        per_second: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._pause = client, 1 / per_second
        self._sleep, self._clock = sleep, clock
        self._robots: dict[str, Robots] = {}
        self._next = 0.0

    def wait(self, url: str) -> None:
        """Returns when the next request may be made. Raises OriginUnavailable (see `robots`)."""
        delay = max(self._pause, min(self.robots(url).delay, LONGEST_DELAY))
        self._sleep_until_next()
        self._next = self._clock() + delay

    def may(self, url: str) -> bool:
        """Whether the site's robots.txt lets Footnote ask for it. Raises OriginUnavailable (see `robots`)."""
        return self.robots(url).allows(url)

    def robots(self, url: str) -> Robots:
        """The rules of the site of this address, asked for once (RFC 9309, 2.3.1).

        Raises OriginUnavailable while they cannot be read (server errors, nothing answers): then nothing is allowed.
        """
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._robots:
            self._sleep_until_next()
            self._robots[site] = self._read(site)
            self._next = self._clock() + self._pause
        return self._robots[site]

    def _sleep_until_next(self) -> None:
        left = self._next - self._clock()
        if left > 0:
            self._sleep(left)

    def _read(self, site: str) -> Robots:
        closed = f"The robots.txt of {urlsplit(site).netloc} cannot be read now, so the site is left alone."
        try:
            with self._client.open(f"{site}/robots.txt") as answer:
                if answer.status == 429 or answer.status >= 500:
                    raise OriginUnavailable(closed)
                if answer.status != 200:
                    return Robots()
                text = bytearray()
                for piece in answer.pieces():
                    text += piece
                    if len(text) >= robots.LARGEST:
                        break
        except OriginUnavailable:
            raise OriginUnavailable(closed) from None
        except OriginRefused as refused:
            if refused.code in ("redirects", "too_large"):
                return Robots()
            raise
        return robots.parse(text[: robots.LARGEST].decode("utf-8-sig", "replace"), USER_AGENT)

"""robots.txt as RFC 9309 has it: the longest matching rule decides, with `*` and `$` in paths.

The standard library's parser knows neither: it takes the first rule that matches and `*` for a letter.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from engines.origins.links import one_spelling

LARGEST = 500 * 1024
"""Bytes that a parser must read (RFC 9309, 2.5); what lies beyond is passed over."""
MOST_RULES = 5000


@dataclass(frozen=True, slots=True)
class _Rule:
    allows: bool
    path: str

    def matches(self, path: str) -> bool:
        """In linear time: each part between two `*` is looked for where it comes first."""
        *parts, last = self.path.removesuffix("$").split("*")
        position = 0
        for number, part in enumerate(parts):
            found = path.find(part, position)
            if found < 0 or (number == 0 and found != 0):
                return False
            position = found + len(part)
        if self.path.endswith("$"):
            return len(path) - len(last) >= position and path.endswith(last) and (bool(parts) or path == last)
        return path.find(last, position) >= 0 if parts else path.startswith(last)


@dataclass
class Robots:
    """What a site asks of one user agent; without rules everything is allowed."""

    delay: float = 0.0
    """Seconds between two requests that it asks for; 0 for none."""
    sitemaps: list[str] = field(default_factory=list)
    rules: list[_Rule] = field(default_factory=list)

    def allows(self, url: str) -> bool:
        """Whether the address may be asked for."""
        parts = urlsplit(url)
        path = one_spelling(parts.path or "/") + (f"?{one_spelling(parts.query)}" if parts.query else "")
        if path == "/robots.txt":
            return True
        matching = [rule for rule in self.rules if rule.matches(path)]
        return max(matching, key=lambda rule: (len(rule.path), rule.allows)).allows if matching else True


def parse(text: str, agent: str) -> Robots:
    """The rules of the groups that name `agent`; if none does, those for everybody."""
    mine, everybodys = Robots(), Robots()
    sitemaps: list[str] = []
    named, in_rules, own_group = set[str](), True, False
    for line in text.splitlines():
        key, _, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "sitemap" and len(sitemaps) < 100:
            sitemaps.append(value)
        elif key == "user-agent":
            named, in_rules = (set() if in_rules else named), False
            named.add(re.split(r"[/\s]", value)[0].lower())
            own_group = own_group or agent.lower() in named
        elif key in ("allow", "disallow", "crawl-delay"):
            in_rules = True
            for group in (mine if agent.lower() in named else None, everybodys if "*" in named else None):
                if group is not None:
                    _add(group, key, value)
    robots = mine if own_group else everybodys
    robots.sitemaps = sitemaps
    return robots


def _add(group: Robots, key: str, value: str) -> None:
    if key == "crawl-delay":
        group.delay = float(value) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.A) else group.delay
    elif value and len(value) <= 2000 and len(group.rules) < MOST_RULES:
        group.rules.append(_Rule(key == "allow", one_spelling(value)))

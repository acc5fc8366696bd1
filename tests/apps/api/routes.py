"""Every route of the API and every method it has, read from the URL configuration: a route that is added is
tested from its first day."""

import re
from dataclasses import dataclass

from apps.api.urls import urlpatterns

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True)
class Route:
    """`address` has {id}, {n}, {who} where a path has parameters."""

    address: str
    methods: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What its first id names: collections, documents, answers, conversations."""
        return self.address.split("/")[3]

    @property
    def has_id(self) -> bool:
        return "{id}" in self.address

    def path(self, **values: object) -> str:
        """The address of one thing."""
        return self.address.format(**values)


def _routes() -> list[Route]:
    found = []
    for pattern in urlpatterns:
        view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        regex = pattern.pattern.regex.pattern
        if view is None or not regex.startswith("^api/v1/"):
            continue
        address = "/" + PARAMETER.sub(r"{\1}", regex.removeprefix("^").removesuffix("/?$")).replace("\\", "")
        found.append(Route(address, tuple(m for m in METHODS if hasattr(view, m.lower()))))
    return found


ROUTES = _routes()
CALLS = [(route, method) for route in ROUTES for method in route.methods]

"""What the storm's searches gave, held against what the writer did: only what is certain counts against them.

The writer knows the moments before and after an action; it took effect at some moment between. So a version was
certainly live where its coming had ended and its going had not begun, and may have been live from the beginning of its
coming to the end of its going. A search must find what was certainly live for the whole of its time, and may give what
may have been live at some moment of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any


@dataclass(slots=True)
class Stay:
    """A version in a collection, from its coming to its going."""

    collection: str
    may_from: float
    sure_from: float
    sure_until: float = inf
    may_until: float = inf


@dataclass
class History:
    """What the writer did."""

    stays: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    """By version."""
    bearers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The version and document of each phrase, by the phrase's first word."""

    @classmethod
    def of(cls, actions: Iterable[Mapping[str, Any]]) -> "History":
        history = cls()
        for action in actions:
            for version, collection in action["gone"]:
                stay = history.stays[version][-1]
                if stay.collection != collection or stay.may_until != inf:
                    raise ValueError(f"{version} went from {collection}, where it was not")
                stay.sure_until, stay.may_until = action["begun"], action["ended"]
            for version, collection in action["came"]:
                history.stays[version].append(Stay(collection, action["begun"], action["ended"]))
            for phrase in action["phrases"]:
                history.bearers[phrase.split()[0]] = action["came"][0][0], action["document"]
        return history

    def may_be_live(self, version: str, collection: str, begun: float, ended: float) -> bool:
        """Whether it may have been live in the collection at some moment of that time."""
        return any(
            stay.collection == collection and stay.may_from <= ended and begun <= stay.may_until
            for stay in self.stays.get(version, ())
        )

    def is_surely_live(self, version: str, collections: Iterable[str], begun: float, ended: float) -> bool:
        """Whether it was live in one of the collections for the whole of that time."""
        return any(
            stay.collection in collections and stay.sure_from <= begun and ended <= stay.sure_until
            for stay in self.stays.get(version, ())
        )


@dataclass
class Verdict:
    """What is wrong with a storm's searches, and how many of them could have been."""

    wrong: list[str] = field(default_factory=list)
    sought: int = 0
    """Searches that had to find a certain passage."""
    gone: int = 0
    """Searches for a passage that was certainly not to be found."""
    milliseconds: list[float] = field(default_factory=list)

    def hear(self, search: Mapping[str, Any], history: History) -> None:
        """Judges one search."""
        begun, ended, collections = search["begun"], search["ended"], search["collections"]
        self.milliseconds.append((ended - begun) * 1000)
        for version, collection in search["places"]:
            if collection not in collections:
                self.wrong.append(f"{version} of a collection that was not asked: {search}")
            elif not history.may_be_live(version, collection, begun, ended):
                self.wrong.append(f"{version} was not live: {search}")
        if search["strays"]:
            self.wrong.append(f"{search['strays']} were not asked for: {search}")
        if not search["wanted"]:
            return
        version, document = history.bearers[search["wanted"]]
        is_asked = search["documents"] is None or document in search["documents"]
        if is_asked and history.is_surely_live(version, collections, begun, ended):
            self.sought += 1
            if not search["found"]:
                self.wrong.append(f"{version} was not found: {search}")
        elif not any(history.may_be_live(version, each, begun, ended) for each in collections):
            self.gone += 1
            if search["found"]:
                self.wrong.append(f"the words of {version} were found: {search}")

    def latencies(self) -> str:
        """Median, 95th percentile and the longest of all searches, in milliseconds."""
        ordered = sorted(self.milliseconds)
        p50, p95 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
        return f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {ordered[-1]:.1f} ms"

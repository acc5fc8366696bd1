"""Searches, uploads, moves, deletions and compactions at once, in processes of their own: no result is ever wrong.

INDEX_STORM_SECONDS says how long the long one takes. `pytest -s` shows its figures.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from apps.documents import retrieval
from engines.index import compaction
from engines.index.local import LocalIndex
from tests.apps.documents.journeys import PROJECT, database_url
from tests.factories import a_collection, a_user
from tests.stack import until
from tests.storm import (
    COMPACTIONS,
    LEDGER,
    READY,
    REPORT,
    SEARCHES,
    SMALL,
    SPEC,
    Action,
    Ledger,
    Search,
    ShortEmbedder,
    Spec,
    differences,
)
from tests.storm_verdict import History, Verdict

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
COLLECTIONS = 4
SECONDS = float(os.environ.get("INDEX_STORM_SECONDS", "300"))
PROGRAM = "import sys, django; django.setup(); from tests import storm; storm.main(*sys.argv[1:])"


class Storm:
    """The processes, each with its errors in a file of its own."""

    def __init__(self, folder: Path, seconds: float) -> None:
        user = a_user("storm")
        self.collections = [str(a_collection(user, f"Storm {n}").pk) for n in range(COLLECTIONS)]
        self.folder, self.index, self.killed = folder, folder / "index", 0
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        spec = Spec(str(user.pk), self.collections, seconds, str(self.index))
        (folder / SPEC).write_text(json.dumps(asdict(spec)))

    def start(self, role: str, name: str) -> None:
        """One more process."""
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database_url(),
            "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        with self._errors(name).open("wb") as errors:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, role, str(self.folder), name],
                env=environment,
                cwd=PROJECT,
                stdout=errors,
                stderr=errors,
            )

    def kill(self, name: str) -> None:
        """kill -9, wherever it is just now."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.killed += 1

    def require_running(self) -> None:
        """Fails the test with what a process said that has failed."""
        for name, process in self.running.items():
            assert not process.poll(), f"{name}: {self._errors(name).read_text()[-4000:]}"

    def is_ready(self) -> bool:
        """Whether all that search wait for something to find."""
        self.require_running()
        return all((self.folder / READY.format(name)).exists() for name in self.running)

    def ended(self) -> bool:
        """Whether all have."""
        self.require_running()
        return all(process.poll() is not None for process in self.running.values())

    def end(self) -> None:
        """None is left."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def actions(self) -> list[dict]:
        return list(Ledger(self.folder / LEDGER).news())

    def searches(self) -> Iterator[dict]:
        """Of all search processes, those that were killed included."""
        for path in sorted(self.folder.glob(SEARCHES.format("*"))):
            yield from Ledger(path).news()

    def compactions(self) -> int:
        """How many did something, in all processes."""
        return len((self.index / COMPACTIONS).read_text().splitlines())

    def reports(self) -> list[list[str]]:
        """What the search processes that came to their end found wrong with their index."""
        return [json.loads(path.read_text()) for path in self.folder.glob(REPORT.format("*"))]

    def _errors(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def rage(storm: Storm, *, kill_every: float) -> None:
    """Until the writer ends; a search process is killed now and then, and another started in its place."""
    names = ["one", "two"]
    for name in names:
        storm.start("search", name)
    until(storm.is_ready, 120, lambda: f"{list(storm.running)} are not all ready")
    storm.start("write", "writer")
    kill_at = time.monotonic() + kill_every
    while storm.running["writer"].poll() is None:
        storm.require_running()
        if time.monotonic() > kill_at:
            storm.kill(names.pop(0))
            names.append(f"{names[0]}-{storm.killed}")
            storm.start("search", names[-1])
            kill_at = time.monotonic() + kill_every
        time.sleep(0.1)
    until(storm.ended, 120, lambda: f"{list(storm.running)} have not all ended")


@pytest.mark.parametrize(
    ("seconds", "kill_every"),
    [pytest.param(6.0, 5.0, id="short"), pytest.param(SECONDS, 15.0, id="long", marks=pytest.mark.slow)],
)
def test_in_a_storm_every_result_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, kill_every: float
) -> None:
    storm = Storm(tmp_path, seconds)
    try:
        rage(storm, kill_every=kill_every)
    finally:
        storm.end()
    actions, verdict = storm.actions(), Verdict()
    history = History.of(actions)
    for search in storm.searches():
        verdict.hear(search, history)
    print(f"\n{dict(Counter(action['did'] for action in actions))}, {storm.killed} killed")
    print(f"{len(verdict.milliseconds)} searches, {verdict.sought} had to find, {verdict.gone} must not find what went")
    print(f"{verdict.latencies()}, {storm.compactions()} compactions")
    assert verdict.wrong == [], f"{len(verdict.wrong)} wrong, {verdict.wrong[:5]}"
    assert storm.reports() == [[], []]
    monkeypatch.setattr(compaction, "SMALL", SMALL)
    embedder = ShortEmbedder()
    fresh = LocalIndex(retrieval.log(), storm.index, model=embedder.model, dimension=embedder.dimension, tidy=False)
    assert differences(fresh, retrieval.log(), storm.collections) == []
    # The storm was one: there was something to find, to lose and to write.
    assert min(verdict.sought, verdict.gone, storm.compactions()) > 0


# ------------------------------------------------------------------------------ the judge is no rubber stamp

HISTORY = [
    Action("add", 1.0, 2.0, "bees", came=[("v1", "c1")], phrases=["qa qb"]),
    Action("move", 5.0, 6.0, "bees", gone=[("v1", "c1")], came=[("v1", "c2")]),
    Action("delete", 9.0, 10.0, "bees", gone=[("v1", "c2")]),
]


@pytest.mark.parametrize(
    ("begun", "ended", "collection", "found", "wrong"),
    [
        (3, 4, "c1", True, ""),
        (3, 4, "c1", False, "was not found"),
        (1.5, 4, "c1", False, ""),  # it may have come after the search looked
        (4, 5.5, "c1", False, ""),
        (5.5, 8, "c1", True, ""),  # it may have gone after the search looked
        (6.1, 8, "c1", True, "was not live"),
        (6.1, 8, "c2", False, "was not found"),
        (0, 0.9, "c1", True, "was not live"),
        (8, 9.5, "c2", False, ""),
        (10.1, 11, "c2", False, ""),
        (10.1, 11, "c2", True, "was not live"),
    ],
)
def test_only_what_is_certain_counts_against_a_search(
    begun: float, ended: float, collection: str, found: bool, wrong: str
) -> None:
    history, verdict = History.of(map(asdict, HISTORY)), Verdict()
    places = [("v1", collection)] if found else []
    verdict.hear(asdict(Search(begun, ended, "hybrid", [collection], None, "qa", found, places, [])), history)
    assert bool(verdict.wrong) == bool(wrong)
    assert all(wrong in each for each in verdict.wrong[:1])

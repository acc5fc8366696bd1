"""`manage.py index ACTION`: this machine's caches of the search index, looked at, compared and made anew."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from tqdm import tqdm

from apps.documents.changelog import DatabaseChangeLog
from apps.documents.management.index_table import LEGEND, on_disk, table
from apps.documents.models import Collection
from engines import wiring
from engines.embedding import UnusableModel
from engines.index import compaction
from engines.index.local import LocalIndex
from engines.index.verification import Fault, Report
from rag.errors import RagError

HELP = (
    "Footnote finds passages with an index: files on this machine's disk, one part for the meaning of texts (vectors) "
    "and one for their words (lexical). They are caches of the database: they keep themselves up to date, and throwing "
    "them away loses nothing. Small collections have none, for their passages are read from the database when they "
    "are first searched. These actions are for when a search seems to miss something, after a crash, or to see what is "
    "there. Footnote may run meanwhile."
)
ACTIONS = {
    "status": "show what the database and this machine's disk hold of each collection",
    "verify": "compare the index with the database, passage by passage; ends with status 1 when something is wrong",
    "rebuild": "throw the caches away and make them anew from the database; running searches take them over",
    "compact": "write what came since into the caches where that is due",
}
NEAR_NAMES = 5


class Command(BaseCommand):
    """Thin: `engines.index.local.LocalIndex` does the work, this finds the collections and prints."""

    help = HELP
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
        for name, words in ACTIONS.items():
            action = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
            action.add_argument(
                "--collection",
                dest="names",
                action="append",
                default=[],
                metavar="NAME",
                help="a collection's name, slug or id; may be given several times (default: every collection)",
            )
            if name == "status":
                action.add_argument("--json", action="store_true", help="for programs: a list, one object a collection")
            if name == "compact":
                action.add_argument("--force", action="store_true", help="also where it is not due")

    def handle(self, *args: Any, action: str, names: Sequence[str], **options: Any) -> None:
        with _one_sentence():
            collections = _chosen(names)
            self._log = DatabaseChangeLog()
            self._index: LocalIndex = wiring.passage_index(self._log)
            if action == "status":
                self._status(collections, as_json=options["json"])
                return
            if not collections:
                self.stdout.write("There are no collections yet.")
            work: Callable[[Collection], bool] = {
                "verify": self._verify,
                "rebuild": self._rebuild,
                "compact": lambda collection: self._compact(collection, force=options["force"]),
            }[action]
            bar = tqdm(collections, unit="collection", disable=action != "compact" or self._quiet(), leave=False)
            done = [self._done(work, collection) for collection in bar]
            if not all(done):
                sys.exit(1)

    # -------------------------------------------------------------------------------------- each action

    def _status(self, collections: Sequence[Collection], *, as_json: bool) -> None:
        facts = [self._facts(collection) for collection in collections]
        if as_json:
            self.stdout.write(json.dumps(facts, indent=1, ensure_ascii=False))
        elif facts:
            for line in table(facts):
                self.stdout.write(line)
            self.stdout.write(f"\n{LEGEND}")
        else:
            self.stdout.write("There are no collections yet.")

    def _facts(self, collection: Collection) -> dict[str, Any]:
        """What `--json` shows of a collection."""
        sizes, held = self._log.sizes(collection.pk), self._index.held(collection.pk)
        snapshot, lexical = held.snapshot, held.lexical
        chunks = sum(sizes.values())
        # A snapshot of a later revision is of a database that was since restored from a backup, and not used.
        used = snapshot is not None and snapshot.revision <= collection.revision
        return {
            "collection": str(collection.pk),
            "name": collection.name,
            "slug": collection.slug,
            "documents": len(sizes),
            "chunks": chunks,
            "revision": collection.revision,
            "snapshot": snapshot
            and {
                "rows": snapshot.rows,
                "revision": snapshot.revision,
                "bytes": snapshot.bytes,
                "age_seconds": max(0, round(time.time() - snapshot.written_at)),
            },
            "outside": sum(sizes.get(version, 0) for version in held.added) if used else chunks,
            "lexical": lexical and {"rows": lexical.rows, "revision": lexical.revision},
            "small": chunks < compaction.SMALL,
        }

    def _verify(self, collection: Collection) -> bool:
        with self._bar(collection) as bar:
            report = self._index.verify(
                collection.pk, progress=bar.update, sizes=lambda: self._log.sizes(collection.pk)
            )
        self._say(collection, _verdict(report))
        for fault, tally in report.faults.items():
            named = ", ".join(tally.first) + (", …" if tally.count > len(tally.first) else "")
            self.stdout.write(f"  {tally.count} {fault}: {named}")
        if report.mendable:
            self.stdout.write(f"  To mend it: manage.py index rebuild --collection {collection.slug}")
        if Fault.NO_VECTOR in report.faults:
            self.stdout.write("  Upload these documents again, or sync their source, so that they are embedded anew.")
        return report.in_order

    def _rebuild(self, collection: Collection) -> bool:
        with self._bar(collection) as bar:
            rows = self._index.rebuild(collection.pk, progress=bar.update)
        if rows:
            self._say(collection, f"rebuilt, {on_disk(self._index.held(collection.pk))}.")
        else:
            self._say(collection, "small, so it has no caches; running searches read it from the database again.")
        return True

    def _compact(self, collection: Collection, *, force: bool) -> bool:
        wrote = self._index.compact(collection.pk, force=force, wait=True)
        held = self._index.held(collection.pk)
        if held.snapshot is None:
            self._say(collection, "small, so it has no caches.")
        elif wrote:
            self._say(collection, f"written, {on_disk(held)}.")
        else:
            self._say(collection, f"nothing is due, {on_disk(held)}; --force writes it all the same.")
        return True

    # ----------------------------------------------------------------------------------------- printing

    def _done(self, work: Callable[[Collection], bool], collection: Collection) -> bool:
        """One collection that cannot be read or written does not keep the others from their turn."""
        try:
            return work(collection)
        except (OSError, ValueError) as error:
            self._say(collection, f"failed: {error}")
            return False

    def _say(self, collection: Collection, words: str) -> None:
        with tqdm.external_write_mode():
            self.stdout.write(f"{collection.name}: {words}")

    def _bar(self, collection: Collection) -> "tqdm[Any]":
        """Gone when its work is done, for the line of the collection says what came of it."""
        total = sum(self._log.sizes(collection.pk).values())
        return tqdm(total=total, desc=collection.name[:40], unit="chunk", disable=self._quiet(), leave=False)

    def _quiet(self) -> bool | None:
        """As tqdm takes it: None leaves it to whether stderr, where bars are drawn, is a terminal too."""
        return None if self.stdout.isatty() else True


@contextmanager
def _one_sentence() -> Iterator[None]:
    """What can be expected to go wrong ends the command with one sentence, not with a traceback."""
    try:
        database = connection.settings_dict["NAME"]
        if connection.vendor == "sqlite" and not Path(database).exists():  # connecting would make an empty one
            raise CommandError(
                f"There is no Footnote in {database} yet. Name the folder that it runs on (DATA_DIR, in the "
                "environment or .env), or start it there once with `make run`."
            )
        yield
    except KeyboardInterrupt:
        raise CommandError("Broken off. What was there before still serves.", returncode=130) from None
    except (UnusableModel, RagError) as error:
        raise CommandError(str(error)) from None
    except DatabaseError as error:
        if any(words in str(error) for words in ("no such table", "does not exist")):
            raise  # manage.py has a sentence for it
        raise CommandError(f"The database does not answer: {str(error).strip()}") from None


def _chosen(names: Sequence[str]) -> list[Collection]:
    """The collections of those names, slugs or ids; all, when there are none."""
    every = list(Collection.objects.all())
    return [_named(name, every) for name in dict.fromkeys(names)] if names else every


def _named(name: str, every: Sequence[Collection]) -> Collection:
    name = name.strip()
    wanted = name.casefold()
    found = [each for each in every if each.slug == name or str(each.pk) == wanted]
    found = found or [each for each in every if each.name == name]
    found = found or [each for each in every if wanted in (each.slug, each.name.casefold())]
    if len(found) == 1:
        return found[0]
    if found:
        slugs = ", ".join(each.slug for each in found)
        raise CommandError(f"Several collections are called “{name}”. Give the slug of one of them: {slugs}.")
    if not every:
        raise CommandError(f"There is no collection “{name}”; there are no collections yet.")
    by_word = {word.casefold(): each.name for each in every for word in (each.slug, each.name)}
    close = [*get_close_matches(wanted, by_word, NEAR_NAMES), *(word for word in by_word if wanted and wanted in word)]
    near = list(dict.fromkeys(by_word[word] for word in close))[:NEAR_NAMES]
    some = near or [each.name for each in every[:NEAR_NAMES]]
    words = "Do you mean" if near else "There are, for instance," if len(every) > NEAR_NAMES else "There are"
    raise CommandError(f"There is no collection “{name}”. {words} {', '.join(some)}{'?' if near else '.'}")


def _verdict(report: Report) -> str:
    if report.gone:
        return "was deleted meanwhile."
    compared = f"{report.rows} chunks compared"
    return f"in order, {compared}." if report.in_order else f"NOT in order, {compared}:"

"""`manage.py ingest DIR --collection NAME`: a folder of the server into a collection, and kept in step."""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from tqdm import tqdm

from apps.documents import selectors, services
from apps.documents.models import SERVING, UNFINISHED, Collection, Document, Source, State
from apps.inference import selectors as inference
from apps.users.models import User

LOOK_EVERY_SECONDS = 0.5
WATCH_EVERY_SECONDS = 10.0
FAILURES_SHOWN = 20


class Command(BaseCommand):
    """Adds the folder as a source, lets the running Footnote sync it, and shows how far it is. Broken off and
    started again it goes on where it was: what is there already is left as it is."""

    help = (
        "Files everything below a folder of this server into a collection (made if there is none) and shows a "
        "progress bar. Safe to break off and to repeat. Ends with status 1 when a document failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--collection", required=True, metavar="NAME", help="its name or its slug")
        parser.add_argument("--as", dest="email", metavar="EMAIL", help="whose it is (default: first administrator)")
        parser.add_argument(
            "--watch", action="store_true", help=f"go on: look for changes every {WATCH_EVERY_SECONDS:g} s until Ctrl-C"
        )

    def handle(self, *args: Any, directory: Path, collection: str, **options: Any) -> None:
        user = _person(options["email"])
        try:
            with transaction.atomic():  # a folder that is refused leaves no collection behind
                source = services.add_server_folder(
                    by=user, collection=_collection(user, collection), folder=directory.resolve()
                )
        except services.DocumentsError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from None
        if "ingest" not in inference.living_roles():
            self.stdout.write("Footnote is not running; start it (`make run`) and the folder is read then.")
            return
        try:
            failed = self._follow(source)
            while options["watch"]:
                time.sleep(WATCH_EVERY_SECONDS)
                services.sync_source(by=user, source=source)
                failed = self._follow(source, quiet=True)
        except KeyboardInterrupt:
            self.stdout.write("\nWhat was filed so far is read on by Footnote; run this again to go on.")
            return
        if failed:
            sys.exit(1)

    def _follow(self, source: Source, *, quiet: bool = False) -> int:
        """Shows the sync and the documents until both have ended; gives how many documents failed."""
        since = source.synced_at
        with tqdm(total=0, unit="file", disable=quiet or None, leave=True, mininterval=LOOK_EVERY_SECONDS) as bar:
            while True:
                source.refresh_from_db()
                counts = _states(source)
                finished = sum(n for state, n in counts.items() if state not in UNFINISHED)
                bar.total, bar.n = max(source.seen, sum(counts.values())), finished
                bar.set_postfix(filed=source.seen, failed=counts.get(State.FAILED, 0), refresh=True)
                synced = source.synced_at != since and source.lease is None
                if synced and finished == sum(counts.values()):
                    break
                time.sleep(LOOK_EVERY_SECONDS)
        return self._tell(source, counts, quiet=quiet)

    def _tell(self, source: Source, counts: Counter[str], *, quiet: bool) -> int:
        outcome = source.outcome
        changes = {name: outcome.get(name, 0) for name in ("new", "changed", "vanished")}
        if source.error:
            self.stderr.write(source.error)
        if not quiet or any(changes.values()):
            ready = sum(counts[state] for state in SERVING)
            words = ", ".join(f"{count} {name}" for name, count in changes.items() if count) or "nothing new"
            self.stdout.write(f"{words}; {ready} ready, {counts[State.FAILED]} failed.")
        for line in outcome.get("refusals", ()) if not quiet else ():
            self.stdout.write(f"  left out: {line}")
        failures = Document.objects.present().filter(source=source, latest__state=State.FAILED).select_related("latest")
        for document in failures[:FAILURES_SHOWN] if not quiet else ():
            self.stdout.write(f"  failed: {document.key}: {document.latest and document.latest.error_message}")
        return counts[State.FAILED] + bool(source.error)


def _person(email: str | None) -> User:
    people = User.objects.filter(email__iexact=email) if email else User.objects.filter(is_superuser=True)
    user = people.filter(is_active=True).order_by("date_joined").first()
    if user is None:
        raise CommandError(f"There is no account {email}." if email else "There is no administrator yet.")
    return user


def _collection(user: User, name: str) -> Collection:
    mine = selectors.collections_of(user)
    found = mine.filter(name=name).first() or mine.filter(slug=name).first()
    return found or services.create_collection(by=user, name=name)


def _states(source: Source) -> Counter[str]:
    states = Document.objects.present().filter(source=source).values_list("latest__state", flat=True)
    return Counter(state for state in states if state)

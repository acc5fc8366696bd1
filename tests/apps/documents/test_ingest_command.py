"""`manage.py ingest DIR`: a folder of the server into a collection, from the server's own shell."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from apps.documents import ingestion
from apps.documents.management.commands import ingest as command
from apps.documents.models import Collection, Document, Source, State, Version
from apps.users.models import User
from tests.apps.documents.journeys import a_worker, ingested
from tests.factories import a_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with three files, one of them deeper."""
    (tmp_path / "deep").mkdir()
    for name in ("ants.txt", "bees.txt", "deep/wasps.txt"):
        (tmp_path / name).write_text(f"The words of {name}.")
    return tmp_path


@pytest.fixture
def at_most(monkeypatch: pytest.MonkeyPatch, redis_server: str) -> Callable[[int], None]:
    """A worker works while the command waits, and after so many documents somebody presses Ctrl-C."""
    worker = a_worker()

    def begin(most: int) -> None:
        left = [most]

        def wait(seconds: float) -> None:
            for source in Source.objects.filter(due_at__isnull=False):
                ingestion.sync(source.pk, worker)
            for document in Document.objects.filter(latest__state=State.QUEUED).order_by("key"):
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
                ingested(document)

        monkeypatch.setattr(command, "time", SimpleNamespace(sleep=wait))

    return begin


def run(folder: Path, **options: object) -> str:
    out = StringIO()
    call_command("ingest", str(folder), **{"collection": "Insects", **options}, stdout=out, stderr=out)
    return out.getvalue()


def test_a_folder_is_filed_and_a_second_run_does_nothing(manager: User, three: Path, at_most) -> None:
    at_most(3)
    assert "3 new; 3 ready, 0 failed." in run(three, email=manager.email)
    documents = Document.objects.filter(collection__name="Insects", uploaded_by=manager)
    assert sorted(documents.values_list("key", flat=True)) == ["ants.txt", "bees.txt", "deep/wasps.txt"]
    assert "nothing new; 3 ready, 0 failed." in run(three, email=manager.email)
    assert (Collection.objects.count(), Source.objects.count(), Version.objects.count()) == (1, 1, 3)


def test_broken_off_it_goes_on_where_it_was(manager: User, three: Path, at_most) -> None:
    at_most(1)
    assert "run this again to go on" in run(three)
    assert Version.objects.filter(state=State.READY).count() == 1
    at_most(2)  # a third one would be read twice
    assert "nothing new; 3 ready, 0 failed." in run(three)


def test_what_failed_is_told_and_is_its_status(manager: User, three: Path, at_most) -> None:
    (three / "blank.txt").write_text(" \n")
    at_most(4)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("ingest", str(three), collection="Insects", stdout=out)
    assert ended.value.code == 1
    assert "4 new; 3 ready, 1 failed." in out.getvalue()
    assert "failed: blank.txt: " in out.getvalue()


def test_without_a_running_footnote_it_says_so(manager: User, three: Path, redis_server: str) -> None:
    assert "Footnote is not running; start it" in run(three)
    assert Source.objects.get().due_at is not None


@pytest.mark.parametrize(
    ("folder", "options", "sentence"),
    [
        ("gone", {}, "There is no folder "),
        ("ants.txt", {}, "There is no folder "),
        (".", {"collection": " "}, "A collection needs a name"),
        (".", {"email": "nobody@example.org"}, "There is no account nobody@example.org."),
    ],
)
def test_what_cannot_be_is_one_sentence(
    manager: User, three: Path, folder: str, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=f"^{sentence}"):
        run(three / folder, **options)
    assert not Source.objects.exists()
    assert not Collection.objects.exists()


def test_it_belongs_to_an_administrator_or_to_whom_is_named(db: None, three: Path, redis_server: str) -> None:
    with pytest.raises(CommandError, match=r"^There is no administrator yet\.$"):
        run(three)
    person = a_user()
    run(three, email=person.email.upper())
    assert Source.objects.get().added_by == person


def test_the_collection_is_asked_for(three: Path) -> None:
    with pytest.raises(CommandError, match="--collection"):
        call_command("ingest", str(three))

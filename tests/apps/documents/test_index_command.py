"""`manage.py index ACTION`: what it says, and with which status it ends."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from apps.documents import services
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.management.commands import index as command
from apps.documents.models import Chunk, Collection, Embedding
from apps.users.models import User
from engines import wiring
from engines.embedding import UnusableModel
from engines.index import compaction
from rag.types import Mode
from tests.apps.documents.journeys import ingested, paragraphs
from tests.factories import a_collection, a_document
from tests.fakes_search import FakeEmbedder

NOBODYS = "01a00000-0000-7000-8000-000000000000"
pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def index_folder(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of the test's own, with a small encoder, where collections of ten chunks have caches already."""
    embedder = FakeEmbedder()
    settings.INDEX_DIR = tmp_path / "index"
    monkeypatch.setattr(wiring, "embedder", lambda: embedder)
    monkeypatch.setattr(compaction, "SMALL", 10)
    monkeypatch.setattr(compaction, "UNSETTLED_LEAST", 4)
    return settings.INDEX_DIR


@pytest.fixture
def large(owner: User) -> Collection:
    """Two documents of a dozen chunks and more, without caches yet."""
    collection = a_collection(owner, "Field guide")
    for name in ("ants.txt", "bees.txt"):
        ingested(a_document(owner, collection, f"{name}\n\n{paragraphs(12, words=200)}", name))
    return collection


@pytest.fixture
def tiny(owner: User) -> Collection:
    collection = a_collection(owner, "Handbook")
    ingested(a_document(owner, collection, "Bees dance."))
    return collection


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("index", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def failed(*arguments: str) -> str:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("index", *arguments, stdout=out, stderr=out)
    assert ended.value.code == 1
    return out.getvalue()


def chunks_of(collection: Collection) -> int:
    return Chunk.objects.filter(version__document__collection=collection).count()


# ----------------------------------------------------------------------------------------------- status


def test_status_as_a_table_and_for_programs(owner: User, large: Collection, tiny: Collection) -> None:
    assert "none yet" in run("status")
    run("compact")
    before = chunks_of(large)
    ingested(a_document(owner, large, "Wasps build with paper.", "wasps.txt"))
    header, guide, handbook = run("status").splitlines()[:3]
    assert header.split()[:4] == ["Collection", "Documents", "Chunks", "Revision"]
    assert len(header) == len(guide) == len(handbook)
    assert "none (small)" in handbook
    first, second = json.loads(run("status", "--json"))
    assert (first["name"], first["documents"], first["chunks"], first["revision"]) == ("Field guide", 3, before + 1, 3)
    assert (first["snapshot"]["rows"], first["snapshot"]["revision"]) == (before, 2)
    assert first["snapshot"]["bytes"] > 0
    assert first["snapshot"]["age_seconds"] < 60
    assert (first["outside"], first["lexical"]) == (1, {"rows": before, "revision": 2})
    assert (second["name"], second["snapshot"], second["outside"], second["lexical"]) == ("Handbook", None, 1, None)
    assert [row["slug"] for row in json.loads(run("status", "--json", "--collection", tiny.slug))] == [tiny.slug]


def test_status_of_a_database_that_was_restored(large: Collection) -> None:
    run("compact")
    Collection.objects.update(revision=1)
    assert json.loads(run("status", "--json"))[0]["outside"] == chunks_of(large)


@pytest.mark.parametrize("action", ["status", "verify", "rebuild", "compact"])
def test_without_collections_it_says_so(db: None, action: str) -> None:
    assert run(action) == "There are no collections yet.\n"


# ----------------------------------------------------------------------------------- verify and rebuild


def test_what_is_in_order_is_one_line_each(large: Collection, tiny: Collection) -> None:
    run("compact")
    assert run("verify") == (
        f"Field guide: in order, {chunks_of(large)} chunks compared.\nHandbook: in order, 1 chunks compared.\n"
    )


def test_what_is_wrong_is_told_and_a_rebuild_mends_it_for_running_searches(
    large: Collection, tiny: Collection, index_folder: Path
) -> None:
    run("compact")
    running = wiring.passage_index(DatabaseChangeLog())
    asked = {"text": "word3x7", "vector": None, "collections": [large.pk], "limit": 100, "mode": Mode.LEXICAL}
    assert running.search(**asked)
    chunks = Chunk.objects.filter(version__document__collection=large)
    # Rows that change without the log being told: what no code of Footnote does, so that the index cannot know.
    gone = list(chunks.order_by("ordinal").values_list("pk", flat=True)[:4])
    chunks.filter(pk__in=gone).delete()
    out = failed("verify")
    assert "Field guide: NOT in order" in out
    assert "  4 among the vectors, but not in the database: " in out
    assert "  4 in the lexical index, but not in the database, or twice: " in out
    assert sum(str(chunk) in out for chunk in gone) >= 3
    assert "  4 lost in the database, or without a vector" in out
    assert f"manage.py index rebuild --collection {large.slug}" in out
    assert "Handbook: in order" in out
    left = chunks_of(large)
    assert run("rebuild", "--collection", "field GUIDE").startswith(
        f"Field guide: rebuilt, {left} chunks at revision 2"
    )
    assert {hit.chunk for hit in running.search(**asked)}.isdisjoint(gone)
    assert len(running.ids(large.pk)) == left


def test_a_damaged_file_is_named(large: Collection, index_folder: Path) -> None:
    run("compact")
    next(index_folder.rglob("vectors.f16")).write_bytes(b"nonsense")
    assert "  1 damaged or unreadable on the disk: snapshot-" in failed("verify", "--collection", str(large.pk))
    run("rebuild")
    assert "in order" in run("verify")


def test_chunks_without_a_vector_are_told(large: Collection) -> None:
    Embedding.objects.filter(text_hash=Chunk.objects.order_by("pk")[0].text_hash).update(model="another@1")
    out = failed("verify")
    assert "without a vector of the present embedding model" in out
    assert "Upload these documents again" in out
    assert "rebuild" not in out


def test_a_small_collection_has_nothing_to_rebuild(tiny: Collection, index_folder: Path) -> None:
    assert "Handbook: small, so it has no caches; running searches read it from the database again." in run("rebuild")
    assert not list(index_folder.rglob("vectors.f16"))


def test_compact_writes_what_is_due(owner: User, large: Collection, tiny: Collection) -> None:
    out = run("compact")
    assert f"Field guide: written, {chunks_of(large)} chunks at revision 2" in out
    assert "Handbook: small, so it has no caches." in out
    ingested(a_document(owner, large, "Wasps build with paper.", "wasps.txt"))
    assert "Field guide: nothing is due" in run("compact")
    assert "at revision 3" in run("compact", "--force", "--collection", "Field guide")


# ------------------------------------------------------------------------------------- what can go wrong


def test_a_full_disk_keeps_no_other_collection_from_its_turn(
    large: Collection, tiny: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compaction.snapshots, "write", full)
    out = failed("rebuild")
    assert "Field guide: failed: [Errno 28] No space left on device" in out
    assert "Handbook: small" in out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Feld guide", r"^There is no collection “Feld guide”\. Do you mean Field guide\?$"),
        ("guide", r"^There is no collection “guide”\. Do you mean Field guide\?$"),
        ("zebra", r"^There is no collection “zebra”\. There are Field guide, Handbook\.$"),
        ("", r"^There is no collection “”\. There are Field guide, Handbook\.$"),
        (NOBODYS, r"^There is no collection “[-0-9a-f]+”\. There are Field guide, Handbook\.$"),
    ],
)
def test_an_unknown_collection_is_one_sentence(owner: User, name: str, sentence: str) -> None:
    a_collection(owner, "Field guide")
    a_collection(owner, "Handbook")
    with pytest.raises(CommandError, match=sentence):
        run("verify", "--collection", name)


def test_two_collections_of_one_name_are_told_apart_by_slug(owner: User) -> None:
    first, second = a_collection(owner, "Handbook"), a_collection(owner, "Handbook")
    with pytest.raises(CommandError, match=f"Give the slug of one of them: .*{second.slug}"):
        run("verify", "--collection", " Handbook")
    for slug in (first.slug, second.slug):
        assert run("verify", "--collection", slug) == "Handbook: in order, 0 chunks compared.\n"


def test_without_a_database_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(command, "_chosen", away)
    with pytest.raises(CommandError, match=r"^The database does not answer: connection refused$"):
        run("status")
    monkeypatch.setitem(command.connection.settings_dict, "NAME", str(tmp_path / "none.sqlite3"))
    if command.connection.vendor == "sqlite":
        with pytest.raises(CommandError, match=r"^There is no Footnote in .*none\.sqlite3 yet"):
            run("status")
        assert not (tmp_path / "none.sqlite3").exists()


def raising(error: BaseException) -> Callable[..., None]:
    def raises(*_: object, **__: object) -> None:
        raise error

    return raises


def test_an_encoder_that_is_not_there_and_ctrl_c_are_one_sentence(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, sentence in ((UnusableModel("Run `make setup`."), "Run `make setup`."), (KeyboardInterrupt(), "Broken")):
        monkeypatch.setattr(wiring, "passage_index", raising(error))
        with pytest.raises(CommandError, match=sentence):
            run("status")


def test_help_says_what_an_index_is(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["compact", "--help"]):
        with pytest.raises(SystemExit) as ended:
            call_command("index", *arguments)
        assert ended.value.code == 0
    out = capsys.readouterr().out
    for word in ("status", "verify", "rebuild", "compact", "throwing them away loses nothing", "--force", "slug"):
        assert word in " ".join(out.split()), word


def test_a_deleted_collection_is_no_longer_there(owner: User, tiny: Collection) -> None:
    services.delete_collection(by=owner, collection=tiny)
    assert run("status") == "There are no collections yet.\n"

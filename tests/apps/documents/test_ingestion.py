"""From a file to passages that can be found, and every way to stop on that way."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.documents import ingestion, selectors, services
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.ingestion import outcomes
from apps.documents.models import Change, Chunk, Document, Embedding, Page, State, Version
from apps.users.models import User
from engines import parsing
from rag import types
from rag.errors import ParsingError
from tests.apps.documents.journeys import WatchedEmbedder, a_worker, assert_whole, content_of, ingested, paragraphs
from tests.factories import a_collection, a_document, a_file

pytestmark = pytest.mark.django_db(transaction=True)


def assert_nothing_of_the_text() -> None:
    assert not Chunk.objects.exists()
    assert not Page.objects.exists()
    assert not Embedding.objects.exists()


def test_a_document_becomes_ready(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "# Bees\n\nBees dance.\n\n" + paragraphs(5), "bees.md"))
    shown = selectors.document_json(document)
    assert shown["status"] == "ready"
    assert shown["error"] is None
    assert shown["position"] is None
    assert shown["pages"] == 1
    assert shown["chunks"] == Chunk.objects.count() > 1
    assert shown["progress"] == {"stage": "ready", "done": shown["chunks"], "total": shown["chunks"]}
    page = Page.objects.get()
    assert all(chunk.text == page.text[chunk.start : chunk.end] for chunk in Chunk.objects.all())
    document.collection.refresh_from_db()
    assert document.collection.revision == 1
    assert [(c.kind, c.version) for c in Change.objects.all()] == [("add", document.latest_id)]
    assert document.latest.lease is None
    assert_whole(mine.pk)


def test_a_second_call_finds_nothing_to_do(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine))
    embedder = WatchedEmbedder()
    assert ingested(document, embedder).latest.attempts == 1
    assert embedder.seen == []
    assert Change.objects.count() == 1


def test_a_living_lease_is_respected_and_a_dead_one_is_not(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine)
    Version.objects.update(lease=a_worker(), state=State.EMBEDDING)
    assert ingested(document).latest.state == State.EMBEDDING
    Version.objects.update(lease=a_worker(alive=False))
    assert ingested(document).latest.state == State.READY


def test_a_text_embedded_before_is_not_embedded_again(owner: User) -> None:
    mine, other = a_collection(owner), a_collection(owner, "Other")
    text = paragraphs(8)
    ingested(a_document(owner, mine, text))
    embedder = WatchedEmbedder()
    document = ingested(a_document(owner, other, text), embedder)
    assert document.latest.state == State.READY
    assert embedder.seen == []
    services.delete(by=owner, document=document)
    assert_whole(mine.pk)  # the shared vectors stay
    services.delete(by=owner, document=Document.objects.present().get())
    assert not Embedding.objects.exists()


def test_without_text_it_is_never_ready(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "   \n\n \t ", "blank.txt"))
    shown = selectors.document_json(document)
    assert shown["status"] == "failed"
    assert shown["error"]["code"] in ("no_text", "empty")
    assert shown["error"]["message"]
    assert shown["error"]["hint"]
    assert not Chunk.objects.exists()
    assert document.current is None


def a_pdf(*texts: str) -> bytes:
    """A PDF with a page for each text, blank for an empty one; readers rebuild its missing cross-references."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in texts:
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    body = "".join(f"{n} 0 obj\n{text}\nendobj\n" for n, text in enumerate(objects, start=1))
    return f"%PDF-1.4\n{body}trailer\n<< /Root 1 0 R /Size {len(objects) + 1} >>\n%%EOF\n".encode()


def test_pages_without_text_are_told(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, a_pdf("Bees dance to tell where flowers are.", "", ""), "bees.pdf"))
    shown = selectors.document_json(document)
    assert shown["status"] == "ready_with_warnings"
    assert "2 of 3 pages had no text: 2 to 3." in shown["warnings"]
    assert (shown["pages"], shown["has_page_images"]) == (3, True)
    chunk = Chunk.objects.get()
    assert chunk.page == 1
    assert chunk.lines
    assert_whole(mine.pk)


def test_a_scan_fails_for_want_of_text(owner: User) -> None:
    document = ingested(a_document(owner, a_collection(owner), a_pdf("", ""), "scan.pdf"))
    assert (document.latest.state, document.latest.error_code) == (State.FAILED, "no_text")
    assert document.latest.error_hint
    assert document.current is None


def test_a_broken_pdf_fails_with_its_reason(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, b"%PDF-1.7\n" + b"garbage " * 200, "broken.pdf"))
    assert document.latest.state == State.FAILED
    assert document.latest.error_code == "broken"
    assert document.latest.attempts == 1  # permanent: not tried again


def test_what_may_help_is_tried_again_with_a_pause_until_it_is_enough(owner: User, settings) -> None:
    settings.INGEST_ATTEMPTS = 2
    mine = a_collection(owner)
    document = a_document(owner, mine)

    def break_down() -> None:
        raise MemoryError

    first = ingested(document, WatchedEmbedder(break_down)).latest
    assert (first.state, first.lease, first.attempts) == (State.QUEUED, None, 1)
    assert first.not_before > timezone.now() + timedelta(seconds=5)
    event = document.events.get(kind="retried")
    assert (event.by, event.text) == (None, "It broke (MemoryError). It is tried again in 10 seconds.")
    second = ingested(document, WatchedEmbedder(break_down)).latest
    assert (second.state, second.error_code) == (State.FAILED, "attempts")
    assert (second.page_count, second.chunk_count, second.progress_done) == (0, 0, 0)
    assert "MemoryError" in second.error_message
    assert not Chunk.objects.exists()
    services.retry(by=owner, document=document)
    assert ingested(document).latest.state == State.READY
    assert_whole(mine.pk)


def test_a_parser_that_says_it_may_pass_is_asked_again(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine)
    lease = ingestion.work.Lease.take(document.latest_id, a_worker())
    assert lease is not None
    outcomes.refuse(lease, ParsingError("crashed", "It crashed.", permanent=False))
    assert Version.objects.get().state == State.QUEUED


def test_a_poison_document_is_given_up(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine)
    Version.objects.update(attempts=3, lease=a_worker(alive=False), state=State.EXTRACTING)
    assert ingested(document).latest.error_code == "attempts"


def test_deleted_in_the_middle_leaves_nothing(owner: User, files_on_disk) -> None:
    mine = a_collection(owner)
    before = files_on_disk()
    document = a_document(owner, mine, paragraphs(20))
    embedder = WatchedEmbedder(lambda: services.delete(by=owner, document=document))
    after = ingested(document, embedder)
    assert embedder.seen
    assert after.deleted_at is not None
    assert after.current is None
    assert_nothing_of_the_text()
    assert not Change.objects.exists()
    assert files_on_disk() == before


def test_the_whole_collection_deleted_in_the_middle(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, paragraphs(20))
    embedder = WatchedEmbedder(lambda: services.delete_collection(by=owner, collection=mine))
    ingestion.ingest(document.latest_id, a_worker(), embedder=embedder)
    assert not Document.objects.exists()
    assert_nothing_of_the_text()


def test_replaced_in_the_middle_only_the_new_file_comes(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, paragraphs(20))
    file = a_file("Wasps do not dance.")
    after = ingested(document, WatchedEmbedder(lambda: services.replace(by=owner, document=document, file=file)))
    assert (after.current, after.latest.number, after.latest.state) == (None, 2, State.QUEUED)
    after = ingested(after)
    assert after.current_id == after.latest_id
    assert "Wasps" in Chunk.objects.get().text
    assert_whole(mine.pk)


def test_a_vector_that_vanishes_with_its_last_document_is_made_again(owner: User) -> None:
    mine = a_collection(owner)
    text = paragraphs(3)
    first = ingested(a_document(owner, mine, text))
    second = a_document(owner, mine, text + "\n\n" + paragraphs(1, words=30))

    def take_away() -> None:
        services.delete(by=owner, document=first)
        Embedding.objects.all().delete()  # as if the delete had seen no other chunk with the text yet

    embedder = WatchedEmbedder(take_away)
    embedder._meanwhile = lambda: (take_away(), setattr(embedder, "_meanwhile", lambda: None))
    assert ingested(second, embedder).latest.state == State.READY
    assert_whole(mine.pk)


def test_a_try_that_was_cut_off_leaves_the_result_of_a_clean_run(owner: User) -> None:
    clean, mine = a_collection(owner, "Clean"), a_collection(owner)
    text = paragraphs(100, words=180)
    whole = ingested(a_document(owner, clean, text))
    Embedding.objects.all().delete()
    document = a_document(owner, mine, text)
    calls = []

    def die_in_the_second_batch() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingested(document, WatchedEmbedder(die_in_the_second_batch))
    kept = Embedding.objects.count()
    assert kept == 64
    assert Version.objects.get(pk=document.latest_id).lease is not None
    Version.objects.filter(pk=document.latest_id).update(lease=a_worker(alive=False))
    embedder = WatchedEmbedder()
    after = ingested(document, embedder)
    assert len(embedder.seen) == after.latest.chunk_count - kept
    assert content_of(after.latest_id) == content_of(whole.latest_id)


def test_cancel_in_each_state(owner: User) -> None:
    mine = a_collection(owner)
    for state in State.values:
        document = a_document(owner, mine, f"text {state}")
        Version.objects.filter(pk=document.latest_id).update(state=state, chunk_count=7, progress_done=5)
        after = services.cancel(by=owner, document=document).latest
        unfinished = state in ("queued", "extracting", "chunking", "embedding")
        assert after.state == ("cancelled" if unfinished else state)
        assert (after.chunk_count, after.progress_done) == ((0, 0) if unfinished else (7, 5))


@pytest.mark.parametrize("stage", [State.QUEUED, State.EXTRACTING, State.CHUNKING, State.EMBEDDING, "publishing"])
def test_cancelled_while_a_worker_is_at_it(owner: User, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, paragraphs(20))
    enter, publish, extract = ingestion.work.Progress.enter, outcomes.publish, parsing.extract

    def cancel_and_extract(*args, **options) -> Iterator[types.Page]:
        if stage == State.EXTRACTING:
            services.cancel(by=owner, document=document)
        return extract(*args, **options)

    def enter_and_cancel(progress, state, *args, **options) -> None:
        enter(progress, state, *args, **options)
        if state == stage:
            services.cancel(by=owner, document=document)

    def cancel_and_publish(*args) -> bool:
        if stage == "publishing":
            services.cancel(by=owner, document=document)
        return publish(*args)

    monkeypatch.setattr(ingestion.work.Progress, "enter", enter_and_cancel)
    monkeypatch.setattr(outcomes, "publish", cancel_and_publish)
    monkeypatch.setattr(parsing, "extract", cancel_and_extract)
    if stage == State.QUEUED:
        services.cancel(by=owner, document=document)
    after = ingested(document)
    assert (after.latest.state, after.current, after.latest.lease) == (State.CANCELLED, None, None)
    assert not Change.objects.exists()
    assert_nothing_of_the_text()
    monkeypatch.undo()
    services.retry(by=owner, document=document)
    assert ingested(document).latest.state == State.READY


def test_while_the_next_version_is_read_the_former_serves(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Old words."))
    old = document.current_id
    services.replace(by=owner, document=document, file=a_file("New words."))
    document.refresh_from_db()
    assert document.current_id == old
    assert selectors.document_json(document)["serving_version"] == 1
    document = ingested(document)
    assert document.current.number == 2
    kinds = [(c.revision, c.kind, c.version) for c in Change.objects.order_by("revision", "id")]
    assert kinds == [(1, "add", old), (2, "remove", old), (2, "add", document.current_id)]
    log = DatabaseChangeLog()
    assert [row.text for row in log.snapshot(mine.pk, "fake@1")[1]] == ["New words."]
    with pytest.raises(services.Conflict, match="nothing to try again"):
        services.retry(by=owner, document=document)


def test_strangers_and_viewers_change_nothing(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine)
    for refused in (stranger, None):
        by = refused or _viewer(owner, mine)
        error = services.NotFound if refused else services.NotAllowed
        for act in (services.retry, services.cancel, services.delete):
            with pytest.raises(error):
                act(by=by, document=document)
        with pytest.raises(error):
            services.replace(by=by, document=document, file=a_file())
    assert Version.objects.get().state == State.QUEUED


def _viewer(owner: User, collection) -> User:
    viewer = User.objects.create_user("viewer@example.org")
    services.set_member(by=owner, collection=collection, user=viewer, role="viewer")
    return viewer

"""What becomes of a document: renamed, moved, tagged, rolled back, and read again where only a part changed."""

from functools import partial

import pytest

from apps.documents import selectors, services
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.errors import Conflict, NotFound
from apps.documents.models import Change, Chunk, Document, Embedding, Event, State, Tag, Version
from apps.users.models import User
from engines.index.local import LocalIndex
from rag import searching
from rag.types import Mode, Passage
from tests.apps.documents.journeys import WatchedEmbedder, assert_whole, ingested, paragraphs
from tests.factories import a_collection, a_document, a_file, a_user
from tests.fakes_search import FakeEmbedder

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def index(tmp_path) -> LocalIndex:
    """An index over the test's database, as a search process has it."""
    return LocalIndex(DatabaseChangeLog(), tmp_path, model="fake@1", dimension=FakeEmbedder().dimension, tidy=False)


def told(document: Document) -> list[str]:
    """The kinds of its events, oldest first."""
    return list(Event.objects.filter(document=document).order_by("id").values_list("kind", flat=True))


def words(index: LocalIndex, collection, text: str) -> set:
    """The documents whose passages hold a word of the text."""
    hits = index.search(text=text, vector=None, collections=[collection.pk], limit=50, mode=Mode.LEXICAL)
    found = DatabaseChangeLog().passages([hit.chunk for hit in hits], collections=[collection.pk], documents=None)
    return {passage.document for passage in found.values()}


def test_a_new_title_is_shown_and_found_and_costs_no_embedding(owner: User, index: LocalIndex) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Bees dance.", "bees.txt"))
    before = index.ids(mine.pk)
    renamed = services.rename(by=owner, document=document, title="  The  dance\0 language ")
    assert renamed.title == "The dance language"
    assert index.ids(mine.pk) == before
    embedder = WatchedEmbedder()
    assert ingested(document, embedder).title == "The dance language"
    assert embedder.seen == []
    assert_whole(mine.pk)
    assert told(document) == ["added", "ready", "renamed"]
    for bad in ("", "   ", "x" * 501):
        with pytest.raises(services.Refused, match="1 to 500"):
            services.rename(by=owner, document=document, title=bad)


def test_a_moved_document_is_found_there_and_not_here(owner: User, index: LocalIndex) -> None:
    here, there = a_collection(owner, "Here"), a_collection(owner, "There")
    document = ingested(a_document(owner, here, "Bees dance."))
    services.tag(by=owner, document=document, names=["insects"])
    vectors = set(Embedding.objects.values_list("pk", flat=True))
    assert words(index, here, "bees") == {document.pk}
    moved = services.move(by=owner, document=document, to=there)
    assert moved.collection == there
    assert words(index, here, "bees") == set()
    assert words(index, there, "bees") == {document.pk}
    assert index.ids(here.pk) == set()
    assert set(Embedding.objects.values_list("pk", flat=True)) == vectors
    assert [(tag.name, tag.collection_id) for tag in moved.tags.all()] == [("insects", there.pk)]
    assert not here.tags.exists()
    assert_whole(here.pk)
    assert_whole(there.pk)


def test_the_folder_of_an_upload_goes_along_to_another_collection(owner: User) -> None:
    here, there = a_collection(owner), a_collection(owner)
    document = services.upload(by=owner, collection=here, file=a_file(name="plan.txt"), path="Team/plan.txt").document
    assert services.move(by=owner, document=document, to=there).folder == "Team"


def test_moving_needs_an_editor_on_both_sides(owner: User) -> None:
    editor = a_user()
    here, there = a_collection(owner, editor=editor), a_collection(owner, viewer=editor)
    document = ingested(a_document(owner, here))
    with pytest.raises(services.NotAllowed):
        services.move(by=editor, document=document, to=there)
    with pytest.raises(services.NotFound):
        services.move(by=editor, document=document, to=a_collection(owner))
    assert Document.objects.get().collection == here


def test_tags_are_words_of_their_collection(owner: User) -> None:
    mine = a_collection(owner)
    one, two = a_document(owner, mine, "one"), a_document(owner, mine, "two")
    services.tag(by=owner, document=one, names=["Insects", " insects ", "2024", ""])
    services.tag(by=owner, document=two, names=["insects"])
    assert list(one.tags.values_list("name", flat=True)) == ["2024", "insects"]
    assert Tag.objects.count() == 2
    services.tag(by=owner, document=one, names=[])
    assert list(Tag.objects.values_list("name", flat=True)) == ["insects"]
    for bad in (["x" * 51], [str(number) for number in range(21)]):
        with pytest.raises(services.Refused, match="at most 20 tags"):
            services.tag(by=owner, document=two, names=bad)


@pytest.mark.parametrize("act", ["rename", "replace", "cancel", "delete"])
def test_who_looked_it_up_before_it_was_moved_writes_where_it_is_now_or_not_at_all(owner: User, act: str) -> None:
    editor = a_user("editor@example.org")
    here, there = a_collection(owner, editor=editor), a_collection(owner, name="There")
    document = ingested(a_document(owner, here, "Bees dance."))
    looked_up = {user: Document.objects.get(pk=document.pk) for user in (owner, editor)}
    services.move(by=owner, document=document, to=there)
    writes = {
        "rename": partial(services.rename, title="Other"),
        "replace": lambda **fields: services.replace(**fields, file=a_file("Bees hum.")),
        "cancel": services.cancel,
        "delete": services.delete,
    }
    with pytest.raises(NotFound):
        writes[act](by=editor, document=looked_up[editor])
    assert told(document)[-1] == "moved"
    writes[act](by=owner, document=looked_up[owner])
    for collection in (here, there):
        assert_whole(collection.pk)
    assert list(DatabaseChangeLog().snapshot(here.pk, "fake@1")[1]) == []


def test_a_page_that_was_not_fetched_yet_stays_with_its_source(owner: User) -> None:
    here, there = a_collection(owner), a_collection(owner, name="There")
    page = services.add_page(by=owner, collection=here, url="https://example.org/plan.html")
    with pytest.raises(Conflict, match="not been fetched"):
        services.move(by=owner, document=page, to=there)


def test_tags_are_added_and_removed_beside_the_others(owner: User, stranger: User) -> None:
    document = a_document(owner, a_collection(owner))
    stale = Document.objects.get(pk=document.pk)
    services.tag(by=owner, document=document, names=["insects", "old"])
    services.change_tags(by=owner, document=stale, add=["  New ", "insects"], remove=["OLD", "unknown"])
    assert list(document.tags.values_list("name", flat=True)) == ["insects", "new"]
    assert document.events.filter(kind="tagged").count() == 2
    services.change_tags(by=owner, document=document, add=["new"])
    assert document.events.filter(kind="tagged").count() == 2
    with pytest.raises(services.Refused, match="at most 20 tags"):
        services.change_tags(by=owner, document=document, add=[str(number) for number in range(19)])
    with pytest.raises(services.NotFound):
        services.change_tags(by=stranger, document=document, add=["theirs"])
    assert set(Tag.objects.values_list("name", flat=True)) == {"insects", "new"}


def test_an_earlier_version_serves_again_without_being_read(owner: User, index: LocalIndex) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Bees dance.", "a.txt"))
    first = document.latest
    document = ingested(services.replace(by=owner, document=document, file=a_file("Wasps build.", "b.txt")))
    assert (words(index, mine, "bees"), words(index, mine, "wasps")) == (set(), {document.pk})
    embedder = WatchedEmbedder()
    back = services.activate(by=owner, document=document, version=first)
    assert back.current == first
    assert (words(index, mine, "bees"), words(index, mine, "wasps")) == ({document.pk}, set())
    again = services.activate(by=owner, document=document, version=document.latest_id)
    assert again.current_id == document.latest_id
    assert index.ids(mine.pk) == set(Chunk.objects.filter(version=document.latest).values_list("pk", flat=True))
    assert embedder.seen == []
    assert_whole(mine.pk)
    assert told(document)[-2:] == ["activated", "activated"]


def test_only_a_version_that_was_read_can_serve(owner: User) -> None:
    mine = a_collection(owner)
    document, other = a_document(owner, mine), ingested(a_document(owner, mine, "other"))
    with pytest.raises(services.Conflict, match="was read"):
        services.activate(by=owner, document=document, version=document.latest)
    with pytest.raises(services.NotFound, match="version"):
        services.activate(by=owner, document=document, version=other.latest)
    viewer = a_user()
    services.set_member(by=owner, collection=mine, user=viewer, role="viewer")
    with pytest.raises(services.NotAllowed):
        services.activate(by=viewer, document=other, version=other.latest)


def test_rolling_back_cancels_the_version_that_is_on_its_way(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Bees dance.", "a.txt"))
    first = document.latest
    newer = services.replace(by=owner, document=document, file=a_file("Wasps build.", "b.txt"))
    back = services.activate(by=owner, document=document, version=first)
    assert back.current == first
    assert Version.objects.get(number=2).state == State.CANCELLED
    assert ingested(newer).current == first


def test_only_what_changed_is_embedded_again(owner: User) -> None:
    mine = a_collection(owner)
    text = paragraphs(30, words=150)
    document = ingested(a_document(owner, mine, text))
    count = Chunk.objects.count()
    embedder = WatchedEmbedder()
    newer = services.replace(by=owner, document=document, file=a_file(text.replace("word29x149", "changed")))
    after = ingested(newer, embedder)
    assert after.latest.chunk_count == count
    assert 1 <= len(embedder.seen) <= 2
    # The same text in another collection: not even one.
    elsewhere = WatchedEmbedder()
    ingested(a_document(owner, a_collection(owner, "Other"), text), elsewhere)
    assert elsewhere.seen == []


def test_a_citation_of_the_replaced_version_still_opens(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Bees dance.", "a.txt"))
    first = document.latest
    document = ingested(services.replace(by=owner, document=document, file=a_file("Wasps build.", "b.txt")))
    assert selectors.page_text(owner, document, 1, first.pk)["text"] == "Bees dance."
    assert selectors.page_text(owner, document, 1)["text"] == "Wasps build."


def test_replaced_in_the_middle_of_a_search(owner: User, index: LocalIndex) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Bees dance.", "a.txt"))

    class Replaced(DatabaseChangeLog):
        """A new version is published each time that the index has given its hits."""

        def passages(self, *args, **fields):
            hum = f"Bees hum {document.versions.count()}."
            newer = services.replace(by=owner, document=document, file=a_file(hum, "b.txt"))
            ingested(newer)
            return super().passages(*args, **fields)

    def found(log: DatabaseChangeLog) -> list[Passage]:
        embedder, collections = FakeEmbedder(), [mine.pk]
        asked = searching.search("bees", embedder=embedder, index=index, log=log, collections=collections, limit=5)
        return list(asked.passages)

    (before,) = found(DatabaseChangeLog())
    assert found(Replaced()) == []  # what no longer serves is not given out
    (after,) = found(DatabaseChangeLog())
    assert (after.text, after.document) == ("Bees hum 2.", before.document)
    # An answer that was begun with the passage of before still opens it.
    cited = selectors.page_text(owner, document, before.page, before.version)["text"]
    assert cited[before.start : before.end] == before.text == "Bees dance."


def test_the_history_says_what_happened_and_goes_with_the_document(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, "Bees.", "bees.txt")
    services.cancel(by=owner, document=document)
    services.cancel(by=owner, document=document)
    services.retry(by=owner, document=document)
    ingested(document)
    assert told(document) == ["added", "cancelled", "retried", "ready"]
    event = Event.objects.filter(document=document, kind="cancelled").get()
    assert (event.by, event.version) == (owner, 1)
    services.delete(by=owner, document=document)
    (left,) = Event.objects.values_list("kind", "by", "text", "version")
    assert left == ("deleted", owner.pk, "", None)
    assert Change.objects.filter(kind="remove").count() == 1

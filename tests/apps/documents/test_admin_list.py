"""The list of documents in the admin: narrowed, and acted on many at once."""

import pytest
from django.test import Client

from apps.documents import services
from apps.documents.models import Collection, Document, State, Tag, Version
from apps.users.models import User
from tests.factories import a_collection, a_document

pytestmark = pytest.mark.django_db
LIST = "/admin/documents/document/"


def rows(client: Client, **query: str) -> str:
    """The body of the list's table."""
    page = client.get(LIST, query)
    assert page.status_code == 200
    return page.content.decode().partition("<tbody")[2].partition("</table>")[0]


def act(client: Client, action: str, *documents: Document, **more: str) -> str:
    chosen = {"action": action, "_selected_action": [str(document.pk) for document in documents], **more}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_it_is_narrowed_by_tag_type_and_collection(admin: Client, manager: User, collection: Collection) -> None:
    other = a_collection(manager, "Elsewhere")
    leaflet = a_document(manager, collection, "<!doctype html><title>x</title><p>Words.", "leaflet.html")
    note = a_document(manager, collection, "A note.", "note.txt")
    far = a_document(manager, other, "Far away.", "far.txt")
    services.tag(by=manager, document=note, names=["blue"])
    services.tag(by=manager, document=far, names=["blue"])
    assert all(each.title in rows(admin, tag="blue") for each in (note, far))
    assert leaflet.title not in rows(admin, tag="blue")
    assert leaflet.title in rows(admin, type="text/html")
    assert note.title not in rows(admin, type="text/html")
    here = rows(admin, tag="blue", collection__id__exact=str(collection.pk))
    assert note.title in here
    assert "far" not in here
    services.tag(by=manager, document=leaflet, names=["red"])
    Tag.objects.create(collection=collection, name="stale")
    services.delete(by=manager, document=leaflet)
    bar = admin.get(LIST).content.decode()
    assert '<option value="blue">' in bar
    assert not any(f'<option value="{name}">' in bar for name in ("red", "stale"))
    assert not Tag.objects.filter(name="red").exists()


def test_the_bar_keeps_what_else_is_asked_for(admin: Client, manager: User, collection: Collection) -> None:
    a_document(manager, collection)
    bar = admin.get(LIST, {"status": "queued", "type": "text/plain"}).content.decode()
    assert '<input type="hidden" name="status" value="queued">' in bar
    assert '<option value="text/plain" selected>TXT</option>' in bar


def test_a_row_says_whose_it_is_and_what_it_lies_within(admin: Client, manager: User, collection: Collection) -> None:
    mail = a_document(manager, collection, "A mail.", "mail.txt")
    attachment = a_document(manager, collection, "Its attachment.", "attachment.txt")
    Document.objects.filter(pk=attachment.pk).update(parent=mail, key="attachment.txt")
    listed = rows(admin)
    assert "<small>within mail</small>" in listed
    assert manager.email in listed


def test_a_row_that_failed_says_why(admin: Client, manager: User, collection: Collection) -> None:
    document = a_document(manager, collection)
    Version.objects.filter(pk=document.latest_id).update(state=State.FAILED, error_message="<It> is broken.")
    assert '<small class="is-bad">&lt;It&gt; is broken.</small>' in rows(admin)


def test_many_are_tried_again_and_cancelled(admin: Client, manager: User, collection: Collection) -> None:
    failed, waiting = (a_document(manager, collection, text, f"{text}.txt") for text in ("failed", "waiting"))
    Version.objects.filter(pk=failed.latest_id).update(state=State.FAILED, error_code="x", error_message="No.")
    assert "1 document is tried again" in act(admin, "retry_selected", failed, waiting)
    assert Version.objects.get(pk=failed.latest_id).state == State.QUEUED
    assert "2 documents were cancelled" in act(admin, "cancel_selected", failed, waiting)
    assert set(Version.objects.values_list("state", flat=True)) == {State.CANCELLED}


def test_moving_many_asks_where_to(admin: Client, manager: User, collection: Collection) -> None:
    to = a_collection(manager, "Archive")
    document, child = (a_document(manager, collection, text, f"{text}.txt") for text in ("one", "two"))
    Document.objects.filter(pk=child.pk).update(parent=document, key="two.txt")
    asked = act(admin, "move_selected", document, child)
    assert "to another collection" in asked
    assert "one" in asked
    assert Document.objects.filter(collection=collection).count() == 2
    done = act(admin, "move_selected", document, child, to=str(to.pk))
    assert "1 document was moved to Archive" in done
    assert Document.objects.filter(collection=to).count() == 2


def test_tags_are_added_to_those_that_are_there(admin: Client, manager: User, collection: Collection) -> None:
    one, two = (a_document(manager, collection, text, f"{text}.txt") for text in ("one", "two"))
    services.tag(by=manager, document=one, names=["old"])
    assert "with commas between them" in act(admin, "tag_selected", one, two)
    act(admin, "tag_selected", one, two, tags="New, red ")
    assert sorted(one.tags.values_list("name", flat=True)) == ["new", "old", "red"]
    assert sorted(two.tags.values_list("name", flat=True)) == ["new", "red"]


@pytest.mark.parametrize("action", ["move_selected", "tag_selected", "delete_selected"])
def test_all_that_the_list_finds_are_not_named_one_by_one(
    admin: Client, manager: User, collection: Collection, action: str
) -> None:
    """A form has at most 1,000 fields (DATA_UPLOAD_MAX_NUMBER_FIELDS)."""
    documents = [a_document(manager, collection, f"text {n}", f"{n}.txt") for n in range(3)]
    asked = act(admin, action, documents[0], select_across="1")
    assert asked.count('name="_selected_action"') == 1
    assert '<input type="hidden" name="select_across" value="1">' in asked


def test_a_document_and_what_lies_within_it_are_deleted_together(
    admin: Client, manager: User, collection: Collection
) -> None:
    document, child = (a_document(manager, collection, text, f"{text}.txt") for text in ("one", "two"))
    Document.objects.filter(pk=child.pk).update(parent=document, key="two.txt")
    page = act(admin, "delete_selected", document, child, post="yes")
    assert not Document.objects.present().exists()
    assert "There is no such document" not in page


def test_a_list_costs_the_same_queries_however_long(
    admin: Client, manager: User, collection: Collection, django_assert_max_num_queries
) -> None:
    for n in range(20):
        services.tag(by=manager, document=a_document(manager, collection, f"text {n}", f"{n}.txt"), names=["a", "b"])
    with django_assert_max_num_queries(20):
        admin.get(LIST)

"""Collections and their members."""

import pytest
from django.contrib.auth.models import Group, Permission

from apps.documents import selectors, services
from apps.documents.models import Collection
from apps.users.models import User
from tests.factories import a_collection, a_document, a_manager, a_user

pytestmark = pytest.mark.django_db


def test_whoever_makes_a_collection_owns_it(owner: User) -> None:
    made = services.create_collection(
        by=owner, name="  Staff   handbook ", description="Rules", starter_questions=["When is lunch?", " "]
    )
    shown = selectors.collection_json(selectors.counted_collection_of(owner, made.pk))
    assert shown["name"] == "Staff handbook"
    assert shown["slug"] == "staff-handbook"
    assert shown["role"] == "owner"
    assert shown["documents"] == 0
    assert shown["starter_questions"] == ["When is lunch?"]


def test_names_may_repeat_but_slugs_do_not(owner: User, stranger: User) -> None:
    slugs = [services.create_collection(by=user, name="Bees").slug for user in (owner, stranger, owner)]
    assert len(set(slugs)) == 3
    assert slugs[0] == "bees"


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_name_has_1_to_200_characters(owner: User, name: str) -> None:
    with pytest.raises(services.Refused, match="1 to 200"):
        services.create_collection(by=owner, name=name)


def test_a_disabled_account_makes_none(owner: User) -> None:
    owner.is_active = False
    with pytest.raises(services.NotAllowed):
        services.create_collection(by=owner, name="Bees")


def test_a_person_sees_only_their_own(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    assert [each.pk for each in selectors.collections_of(owner)] == [mine.pk]
    assert not selectors.collections_of(stranger).exists()
    with pytest.raises(services.NotFound):
        selectors.collection_of(stranger, mine.pk)
    with pytest.raises(services.NotFound):
        selectors.collection_of(owner, "not-an-id")


def test_a_group_opens_it_to_its_people(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    group = Group.objects.create(name="Beekeepers")
    services.set_member(by=owner, collection=mine, group=group, role="viewer")
    assert not selectors.collections_of(stranger).exists()
    stranger.groups.add(group)
    services.set_member(by=owner, collection=mine, user=stranger, role="editor")
    seen = selectors.collections_of(stranger).get()
    assert selectors.collection_json(seen)["role"] == "editor"  # the better of the two


def test_only_owners_rename_and_delete(owner: User, stranger: User) -> None:
    editor = a_user("editor")
    mine = a_collection(owner, editor=editor)
    with pytest.raises(services.NotAllowed):
        services.rename_collection(by=editor, collection=mine, name="Theirs")
    with pytest.raises(services.NotFound):
        services.delete_collection(by=stranger, collection=mine)
    services.rename_collection(by=owner, collection=mine, name="Bee book")
    mine.refresh_from_db()
    assert (mine.name, mine.slug) == ("Bee book", "handbook")


def test_a_deleted_collection_takes_everything_along(
    owner: User, files_on_disk, django_capture_on_commit_callbacks
) -> None:
    before = files_on_disk()
    mine = a_collection(owner)
    a_document(owner, mine)
    assert files_on_disk() > before
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_collection(by=owner, collection=mine)
    assert not Collection.objects.filter(pk=mine.pk).exists()
    assert files_on_disk() == before


def test_the_last_owner_stays(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    with pytest.raises(services.Conflict, match="at least one owner"):
        services.remove_member(by=owner, collection=mine, user=owner)
    with pytest.raises(services.Conflict, match="at least one owner"):
        services.set_member(by=owner, collection=mine, user=owner, role="viewer")
    assert selectors.collection_json(selectors.counted_collection_of(owner, mine.pk))["role"] == "owner"
    services.set_member(by=owner, collection=mine, user=stranger, role="owner")
    services.remove_member(by=owner, collection=mine, user=owner)
    assert not selectors.collections_of(owner).exists()


def test_an_owning_group_without_people_does_not_count(owner: User) -> None:
    mine = a_collection(owner)
    group = Group.objects.create(name="Nobody")
    services.set_member(by=owner, collection=mine, group=group, role="owner")
    with pytest.raises(services.Conflict):
        services.remove_member(by=owner, collection=mine, user=owner)


def test_anyone_may_leave_but_not_send_others_away(owner: User) -> None:
    viewer, other = a_user(), a_user()
    mine = a_collection(owner, viewer=viewer, editor=other)
    with pytest.raises(services.NotAllowed):
        services.remove_member(by=viewer, collection=mine, user=other)
    services.remove_member(by=viewer, collection=mine, user=viewer)
    assert not selectors.collections_of(viewer).exists()
    with pytest.raises(services.NotFound):
        services.remove_member(by=owner, collection=mine, user=viewer)


def test_bad_members_are_refused(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    with pytest.raises(services.Refused, match="viewer, editor, owner"):
        services.set_member(by=owner, collection=mine, user=stranger, role="king")
    with pytest.raises(services.Refused, match="one of the two"):
        services.set_member(by=owner, collection=mine, role="viewer")


def test_a_manager_writes_everywhere_but_reads_nothing(owner: User) -> None:
    mine = a_collection(owner)
    manager = a_manager()
    services.rename_collection(by=manager, collection=mine, name="Renamed in the admin")
    document = a_document(manager, mine)
    assert not selectors.collections_of(manager).exists()
    with pytest.raises(services.NotFound):
        selectors.document_of(manager, document.pk)


def test_staff_without_the_permission_are_strangers(owner: User) -> None:
    mine = a_collection(owner)
    staff = a_user(is_staff=True)
    with pytest.raises(services.NotFound):
        services.rename_collection(by=staff, collection=mine, name="Mine now")
    staff.user_permissions.add(Permission.objects.get(codename="change_collection"))
    staff = User.objects.get(pk=staff.pk)  # permissions are cached on the object
    services.rename_collection(by=staff, collection=mine, name="Managed")
    assert Collection.objects.get().name == "Managed"

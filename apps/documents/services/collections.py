"""Collections and who is in them."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify
from uuid_utils.compat import uuid7

from apps.documents import access, store
from apps.documents.errors import Conflict, NotAllowed, NotFound, Refused
from apps.documents.models import Collection, Membership, Role, Version
from apps.documents.services import rows

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_NAME = 200
MOST_STARTER_QUESTIONS = 20


def create_collection(
    *, by: "User", name: str, description: str = "", starter_questions: Sequence[str] = ()
) -> Collection:
    """A new, empty collection that `by` owns; any active account may make one. Raises Refused, NotAllowed."""
    if not by.is_active:
        raise NotAllowed("owner")
    collection = Collection(
        name=_clean_name(name),
        description=description.strip(),
        starter_questions=[question.strip() for question in starter_questions if question.strip()],
    )
    if len(collection.starter_questions) > MOST_STARTER_QUESTIONS:
        raise Refused("too_many", f"Give at most {MOST_STARTER_QUESTIONS} starter questions.")
    with transaction.atomic():
        _save_under_free_slug(collection)
        Membership.objects.create(collection=collection, user=by, role=Role.OWNER)
    return collection


def rename_collection(
    *,
    by: "User",
    collection: Collection,
    name: str | None = None,
    description: str | None = None,
    starter_questions: Sequence[str] | None = None,
) -> Collection:
    """Changes what is given; the slug stays, programs know the collection by it. Raises NotFound, NotAllowed,
    Refused."""
    access.require_owner(by, collection)
    if name is not None:
        collection.name = _clean_name(name)
    if description is not None:
        collection.description = description.strip()
    if starter_questions is not None:
        collection.starter_questions = [question.strip() for question in starter_questions if question.strip()]
    collection.save(update_fields=["name", "description", "starter_questions"])
    return collection


def delete_collection(*, by: "User", collection: Collection) -> None:
    """Takes a collection away with all its documents, for good. Raises NotFound, NotAllowed."""
    access.require_owner(by, collection)
    with transaction.atomic():
        locked = rows.lock_collection(collection.pk)
        versions = list(Version.objects.filter(document__collection=locked).values_list("pk", "stored_as"))
        ids = [pk for pk, _ in versions]
        for begin in range(0, len(ids), 500):
            rows.drop_text(ids[begin : begin + 500])
        # The two pointers would make Django walk from documents to versions and back.
        locked.documents.update(current=None, latest=None)
        Collection.objects.filter(pk=locked.pk).delete()
        transaction.on_commit(partial(store.remove, [path for _, path in versions if path], ids))
        transaction.on_commit(partial(rows.send_compact, collection.pk))


def set_member(
    *, by: "User", collection: Collection, user: "User | None" = None, group: Group | None = None, role: str
) -> Membership:
    """Lets a person or a group in, or changes their role. Raises NotFound, NotAllowed, Refused, and Conflict
    where the collection would be left without an owner."""
    access.require_owner(by, collection)
    if role not in Role.values:
        raise Refused("bad_role", f"The role is {role!r}; choose one of: {', '.join(Role.values)}.")
    if (user is None) == (group is None):
        raise Refused("bad_member", "Name a user or a group, one of the two.")
    with transaction.atomic():
        locked = rows.lock_collection(collection.pk)
        member, _ = Membership.objects.update_or_create(
            collection=locked, user=user, group=group, defaults={"role": role}
        )
        _require_an_owner(locked)
    return member


def remove_member(
    *, by: "User", collection: Collection, user: "User | None" = None, group: Group | None = None
) -> None:
    """Takes a person or a group out; anyone may take themselves out. Raises NotFound, NotAllowed, and Conflict
    for the last owner."""
    if user is None or user != by:
        access.require_owner(by, collection)
    with transaction.atomic():
        locked = rows.lock_collection(collection.pk)
        removed, _ = Membership.objects.filter(collection=locked, user=user, group=group).delete()
        if not removed:
            raise NotFound("member")
        _require_an_owner(locked)


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise Refused("bad_name", f"A collection needs a name of 1 to {LONGEST_NAME} characters.")
    return name


def _save_under_free_slug(collection: Collection) -> None:
    base = slugify(collection.name)[:200] or "collection"
    taken = set(Collection.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    free = next(slug for n in range(1, len(taken) + 3) if (slug := base if n == 1 else f"{base}-{n}") not in taken)
    for slug in (free, f"{base}-{uuid7().hex[-8:]}"):  # somebody may take the free one first
        collection.slug = slug
        try:
            with transaction.atomic():
                collection.save(force_insert=True)
        except IntegrityError:
            continue
        return
    raise Conflict("slug", "Somebody made a collection of this name at the same moment; try again.")


def _require_an_owner(collection: Collection) -> None:
    """An owner is an active person, or a group with one; else nobody could ever manage the collection again."""
    owners = collection.memberships.filter(role=Role.OWNER)
    if not owners.filter(Q(user__is_active=True) | Q(group__user__is_active=True)).exists():
        raise Conflict("last_owner", "A collection keeps at least one owner; make somebody else owner first.")

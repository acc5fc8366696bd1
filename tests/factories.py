"""Rows that tests begin with, made through the same services as everything else."""

from itertools import count

from django.core.files.base import ContentFile

from apps.documents import services
from apps.documents.models import Collection, Document
from apps.users.models import User

_numbers = count(1)
PASSWORD = "correct horse battery staple"


def a_user(name: str = "reader", **fields: object) -> User:
    """An active account with PASSWORD."""
    return User.objects.create_user(f"{name}{next(_numbers)}@example.org", PASSWORD, **fields)


def a_manager() -> User:
    """An account that the admin panel lets manage everything."""
    return User.objects.create_superuser(f"admin{next(_numbers)}@example.org", PASSWORD)


def a_collection(owner: User, name: str = "Handbook", **members: User) -> Collection:
    """A collection of `owner`, with `viewer=` and `editor=` in it."""
    collection = services.create_collection(by=owner, name=name)
    for role, user in members.items():
        services.set_member(by=owner, collection=collection, user=user, role=role)
    return collection


def a_file(text: str | bytes = "Bees dance to tell where flowers are.", name: str = "bees.txt") -> ContentFile:
    """A file as a client would send it."""
    return ContentFile(text.encode() if isinstance(text, str) else text, name=name)


def a_document(
    owner: User, collection: Collection, text: str | bytes = "Bees dance.", name: str = "bees.txt"
) -> Document:
    """An uploaded document that waits to be ingested."""
    file = a_file(text, name)
    return services.upload(by=owner, collection=collection, file=file, duplicates="keep").document

"""What the tests of the admin panel share."""

import pytest
from django.test import Client

from apps.documents.models import Collection
from apps.users.models import User
from tests.factories import a_collection, a_manager, a_user


@pytest.fixture
def manager(db: None) -> User:
    return a_manager()


@pytest.fixture
def collection(db: None) -> Collection:
    """Somebody else's: the manager is not a member."""
    return a_collection(a_user("owner"), "Handbook")


@pytest.fixture
def admin(manager: User, redis_server: str) -> Client:
    """The manager's browser."""
    client = Client()
    client.force_login(manager)
    return client

"""A search is narrowed before it is made, so that nothing is lost to a filter that came after."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from apps.documents import retrieval, selectors, services
from apps.documents.models import Collection, Version
from apps.documents.selectors import Narrowing, SearchRequest, narrowed_to
from apps.users.models import User
from rag.types import Passage
from tests.apps.documents.journeys import ingested
from tests.factories import a_collection, a_document

OTHERS = 14
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bees(owner: User, search_process: None) -> Collection:
    """Documents about bees, and one that says it worst."""
    collection = a_collection(owner)
    for number in range(OTHERS):
        ingested(a_document(owner, collection, f"Bees dance. {number}", f"bees-{number}.txt"))
    rare = ingested(a_document(owner, collection, "Of wasps, hornets, ants, bumblebees and bees.", "rare.md"))
    services.tag(by=owner, document=rare, names=["Insects", "rare"])
    old = timezone.now() - timedelta(days=400)
    Version.objects.filter(document=rare).update(queued_at=old)
    return collection


def find(collection: Collection, narrowing: Narrowing, documents: list[UUID] | None = None) -> tuple[Passage, ...]:
    among = None if documents is None else tuple(map(str, documents))
    request = SearchRequest("bees dance", (str(collection.pk),), among, 10, "hybrid", 0.0, narrowing)
    assert SearchRequest.from_json(request.to_json() | {"narrowing": narrowing.to_json()}) == request
    return retrieval.find(request).passages


YEAR_AGO = timezone.now() - timedelta(days=365)


FITS = [
    narrowed_to(tags=["rare"]),
    narrowed_to(tags=["RARE", " insects "]),
    narrowed_to(types=["md"]),
    narrowed_to(types=[".MD"]),
    narrowed_to(types=["text/markdown"]),
    narrowed_to(until=YEAR_AGO),
    narrowed_to(tags=["rare"], types=["pdf", "md"], until=YEAR_AGO),
]
DOES_NOT = [narrowed_to(tags=["rare", "no"]), narrowed_to(types=["pdf"]), narrowed_to(tags=["rare"], since=YEAR_AGO)]


def test_what_fits_is_found_though_everything_else_is_better(bees: Collection) -> None:
    for narrowing in FITS:
        assert [passage.title for passage in find(bees, narrowing)] == ["rare"], narrowing
    for narrowing in DOES_NOT:
        assert find(bees, narrowing) == (), narrowing


def test_the_rest_is_complete_and_meets_with_documents_that_were_chosen(bees: Collection) -> None:
    assert len(find(bees, narrowed_to(since=YEAR_AGO))) == 10
    assert {passage.title for passage in find(bees, narrowed_to(types=["txt"]))} < {f"bees-{n}" for n in range(OTHERS)}
    rare = bees.documents.get(title="rare").pk
    other = bees.documents.get(title="bees-1").pk
    assert [passage.document for passage in find(bees, narrowed_to(tags=["rare"]), [rare, other])] == [rare]
    assert find(bees, narrowed_to(tags=["rare"]), [other]) == ()


def test_a_type_that_does_not_exist_is_refused() -> None:
    with pytest.raises(services.Refused, match="give an ending such as pdf"):
        narrowed_to(types=["zeppelin"])


def test_nothing_narrows_nothing() -> None:
    assert not narrowed_to()
    assert not narrowed_to(tags=["  "])
    assert narrowed_to(types=["pdf"])
    assert selectors.SearchRequest("q", (), None, 1, "hybrid", 0.0).narrowing == Narrowing()

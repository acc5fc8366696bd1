"""Two people over collections that overlap: whatever they ask, nothing of a collection that is not theirs comes up."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group

from apps.documents import retrieval, selectors, services
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.errors import NotFound
from apps.documents.models import Collection, Document
from apps.documents.selectors import SearchRequest, finding
from apps.documents.selectors.narrowing import Narrowing
from apps.users.models import User
from engines import wiring
from engines.index import compaction
from engines.index.local import LocalIndex
from rag.types import Mode, Passage
from tests.apps.documents.journeys import ingested
from tests.engines.indexing import WORDS
from tests.factories import a_collection, a_document, a_user
from tests.fakes_search import FakeEmbedder

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
SURNAMES = ("falcon", "kestrel", "heron", "plover", "osprey")
READERS = {"anna": ("anna",), "bert": ("bert",), "shared": ("anna", "bert"), "nobody": ()}
READERS |= {"annas group": ("anna",), "berts group": ("bert",), "both groups": ("anna", "bert")}
"""Who may read each collection; in those whose name ends in group(s), because a group of theirs is in it."""


@dataclass
class House:
    """Two people, the collections that lie about, and what is in them: the test's own account of who may read what."""

    people: dict[str, User] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    readers: dict[UUID, set[str]] = field(default_factory=dict)
    lies_in: dict[UUID, UUID] = field(default_factory=dict)
    """Document -> collection."""
    titles: dict[UUID, str] = field(default_factory=dict)
    texts: dict[UUID, str] = field(default_factory=dict)

    def readable(self, person: str) -> list[UUID]:
        """The collections of a person."""
        return [pk for pk, readers in self.readers.items() if person in readers]

    def documents(self, collections: Sequence[UUID]) -> list[UUID]:
        return [document for document, home in self.lies_in.items() if home in collections]


def title_of(collection: str, surname: str) -> str:
    """The first one is borne in every collection."""
    return "Common Handbook" if surname == SURNAMES[0] else f"{surname} of {collection}".title()


def text_of(collection: str, number: int, chance: random.Random) -> str:
    """The words that all have, a word of the collection's own, and titles from every other collection."""
    every = [title_of(name, surname) for name in READERS for surname in SURNAMES]
    paragraphs = [
        f"The {' '.join(chance.choices(WORDS, k=30))} is {collection.replace(' ', '')}mark{number}x{n}, "
        f"more of it in {chance.choice(every)} and in {chance.choice(every)}. {' '.join(chance.choices(WORDS, k=30))}"
        for n in range(3)
    ]
    return "\n\n".join(paragraphs)


@pytest.fixture
def house(settings, tmp_path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Everything is read, and lies in one lexical index on disk beside each other."""
    settings.INDEX_DIR = tmp_path / "index"
    monkeypatch.setattr(compaction, "SMALL", 4)
    embedder, log = FakeEmbedder(), DatabaseChangeLog()
    index = LocalIndex(log, settings.INDEX_DIR, model=embedder.model, dimension=embedder.dimension, tidy=False)
    monkeypatch.setattr(wiring, "embedder", lambda: embedder)
    monkeypatch.setattr(wiring, "passage_index", lambda log: index)
    monkeypatch.setattr(retrieval, "log", lambda: log)
    monkeypatch.setattr(finding.replies, "ask", answered_here)
    house, owner, chance = House(), a_user("owner"), random.Random(1)
    house.people = {name: a_user(name) for name in ("anna", "bert")}
    groups = {name: Group.objects.create(name=name) for name in house.people}
    for name, group in groups.items():
        house.people[name].groups.add(group)
    for name, readers in READERS.items():
        collection = house.collections[name] = a_collection(owner, name)
        house.readers[collection.pk] = set(readers)
        for reader in readers:
            member: dict[str, Any] = {"group": groups[reader]} if "group" in name else {"user": house.people[reader]}
            services.set_member(by=owner, collection=collection, role="viewer", **member)
        for number, surname in enumerate(SURNAMES):
            text = text_of(name, number, chance)
            document = ingested(a_document(owner, collection, text, f"{title_of(name, surname)}.txt"), embedder)
            house.lies_in[document.pk], house.titles[document.pk] = collection.pk, document.title
            house.texts[document.pk] = text
            if number % 2:
                services.tag(by=owner, document=document, names=["odd"])
        assert index.compact(collection.pk)
    house.people["owner"] = owner
    return house


def answered_here(client: object, send: Callable[[str], None], *, timeout: float) -> Any:
    """In place of the queue and the search process behind it; what goes through it is JSON all the same."""
    (request, _) = send.args  # type: ignore[attr-defined]
    arrived = SearchRequest.from_json(json.loads(json.dumps(request.to_json())))
    return json.loads(json.dumps(retrieval.find_json(arrived)))


@dataclass(frozen=True, slots=True)
class Asked:
    """A random search, and whether it names what its person may not read."""

    query: str
    collections: list[UUID] | None
    documents: list[UUID] | None
    limit: int
    mode: Mode
    narrowing: Narrowing
    within: list[UUID]
    """The collections it is asked in."""
    is_foreign: bool


def a_search(house: House, person: str, chance: random.Random) -> Asked:
    """Words, titles and marks from everywhere; one in four lists of ids holds one that is foreign or of nothing."""
    mine, every = house.readable(person), list(house.readers)
    words = chance.choices([*WORDS, *house.titles.values(), *marks()], k=chance.randint(1, 4))
    collections = documents = None
    if chance.random() < 0.5:
        collections = chance.sample(mine, chance.randint(1, len(mine)))
        if not chance.randrange(4):
            collections.append(chance.choice([pk for pk in every if pk not in mine] + [uuid4()]))
    within = mine if collections is None else collections
    if chance.random() < 0.4:
        here = house.documents(within)
        documents = chance.sample(here, chance.randint(1, min(8, len(here)))) if here else [uuid4()]
        if not chance.randrange(4):
            documents.append(chance.choice([pk for pk in house.lies_in if pk not in here] + [uuid4()]))
    foreign_document = any(pk not in house.documents(within) for pk in documents or ())
    return Asked(
        query=" ".join(words),
        collections=collections,
        documents=documents,
        limit=chance.randint(1, 30),
        mode=chance.choice(list(Mode)),
        narrowing=chance.choice(
            [Narrowing(), Narrowing(), Narrowing(tags=("odd",)), Narrowing(("odd",), ("text/plain",))]
        ),
        within=within,
        is_foreign=any(pk not in mine for pk in within) or foreign_document,
    )


def marks() -> list[str]:
    return [f"{name.replace(' ', '')}mark{number}x0" for name in READERS for number in range(len(SURNAMES))]


def assert_theirs(house: House, asked: Asked, passages: Sequence[Passage]) -> None:
    """Every passage lies where it was asked for, and neither it nor what it tells is of another collection."""
    here = set(house.documents(asked.within))
    for passage in passages:
        assert passage.document in here, asked
        assert passage.collection == house.lies_in[passage.document], asked
        assert asked.documents is None or passage.document in asked.documents, asked
        assert passage.title == house.titles[passage.document], asked
        assert not passage.referred_from or passage.referred_from in {house.titles[pk] for pk in here}, asked
        assert passage.text in house.texts[passage.document], asked


def ask_at_random(house: House, times: int, chance: random.Random) -> Counter[str]:
    """So many searches by the two; gives how many there were of each kind."""
    seen: Counter[str] = Counter()
    for number in range(times):
        person = ("anna", "bert")[number % 2]
        asked = a_search(house, person, chance)
        given = {
            each: getattr(asked, each) for each in ("query", "collections", "documents", "limit", "mode", "narrowing")
        }
        if asked.is_foreign:
            with pytest.raises(NotFound):
                selectors.search(user=house.people[person], **given)
            seen["refused"] += 1
            continue
        passages = selectors.search(user=house.people[person], **given).passages
        assert_theirs(house, asked, passages)
        seen["answered"] += 1
        seen["passages"] += len(passages)
        seen["referred"] += sum(bool(passage.referred_from) for passage in passages)
    return seen


def change_hands(house: House) -> None:
    """Bert leaves one collection in person, Anna leaves her group, and a document goes from her to him."""
    owner, shared = house.people["owner"], house.collections["shared"]
    services.remove_member(by=owner, collection=shared, user=house.people["bert"])
    house.readers[shared.pk].discard("bert")
    house.people["anna"].groups.clear()
    for name in ("annas group", "both groups"):
        house.readers[house.collections[name].pk].discard("anna")
    annas, berts = house.collections["anna"], house.collections["bert"]
    moved = Document.objects.filter(collection=annas).first()
    assert moved is not None
    services.move(by=owner, document=moved, to=berts)
    house.lies_in[moved.pk] = berts.pk


@pytest.mark.parametrize("times", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_nothing_of_a_foreign_collection_comes_back(house: House, times: int) -> None:
    chance = random.Random(11)
    seen = ask_at_random(house, times // 2, chance)
    change_hands(house)
    seen += ask_at_random(house, times // 2, chance)
    print(f"\n{dict(seen)}")
    # There was something to find, to follow and to refuse.
    assert seen["referred"] > times / 10
    assert min(seen["refused"], seen["answered"]) > times / 10


def test_each_finds_by_its_mark_what_is_theirs_and_nothing_else(house: House) -> None:
    for person in ("anna", "bert"):
        for mark in marks():
            home = next(pk for pk, text in house.texts.items() if mark in text)
            found = selectors.search(user=house.people[person], query=mark, mode=Mode.LEXICAL, limit=30).passages
            is_theirs = house.lies_in[home] in house.readable(person)
            assert any(mark in passage.text for passage in found) == is_theirs

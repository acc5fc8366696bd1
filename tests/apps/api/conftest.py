"""Two people, what the first one owns, and a client that carries a key."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone
from pytest_django import Settings

from apps.chat.models import Answer, AnswerStatus, Citation, Conversation
from apps.documents.models import Chunk, Collection, Document, Page, Source, State
from apps.users import services
from apps.users.models import User
from tests.factories import a_collection, a_document, a_user

TEXT = "Bees dance to tell where flowers are. The dance has a direction and a length."


class Api(Client):
    """Speaks JSON and sends a key."""

    def __init__(self, key: str = "", **options: Any) -> None:
        # A broken view is a response here, as it is for the world.
        super().__init__(raise_request_exception=False, **options)
        self.key = key

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """A request with a JSON body; with `data=` and `content_type=` the body is sent as it is."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        headers |= options.pop("headers", {})
        if "data" not in options and method not in ("GET", "HEAD"):
            options["data"] = json.dumps(body if body is not None else {})
        options.setdefault("content_type", "application/json")
        return self.generic(method, path, headers=headers, **options)

    def send(self, method: str, path: str, fields: dict[str, Any], **options: Any) -> Any:
        """multipart/form-data, with the key."""
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        if method == "POST":
            return self.post(path, fields, headers=headers, **options)
        encoded = encode_multipart(BOUNDARY, fields)
        return self.generic(method, path, data=encoded, content_type=MULTIPART_CONTENT, headers=headers, **options)


@dataclass
class Library:
    """What `owner` has: one of each thing that an id can name."""

    collection: Collection
    document: Document
    chunk: Chunk
    conversation: Conversation
    answer: Answer
    source: Source


@pytest.fixture(autouse=True)
def nobody_waits_long(settings: Settings) -> None:
    """No worker runs here, so whoever waits for one waits in vain."""
    settings.SEARCH_TIMEOUT_SECONDS = 0.2
    settings.ANSWER_WAIT_SECONDS = 5


@pytest.fixture
def owner(db: None) -> User:
    return a_user("owner")


@pytest.fixture
def stranger(db: None) -> User:
    return a_user("stranger")


@pytest.fixture
def api(owner: User) -> Api:
    return Api(services.create_api_key(by=owner, owner=owner, name="tests")[1])


@pytest.fixture
def foreign(stranger: User) -> Api:
    return Api(services.create_api_key(by=stranger, owner=stranger, name="tests")[1])


@pytest.fixture
def library(owner: User) -> Library:
    """A collection with a document that is ready, and a conversation with an answer that cites it."""
    collection = a_collection(owner)
    document = a_document(owner, collection, TEXT)
    version = document.latest
    assert version is not None
    Page.objects.create(version=version, number=1, text=TEXT)
    chunk = Chunk.objects.create(
        version=version, ordinal=0, page=1, start=0, end=len(TEXT), text=TEXT, kind="text", text_hash="0" * 64
    )
    version.state, version.page_count, version.chunk_count = State.READY, 1, 1
    version.finished_at = timezone.now()
    version.save()
    document.current = version
    document.save()
    conversation = Conversation.objects.create(owner=owner, title="Bees")
    answer = Answer.objects.create(
        conversation=conversation,
        question="Why do bees dance?",
        collections=[str(collection.pk)],
        status=AnswerStatus.DONE,
        text="To tell where flowers are [1].",
        finished_at=timezone.now(),
    )
    Citation.objects.create(
        answer=answer, n=1, chunk=chunk.pk, document=document.pk, version=version.pk, page=1, start=0, end=37
    )
    source = Source.objects.create(collection=collection, kind="page", address="https://example.org/bees")
    return Library(collection, document, chunk, conversation, answer, source)


def assert_one_shape(response: Any, status: int | None = None) -> dict[str, Any]:
    """Every refusal: {"code", "message", "status", "details"?}, the message a sentence, and its own status."""
    asked = f"{response.request['REQUEST_METHOD']} {response.request['PATH_INFO']}"
    assert status is None or response.status_code == status, (asked, response.status_code, response.content[:500])
    assert response["Content-Type"] == "application/json", response.content[:500]
    body = response.json()
    assert {"code", "message", "status"} <= set(body) <= {"code", "message", "status", "details"}, body
    assert body["status"] == response.status_code
    assert body["code"]
    assert 10 < len(body["message"]) < 400, body
    if response.status_code in (429, 503):
        assert int(response["Retry-After"]) > 0
    if response.status_code == 401:
        assert response["WWW-Authenticate"].startswith("Bearer")
    return body

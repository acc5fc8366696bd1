"""Operators see how answers went, not what people wrote."""

import pytest
from django.test import Client

from apps.chat import services
from apps.chat.models import Answer, Conversation
from apps.users.models import User

pytestmark = pytest.mark.django_db
SECRET = "Is my colleague ill?"


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(
        User.objects.create_superuser("boss@example.org"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.fixture
def answer() -> Answer:
    owner = User.objects.create_user("anna@example.org")
    conversation = Conversation.objects.create(owner=owner, title=SECRET)
    return Answer.objects.create(
        conversation=conversation, question=SECRET, text="Nobody knows.", status="failed", error_code="not_taken"
    )


def test_answers_are_listed_without_their_words(boss: Client, answer: Answer) -> None:
    for path in ("/admin/chat/answer/", f"/admin/chat/answer/{answer.pk}/change/"):
        page = boss.get(path)
        assert page.status_code == 200
        assert "not_taken" in page.content.decode()
        assert SECRET not in page.content.decode()
        assert "Nobody knows" not in page.content.decode()
    assert boss.post(f"/admin/chat/answer/{answer.pk}/delete/", {"post": "yes"}).status_code == 403


def test_feedback_shows_what_it_is_about(boss: Client, answer: Answer) -> None:
    feedback = services.give_feedback(by=answer.conversation.owner, answer=answer, value=-1, comment="Wrong!")
    for path in ("/admin/chat/feedback/", f"/admin/chat/feedback/{feedback.pk}/change/"):
        page = boss.get(path)
        assert page.status_code == 200
        assert "Wrong!" in page.content.decode()
        assert SECRET in page.content.decode()


def test_answers_say_who_asked_and_the_question_only_with_feedback(boss: Client, answer: Answer) -> None:
    Answer.objects.filter(pk=answer.pk).update(refused=True, receipt={"engine": "gpu-1"})
    row = boss.get("/admin/chat/answer/").content.decode().partition("<tbody")[2]
    assert "anna@example.org" in row
    assert "gpu-1" in row
    assert ">refused<" in row
    assert SECRET not in row
    services.give_feedback(by=answer.conversation.owner, answer=answer, value=-1, reasons=["off_topic", "mine"])
    assert SECRET in boss.get("/admin/chat/answer/").content.decode()
    assert "Not what I asked; mine" in boss.get("/admin/chat/feedback/").content.decode()


def test_conversations_are_not_in_the_admin(boss: Client, answer: Answer) -> None:
    assert boss.get("/admin/chat/conversation/").status_code == 404

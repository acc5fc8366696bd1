"""Celery's doors to the workers' side."""

from uuid import UUID

from celery import shared_task

from apps.chat import answering
from apps.inference import services as inference


@shared_task(name="chat.answer", ignore_result=True)
def answer(answer_id: str) -> None:
    """Writes a queued answer. Delivered twice, the second ends at once."""
    answering.write(UUID(answer_id), inference.this_worker())


@shared_task(name="chat.reconcile", ignore_result=True)
def reconcile() -> None:
    """Puts right what a dead writer or a broker that lost its queue left behind."""
    answering.reconcile()

"""What to do about answers whose writer died, or that nobody took: none stays unfinished."""

import logging
from collections.abc import Sequence
from datetime import timedelta

import redis
from django.db import transaction
from django.utils import timezone

from apps.chat import eventlog
from apps.chat.eventlog import Entry
from apps.chat.models import UNFINISHED, Answer, AnswerStatus
from apps.inference import selectors as inference
from apps.inference import services as inference_services
from engines import queues
from engines.queues import QueueUnavailable
from engines.wiring import quick_redis_client

SEND_AGAIN_AFTER = timedelta(seconds=5)
SEND_AGAIN_EVERY_SECONDS = 10
GIVE_UP_AFTER = timedelta(minutes=2)
LONGEST_WRITING = timedelta(minutes=15)
AT_ONCE = 500
QUEUE = "answers"

WRITER_ENDED = (
    "The process that wrote this answer ended before it was finished. What it had written is kept; "
    "ask again for the whole answer."
)
TOOK_TOO_LONG = (
    f"This answer was not finished within {LONGEST_WRITING.seconds // 60} minutes. What had been written is kept; "
    "ask again for the whole answer."
)
NOBODY_CAME = (
    f"Nobody was free to answer within {GIVE_UP_AFTER.seconds // 60} minutes. Ask again in a moment; "
    "if it happens again, tell whoever runs Footnote."
)

logger = logging.getLogger(__name__)


def reconcile() -> None:
    """Ends answers whose writer is gone, gives up on those nobody took in time, sends lost ones again."""
    living = inference.living_workers()
    for answer in Answer.objects.held_by_others(living)[:AT_ONCE]:
        _interrupt(answer, WRITER_ENDED)
    for answer in Answer.objects.unfinished().filter(started_at__lt=timezone.now() - LONGEST_WRITING)[:AT_ONCE]:
        _interrupt(answer, TOOK_TOO_LONG)
    for answer in Answer.objects.waiting().filter(created_at__lt=timezone.now() - GIVE_UP_AFTER)[:AT_ONCE]:
        _give_up(answer)
    _send_again()
    inference_services.forget_dead_workers()


def _interrupt(answer: Answer, message: str) -> None:
    """Keeps the part that readers have seen, and tells them that no more will come."""
    try:
        entries = eventlog.read_all(answer.pk)
    except redis.RedisError as error:
        logger.warning("the part of answer %s cannot be read yet: %s", answer.pk, error)
        return
    last = entries[-1].seq if entries else 0
    kept = _kept(entries)
    if _end(answer, AnswerStatus.INTERRUPTED, "interrupted", message, seq=last + 1, **kept):
        logger.warning("answer %s was interrupted after %d characters", answer.pk, len(str(kept["text"])))


def _kept(entries: Sequence[Entry]) -> dict[str, object]:
    """The columns that the events tell: text, marks, sources, notices."""
    text = ""
    marks: list[list[int]] = []
    nearest: list[object] = []
    notices: list[object] = []
    for entry in entries:
        if entry.event == "token":
            text += entry.data["text"]
            marks.append([entry.seq, len(text)])
        elif entry.event == "sources":
            nearest = entry.data["passages"]
        elif entry.event == "notice":
            notices.append(entry.data)
    return {"text": text, "marks": marks, "nearest": nearest, "notices": notices}


def _give_up(answer: Answer) -> None:
    if _end(answer, AnswerStatus.FAILED, "not_taken", NOBODY_CAME, seq=1):
        logger.error("answer %s was taken by nobody; is the answers worker running?", answer.pk)


def _end(answer: Answer, status: AnswerStatus, code: str, message: str, *, seq: int, **columns: object) -> bool:
    """Ends an answer unless that happened meanwhile."""
    unchanged = Answer.objects.filter(pk=answer.pk, lease=answer.lease, status__in=UNFINISHED)
    told = {"status": status, "error_code": code, "error_message": message, "final_seq": seq}
    with transaction.atomic():
        ended = unchanged.update(**told, **columns, finished_at=timezone.now())
    if ended:
        eventlog.append_final(answer.pk, seq, "error", {"code": code, "message": message})
    return bool(ended)


def _send_again() -> None:
    """Puts back what the broker forgot; never more than there are answers waiting."""
    waiting = Answer.objects.waiting()
    old = list(waiting.filter(created_at__lt=timezone.now() - SEND_AGAIN_AFTER).values_list("pk", flat=True)[:AT_ONCE])
    if not old:
        return
    try:
        if queues.depth(QUEUE) >= waiting.count():
            return  # it forgot nothing, all are busy
        for pk in old:
            if quick_redis_client().set(f"answer:{pk}:sent", "1", nx=True, ex=SEND_AGAIN_EVERY_SECONDS):
                queues.send("chat.answer", str(pk))
    except (redis.RedisError, QueueUnavailable) as error:
        logger.warning("waiting answers cannot be sent again yet: %s", error)

"""The writing of one answer: events to readers as they come, everything into the database at the end.

While it streams no database connection is held. Redis may fail at any moment: the writer remembers what it
said, and the database gets all of it in one transaction, before the last event.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.utils import timezone

from apps.chat import eventlog
from apps.chat.answering.stopping import StopFlag
from apps.chat.models import UNFINISHED, Answer, AnswerStatus, Citation, Conversation
from apps.inference import services as inference
from rag.answering import AnswerLimits, answer
from rag.followup import searched_with
from rag.ports import ChatModel
from rag.types import Done, Event, Failed, Found, Notice, Receipt, Sources, Status, Token, Turn

JOIN_SECONDS = 0.025
"""Tokens that come closer together than this travel as one event."""
SAVE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between tries to save: a database locked for half a minute loses no answer."""
INTERNAL = "Something went wrong while this answer was written. What was written is kept; ask again."

# What PostgreSQL (NUL) and UTF-8 (halves of surrogate pairs) refuse; replaced one by one, so offsets hold.
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
logger = logging.getLogger(__name__)


def storable(text: str) -> str:
    """The text, as long as before, with a replacement character for each one that cannot be stored."""
    return _NOT_STORABLE.sub("\ufffd", text)


class Writer:
    """Writes one answer in one thread."""

    def __init__(self, row: Answer, worker_id: UUID, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._row = row
        self._worker_id = worker_id
        self._clock = clock
        self._log = eventlog.EventLog(row.pk)
        self._text = ""
        self._marks: list[list[int]] = []
        self._unsaid = ""
        self._said_at = float("-inf")

    def run(
        self,
        history: Sequence[Turn],
        search: Callable[[str], Found],
        models: Sequence[ChatModel],
        *,
        resting: bool = False,
    ) -> None:
        """The whole story. Readers hear of the end only after it is saved. `resting` as in `rag.answering`."""
        story = answer(
            self._row.question,
            history=history,
            search=search,
            models=models,
            resting=resting,
            limits=AnswerLimits(passages=settings.ANSWER_PASSAGES, max_tokens=settings.ANSWER_MAX_TOKENS),
            stopped=StopFlag(self._row.pk),
        )
        with closing(story):
            ending = self._tell(story)
        self._catch_up_with(ending)
        if self._save_patiently(ending):
            self._say_the_end(ending)
        else:
            logger.warning("answer %s was ended or deleted by somebody else", self._row.pk)

    def _tell(self, story: Iterator[Event]) -> Done | Failed:
        """Says each event; gives the last one. No error of engine or core leaves an answer without an end."""
        try:
            for event in story:
                if isinstance(event, Done | Failed):
                    return event
                self._say(event)
        except Exception:
            logger.exception("answer %s", self._row.pk)
        self._flush()
        return Failed("internal", INTERNAL, self._text)

    # --------------------------------------------------------------------------------------- saying

    def _say(self, event: Event) -> None:
        if isinstance(event, Token):
            self._unsaid += storable(event.text)
            if self._clock() - self._said_at >= JOIN_SECONDS:
                self._flush()
            return
        self._flush()
        match event:
            case Status(stage, detail):
                self._note_stage(stage, detail)
                self._log.append("status", {"stage": stage, "detail": storable(self._for_people(stage, detail))})
            case Sources(passages):
                self._row.nearest = [{"chunk": str(p.chunk), "score": p.score} for p in passages]
                self._log.append("sources", {"passages": self._row.nearest})
            case Notice(code, message):
                self._row.notices.append({"code": code, "message": storable(message)})
                self._log.append("notice", self._row.notices[-1])

    def _flush(self) -> None:
        """Says the tokens that were joined."""
        if not self._unsaid:
            return
        seq = self._log.append("token", {"text": self._unsaid})
        self._text += self._unsaid
        self._marks.append([seq, len(self._text)])
        self._unsaid = ""
        self._said_at = self._clock()

    def _for_people(self, stage: str, detail: str) -> str:
        """The form a question is searched by is no English; its words are."""
        words = searched_with(self._row.question, detail) if stage == "searching" else ""
        return f"Searching with: {words}" if words else detail

    def _note_stage(self, stage: str, detail: str) -> None:
        if stage == "searching" and detail:
            self._row.standalone_question = storable(detail)
        if stage != AnswerStatus.WRITING or self._row.status == AnswerStatus.WRITING:
            return
        self._row.status = AnswerStatus.WRITING
        try:
            Answer.objects.filter(pk=self._row.pk, lease=self._worker_id, status=AnswerStatus.SEARCHING).update(
                status=AnswerStatus.WRITING
            )
        except (DatabaseError, InterfaceError) as error:
            logger.warning("answer %s is written, though its row does not say so: %s", self._row.pk, error)
        finally:
            close_old_connections()

    def _catch_up_with(self, ending: Done | Failed) -> None:
        """Says what the ending's text has beyond the tokens; they are the same but for a fault in the core."""
        self._flush()
        whole = storable(ending.text)
        if whole.startswith(self._text):
            self._unsaid = whole[len(self._text) :]
            self._flush()
        else:
            logger.error("answer %s ended with another text than it streamed", self._row.pk)

    def _say_the_end(self, ending: Done | Failed) -> None:
        if isinstance(ending, Failed):
            self._log.append("error", {"code": ending.code, "message": storable(ending.message)})
        else:
            self._log.append("done", {})
        self._log.close()

    # --------------------------------------------------------------------------------------- saving

    def _save_patiently(self, ending: Done | Failed) -> bool:
        for pause in (*SAVE_PAUSES, None):
            try:
                return self._save(ending)
            except (DatabaseError, InterfaceError) as error:
                if pause is None:
                    raise
                logger.warning("answer %s cannot be saved yet: %s", self._row.pk, error)
            finally:
                close_old_connections()
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _save(self, ending: Done | Failed) -> bool:
        """Everything at once; False when the answer is no longer this writer's."""
        receipt = self._with_queue_time(ending.receipt)
        mine = Answer.objects.filter(pk=self._row.pk, lease=self._worker_id, status__in=UNFINISHED)
        with transaction.atomic():
            if not mine.update(**self._columns(ending, receipt)):
                return False
            Citation.objects.bulk_create(self._citations(ending))
            inference.record_usage(answer=self._row.pk, user=self._row.conversation.owner_id, receipt=receipt)
            Conversation.objects.filter(pk=self._row.conversation_id).update(updated_at=timezone.now())
        return True

    def _columns(self, ending: Done | Failed, receipt: Receipt) -> dict[str, object]:
        return {
            "status": ending.status,
            "text": self._text if storable(ending.text).startswith(self._text) else storable(ending.text),
            "refused": isinstance(ending, Done) and ending.refused,
            "sentences": [{**asdict(s), "text": storable(s.text)} for s in ending.sentences],
            "standalone_question": self._row.standalone_question,
            "nearest": self._row.nearest,
            "notices": self._row.notices,
            "receipt": asdict(receipt),
            "error_code": ending.code[:50] if isinstance(ending, Failed) else "",
            "error_message": storable(ending.message) if isinstance(ending, Failed) else "",
            "marks": self._marks,
            "final_seq": self._log.last + 1,
            "finished_at": timezone.now(),
        }

    def _citations(self, ending: Done | Failed) -> list[Citation]:
        return [
            Citation(
                answer_id=self._row.pk,
                n=c.n,
                chunk=c.chunk,
                document=c.document,
                version=c.version,
                page=c.page,
                start=c.start,
                end=c.end,
            )
            for c in ending.citations
        ]

    def _with_queue_time(self, receipt: Receipt) -> Receipt:
        waited = (self._row.started_at - self._row.created_at).total_seconds() if self._row.started_at else 0.0
        times = {**receipt.milliseconds, "queue": round(max(0.0, waited) * 1000, 3)}
        return replace(receipt, milliseconds=times)

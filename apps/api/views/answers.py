"""/api/v1/answers: questions, and their answers at once, later, or as they are written."""

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView, as_id, let_go_of_the_database
from apps.api.idempotency import Outcome, once
from apps.api.schema import EVENTS, IDEMPOTENCY_KEY, LAST_EVENT_ID
from apps.api.serializers import answers as shapes
from apps.api.sse import event_stream, key_id, last_event_id
from apps.chat import selectors, services

if TYPE_CHECKING:
    from apps.chat.models import Answer


class AnswersView(ApiView):
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=shapes.Question,
        responses={
            201: shapes.AnswerShape,
            202: shapes.AcceptedShape,
            (200, "text/event-stream"): EVENTS,
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Asks. 201 with the whole answer when it is done; 202 at once with `"wait": false` (or when it
        takes longer than a minute or two: ask /answers/{id} for it); events with `"stream": true`."""
        form = self.form(shapes.Question)
        stream, wait = form.pop("stream"), form.pop("wait")
        outcome = once(request, self.person, lambda: self._ask(form))
        answer = selectors.answer_of(self.person, as_id(outcome.ids[0], "answer"))
        if stream:
            response: HttpResponseBase = event_stream(request, answer, after=0)
        else:
            done = wait and self._wait(request, answer)
            body = self._whole(answer) if done else _accepted(answer)
            response = Response(body, status=201 if done else 202, headers={"Location": f"/api/v1/answers/{answer.pk}"})
        for name, value in outcome.headers.items():
            response.headers[name] = value
        return response

    def _ask(self, form: dict[str, Any]) -> Outcome:
        return Outcome(201, [str(services.ask(by=self.person, **form).pk)])

    def _wait(self, request: Request, answer: "Answer") -> bool:
        """Whether it was done in time. The waiting itself happens in the event loop."""
        let_go_of_the_database()
        done: bool = async_to_sync(selectors.wait_until_done)(
            answer_id=answer.pk,
            timeout=settings.ANSWER_WAIT_SECONDS,
            user_id=self.person.pk,
            key_id=key_id(request),
        )
        return done

    def _whole(self, answer: "Answer") -> dict[str, Any]:
        return selectors.answer_json(selectors.answer_of(self.person, answer.pk), self.person)


class AnswerView(ApiView):
    @extend_schema(responses=shapes.AnswerShape)
    def get(self, request: Request, id: str) -> Response:
        """An answer as it stands."""
        answer = selectors.answer_of(self.person, as_id(id, "answer"))
        return Response(selectors.answer_json(answer, self.person))


class EventsView(ApiView):
    @extend_schema(
        parameters=[shapes.EventsQuery, LAST_EVENT_ID], responses={(200, "text/event-stream"): OpenApiTypes.STR}
    )
    def get(self, request: Request, id: str) -> StreamingHttpResponse:
        """The answer as it is written, as server-sent events: `status`, `sources`, `token`, `notice`, and at
        the end `done` or `error`. With Last-Event-ID it goes on after that event, and the text is the same."""
        self.query(shapes.EventsQuery)
        answer = selectors.answer_of(self.person, as_id(id, "answer"))
        return event_stream(request, answer, after=last_event_id(request))


class StopView(ApiView):
    @extend_schema(request=None, responses={202: shapes.AcceptedShape})
    def post(self, request: Request, id: str) -> Response:
        """Stops writing; what is there is kept. Stopping what has ended changes nothing."""
        answer = services.stop(by=self.person, answer=as_id(id, "answer"))
        return Response(_accepted(answer), status=202)


class FeedbackView(ApiView):
    @extend_schema(request=shapes.FeedbackForm, responses=shapes.FeedbackShape)
    def post(self, request: Request, id: str) -> Response:
        """Says whether it helped; a later word replaces an earlier one."""
        answer_id = as_id(id, "answer")
        selectors.answer_of(self.person, answer_id)
        told = services.give_feedback(by=self.person, answer=answer_id, **self.form(shapes.FeedbackForm))
        return Response({"value": told.value, "reasons": told.reasons, "comment": told.comment})


def _accepted(answer: "Answer") -> dict[str, str]:
    return {"id": str(answer.pk), "conversation": str(answer.conversation_id), "status": answer.status}

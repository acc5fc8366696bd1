"""Writes of inference: usage, what is known of an endpoint's health, and this process's heartbeat."""

import logging
from collections.abc import Callable, Generator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from apps.inference import breaker, heartbeat
from apps.inference.models import Endpoint, Usage
from apps.inference.selectors import spec_of
from engines import wiring
from engines.models import Probe
from rag import ports
from rag.errors import EngineError, PromptTooLong
from rag.types import Receipt

if TYPE_CHECKING:
    from apps.users.models import User

logger = logging.getLogger(__name__)


def record_usage(*, answer: UUID, user: UUID | None, receipt: Receipt) -> Usage:
    """Keeps what an answer took, once however often it is said."""
    took = receipt.milliseconds
    return Usage.objects.update_or_create(
        answer=answer,
        defaults={
            "user": user,
            "engine": receipt.engine[:100],
            "model": receipt.model[:200],
            "prompt_tokens": receipt.prompt_tokens,
            "completion_tokens": receipt.completion_tokens,
            "cached_tokens": receipt.cached_tokens,
            "cost": round(Decimal(str(receipt.cost)), 8),
            "first_token_ms": took.get("first_token"),
            "total_ms": took.get("total"),
        },
    )[0]


def report_failure(*, endpoint: str, reason: str) -> None:
    """An endpoint failed: it is passed over for some seconds."""
    logger.warning("endpoint %s failed: %s", endpoint, reason)
    breaker.trip(endpoint, reason)


def report_success(*, endpoint: str) -> None:
    """An endpoint answers: it is used again at once."""
    breaker.mend(endpoint)


def watched(model: ports.ChatModel) -> ports.ChatModel:
    """The same model, whose failures are reported, so that other questions do not wait for it too."""
    return Watched(model)


class Watched:
    """A ChatModel that tells the breaker when its engine fails."""

    def __init__(self, model: ports.ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def model(self) -> str:
        return self._model.model

    @property
    def context_window(self) -> int:
        return self._model.context_window

    def cost(self, usage: ports.Usage) -> float:
        return self._model.cost(usage)

    def stream(
        self,
        messages: Sequence[ports.Message],
        *,
        max_tokens: int,
        stopped: Callable[[], bool] = ports.never,
    ) -> Generator[ports.Delta, None, None]:
        try:
            yield from self._model.stream(messages, max_tokens=max_tokens, stopped=stopped)
        except PromptTooLong:
            raise  # the question's fault, not the endpoint's
        except EngineError as error:
            report_failure(endpoint=self.name, reason=error.message)
            raise


def try_endpoint(*, by: "User", endpoint: Endpoint) -> Probe:
    """Asks an endpoint for one token, and says how that went in one sentence."""
    outcome = wiring.probe_endpoint(spec_of(endpoint))
    if outcome.ok:
        report_success(endpoint=endpoint.name)
    else:
        report_failure(endpoint=endpoint.name, reason=outcome.message)
    return outcome


def this_worker(*, role: str = "answers") -> UUID:
    """The id that this process's leases name; it beats from the first call on."""
    return heartbeat.start(role)


def forget_dead_workers() -> None:
    """Takes away the rows of processes long gone."""
    heartbeat.forget_dead()

"""Which endpoints are tried, and how failed ones are passed over."""

from collections.abc import Generator, Sequence
from decimal import Decimal
from uuid import UUID

import pytest
from pytest_django import Settings
from uuid_utils.compat import uuid7

from apps.inference import breaker, selectors, services
from apps.inference.models import Endpoint, Usage
from apps.users.models import User
from engines import wiring
from rag.errors import EngineTimeout, PromptTooLong
from rag.ports import Delta, Message
from rag.ports import Usage as Tokens
from rag.types import Receipt

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture(autouse=True)
def nothing_failed_yet(redis_server: str) -> None:
    for name in (selectors.FROM_SETTINGS, "first", "second", "off"):
        breaker.mend(name)


@pytest.fixture
def two() -> tuple[Endpoint, Endpoint]:
    """Two endpoints in use and one that is not."""
    second = Endpoint.objects.create(name="second", base_url="http://127.0.0.1:2/v1", model="big", rank=20)
    first = Endpoint.objects.create(
        name="first", base_url="http://127.0.0.1:1/v1", model="small", rank=5, prompt_price=Decimal("0.25")
    )
    Endpoint.objects.create(name="off", base_url="http://127.0.0.1:3/v1", model="big", enabled=False)
    return first, second


def names(model: str = "") -> list[str]:
    return [spec.name for spec in selectors.endpoints(model)]


def test_without_any_there_is_none() -> None:
    assert names() == []


def test_the_settings_come_first_then_by_rank(two: tuple[Endpoint, Endpoint], settings: Settings) -> None:
    assert names() == ["first", "second"]
    settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_API_KEY = "http://127.0.0.1:8100/v1", "tiny", "key"
    [spec, first, _] = selectors.endpoints()
    assert (spec.name, spec.model, spec.api_key) == (selectors.FROM_SETTINGS, "tiny", "key")
    assert (first.model, first.prices.prompt) == ("small", 0.25)
    assert selectors.model_names() == ["tiny", "small", "big"]


def test_a_model_is_asked_for_by_endpoint_or_model(two: tuple[Endpoint, Endpoint]) -> None:
    assert names("big") == ["second"]
    assert names("first") == ["first"]
    assert names("off") == []
    assert selectors.knows_model("big")
    assert not selectors.knows_model("huge")


def test_a_key_does_not_show_in_logs() -> None:
    Endpoint.objects.create(name="first", base_url="http://127.0.0.1:1/v1", model="m", api_key="canary-secret")
    assert "canary-secret" not in repr(selectors.endpoints())


def test_a_failed_endpoint_is_passed_over_until_it_answers(two: tuple[Endpoint, Endpoint]) -> None:
    services.report_failure(endpoint="first", reason="refused")
    assert names() == ["second"]
    services.report_success(endpoint="first")
    assert names() == ["first", "second"]


def test_a_failure_is_forgotten_within_ten_seconds() -> None:
    breaker.trip("first", "refused")
    assert 0 < wiring.quick_redis_client().ttl("endpoint:first:failed") < 10


def test_without_redis_nothing_is_passed_over(two: tuple[Endpoint, Endpoint], settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    wiring.quick_redis_client.cache_clear()
    try:
        services.report_failure(endpoint="first", reason="refused")
        assert names() == ["first", "second"]
    finally:
        wiring.quick_redis_client.cache_clear()


class Broken:
    """A model whose engine fails."""

    name = "first"
    model = "small"
    context_window = 100

    def __init__(self, error: Exception) -> None:
        self.error = error

    def stream(self, messages: Sequence[Message], **_: object) -> Generator[Delta, None, None]:
        yield Delta("a")
        raise self.error

    def cost(self, usage: Tokens) -> float:
        return 1.5


def test_a_watched_model_reports_its_engines_failure(two: tuple[Endpoint, Endpoint]) -> None:
    model = services.watched(Broken(EngineTimeout("no token came")))
    assert (model.name, model.model, model.context_window, model.cost(Tokens())) == ("first", "small", 100, 1.5)
    with pytest.raises(EngineTimeout):
        list(model.stream([], max_tokens=1))
    assert names() == ["second"]


def test_a_prompt_that_is_too_long_is_not_the_engines_fault(two: tuple[Endpoint, Endpoint]) -> None:
    with pytest.raises(PromptTooLong):
        list(services.watched(Broken(PromptTooLong("too long"))).stream([], max_tokens=1))
    assert names() == ["first", "second"]


def test_trying_an_endpoint_that_nobody_serves_says_so(two: tuple[Endpoint, Endpoint]) -> None:
    admin = User.objects.create_superuser("root@example.org")
    outcome = services.try_endpoint(by=admin, endpoint=two[0])
    assert not outcome.ok
    assert "first" in outcome.message
    assert names() == ["second"]


def test_usage_is_recorded_once_per_answer() -> None:
    answer: UUID = uuid7()
    receipt = Receipt("first", "small", prompt_tokens=7, cost=0.000123456, milliseconds={"first_token": 12.5})
    for _ in range(2):
        services.record_usage(answer=answer, user=None, receipt=receipt)
    row = Usage.objects.get()
    assert (row.engine, row.prompt_tokens, row.first_token_ms, row.total_ms) == ("first", 7, 12.5, None)
    assert row.cost == Decimal("0.00012346")

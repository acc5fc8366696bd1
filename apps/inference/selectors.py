"""Reads of endpoints, usage and workers."""

from uuid import UUID

from django.conf import settings

from apps.inference import breaker, heartbeat
from apps.inference.models import Endpoint, Worker
from engines.models import EndpointSpec, Prices

FROM_SETTINGS = "The model server"
"""The name of the endpoint that LLM_BASE_URL and LLM_MODEL describe, as readers see it: "… did not answer"."""


def endpoints(model: str = "") -> list[EndpointSpec]:
    """The endpoints to try, in order: that of the settings, then the enabled ones by rank. `model` narrows
    them to those of that name or serving that model. Those that failed in the last seconds are left out.
    """
    wanted = [spec for spec in all_endpoints() if not model or model in (spec.name, spec.model)]
    failed = breaker.tripped(spec.name for spec in wanted)
    return [spec for spec in wanted if spec.name not in failed]


def all_endpoints() -> list[EndpointSpec]:
    """Every endpoint in use, whether it failed of late or not."""
    first = [_from_settings()] if settings.LLM_BASE_URL else []
    return [*first, *(spec_of(row) for row in Endpoint.objects.filter(enabled=True))]


def model_names() -> list[str]:
    """What a question may ask for by name, best first."""
    return list(dict.fromkeys(spec.model for spec in all_endpoints()))


def knows_model(model: str) -> bool:
    """Whether an endpoint in use has this name or serves this model."""
    return any(model in (spec.name, spec.model) for spec in all_endpoints())


def living_workers() -> set[UUID]:
    """The ids of the worker processes that live."""
    return heartbeat.living()


def living_roles() -> list[str]:
    """What the worker processes that live are for, such as `search@host`."""
    return list(Worker.objects.filter(pk__in=heartbeat.living()).values_list("role", flat=True))


def spec_of(row: Endpoint) -> EndpointSpec:
    """An endpoint as the engines take it."""
    return EndpointSpec(
        name=row.name,
        base_url=row.base_url,
        model=row.model,
        api_key=row.api_key,
        context_window=row.context_window,
        prices=Prices(float(row.prompt_price), float(row.cached_price), float(row.completion_price)),
    )


def _from_settings() -> EndpointSpec:
    return EndpointSpec(
        name=FROM_SETTINGS,
        base_url=settings.LLM_BASE_URL,
        model=settings.LLM_MODEL,
        api_key=settings.LLM_API_KEY,
        context_window=settings.LLM_CONTEXT_WINDOW,
    )

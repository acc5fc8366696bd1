"""/healthz, /readyz, /metrics: for those who watch over the service. And what answers for unknown addresses."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from rest_framework import exceptions
from rest_framework.request import Request

from apps.api import health
from apps.api.base import ApiView

LOOPBACK = ("127.0.0.1", "::1")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives. Touches nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when questions can be answered; else 503 and what is missing."""
    checks = health.checks()
    ready = all(result == health.OK for result in checks.values())
    body = {"status": "ok" if ready else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503, headers={} if ready else {"Retry-After": "2"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format. With METRICS_TOKEN set, for those who send it as a bearer token; without, for
    this machine only (what came through a proxy did not come from this machine)."""
    if not _may_read_metrics(request):
        message = "Set METRICS_TOKEN and send it as a bearer token, or ask from the machine itself."
        return JsonResponse({"code": "not_allowed", "message": message, "status": 403}, status=403)
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "")
        return constant_time_compare(sent, f"Bearer {settings.METRICS_TOKEN}")
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not forwarded


class ServiceCollector(Collector):
    """What this installation looks like at the moment of a scrape."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        workers = GaugeMetricFamily("footnote_workers", "Worker processes that live.", labels=["role"])
        for role, count in health.worker_counts().items():
            workers.add_metric([role], count)
        waiting = GaugeMetricFamily("footnote_queue_length", "Tasks that wait in a queue.", labels=["queue"])
        for queue, length in health.queue_lengths().items():
            waiting.add_metric([queue], length)
        return [workers, waiting]


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, ServiceCollector()):
        registry.register(collector)
    return registry


class NoSuchAddress(ApiView):
    """Whatever below /api is no route: the one shape, and the same for everybody."""

    authentication_classes = ()
    permission_classes = ()
    schema = None  # type: ignore[assignment]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """404 for every method."""
        raise exceptions.NotFound("There is nothing at this address; /api/docs lists what there is.")

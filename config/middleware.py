"""The one header Django 5.2 does not set itself."""

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

# img-src 'self': an answer that a poisoned document talked into an image link reaches no third party
# (CVE-2025-32711). The admin's own scripts (Alpine) evaluate expressions, hence its wider script-src.
COMMON = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; connect-src 'self'; "
)
STRICT = COMMON + "script-src 'self'"
ADMIN = COMMON + "script-src 'self' 'unsafe-inline' 'unsafe-eval'"


@sync_and_async_middleware
def ContentSecurityPolicyMiddleware(get_response: Callable) -> Callable:
    """Sets Content-Security-Policy on every response that has none of its own."""

    def mark(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        wide = request.path.startswith(("/admin/", "/api/docs"))
        response.headers.setdefault("Content-Security-Policy", ADMIN if wide else STRICT)
        return response

    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            return mark(request, await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        return mark(request, get_response(request))

    return synchronous

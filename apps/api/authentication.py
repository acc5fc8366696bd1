"""Who is asking: a key in `Authorization: Bearer KEY`, or the session of somebody signed in."""

from typing import TYPE_CHECKING

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.users import selectors

if TYPE_CHECKING:
    from apps.users.models import ApiKey, User

WRONG_KEY = "This API key is not valid: it is mistyped, revoked or expired, or its account is disabled."
NO_KEY = "Send your API key after “Bearer ” in the Authorization header."


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """A wrong key is refused even where a session would do, so that a program never acts as somebody else."""

    def authenticate(self, request: Request) -> "tuple[User, ApiKey] | None":
        """The account and its key; None where the request carries no bearer token at all."""
        scheme, _, token = authentication.get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        token = token.strip()
        if not token:
            raise AuthenticationFailed(NO_KEY)
        key = selectors.usable_key(token.decode("latin-1"))
        if key is None:
            raise AuthenticationFailed(WRONG_KEY)
        return key.owner, key

    def authenticate_header(self, request: Request) -> str:
        """The first class's header decides that a refusal is 401, not 403."""
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session. DRF enforces the CSRF token and the Origin on every write that uses it."""


class BearerScheme(OpenApiAuthenticationExtension):
    """Tells the schema what ApiKeyAuthentication takes."""

    target_class = "apps.api.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, from an administrator or `manage.py create_api_key`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """Tells the schema that a browser that is signed in needs no key."""

    target_class = "apps.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}

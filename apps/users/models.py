"""People and the keys their programs carry."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager
from uuid_utils.compat import uuid7


class UserManager(BaseUserManager["User"]):
    """Makes accounts that sign in by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """An account; without a password it can only use API keys."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractUser):
    """A person (or a program's account). Names are optional, the e-mail address is the identity."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[assignment,misc]

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_once"),)

    def __str__(self) -> str:
        return self.email


class ApiKeyManager(APIKeyManager):
    """Makes keys and finds the one that a request carries."""

    def usable(self) -> "models.QuerySet[ApiKey]":
        """Not revoked, not expired, of an active account."""
        unexpired = Q(expiry_date__isnull=True) | Q(expiry_date__gt=timezone.now())
        return ApiKey._default_manager.filter(unexpired, revoked=False, owner__is_active=True)


class ApiKey(AbstractAPIKey):
    """A key with all rights of its account; the key itself is shown once and stored hashed."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    objects: ClassVar[ApiKeyManager] = ApiKeyManager()

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"


class IdempotencyKey(models.Model):
    """A write a program may send twice and wants done once (header Idempotency-Key).

    `status` is 0 while the first request runs. `objects_made` are ids, not a copy of the response, so that
    a repeated request shows the objects as they are now, or that they are gone.
    """

    id = models.BigAutoField(primary_key=True)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="sha256 of method, path and body of the first request")
    status = models.PositiveSmallIntegerField(default=0, help_text="HTTP status of the first response")
    objects_made = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key

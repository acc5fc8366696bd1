"""Where answers are written (endpoints), what each took (usage), and which processes live."""

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from uuid_utils.compat import uuid7


class Endpoint(models.Model):
    """An OpenAI-compatible server and one model it serves. Lower `rank` is tried first."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    base_url = models.CharField(
        "base URL",
        max_length=500,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Where the server answers /chat/completions, usually ending in /v1.",
    )
    model = models.CharField(max_length=200, help_text="The name the server knows the model by.")
    api_key = models.CharField("API key", max_length=500, blank=True)
    context_window = models.PositiveIntegerField(
        default=8192, validators=[MinValueValidator(512)], help_text="Prompt and answer together, in tokens."
    )
    rank = models.PositiveSmallIntegerField(default=10, help_text="Lower is tried first.")
    enabled = models.BooleanField(default=True)
    prompt_price = models.DecimalField(
        max_digits=10, decimal_places=4, default=Decimal(0), help_text="Money per million prompt tokens."
    )
    cached_price = models.DecimalField(
        max_digits=10, decimal_places=4, default=Decimal(0), help_text="Money per million cached prompt tokens."
    )
    completion_price = models.DecimalField(
        max_digits=10, decimal_places=4, default=Decimal(0), help_text="Money per million completion tokens."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["rank", "name"]

    def __str__(self) -> str:
        return self.name


class Usage(models.Model):
    """What one answer took; `answer` is the plain id of a row of a higher room."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    answer = models.UUIDField(unique=True)
    user = models.UUIDField(null=True)
    engine = models.CharField(max_length=100)
    model = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=8, default=Decimal(0))
    first_token_ms = models.FloatField(null=True)
    total_ms = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name_plural = "usage"

    def __str__(self) -> str:
        return f"{self.engine} {self.model}".strip()


class Worker(models.Model):
    """A worker process that lives: it writes `beat_at` every second or two, and holds leases by its id."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.CharField(max_length=100)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering: ClassVar = ["role", "-beat_at"]

    def __str__(self) -> str:
        return f"{self.role} ({self.pid})"

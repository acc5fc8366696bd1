"""Collections, documents and their versions, pages and chunks: the only source of truth.

FAISS and tantivy follow `Change` rows and can be deleted; a `Chunk` is live while its version is the
`current` one of a document that is not deleted.
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from apps.documents.querysets import CollectionQuerySet, DocumentQuerySet, VersionQuerySet


class Role(models.TextChoices):
    """What a member may do; each includes the ones before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


class Collection(models.Model):
    """A set of documents that the same people may read."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=220, unique=True)
    description = models.TextField(blank=True)
    starter_questions = models.JSONField(default=list, blank=True)
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person or a group in a collection."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="membership_is_of_a_user_or_a_group",
                condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
            ),
            models.UniqueConstraint(fields=["collection", "user"], name="membership_user_once"),
            models.UniqueConstraint(fields=["collection", "group"], name="membership_group_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group} is {self.role} of {self.collection}"


class Document(models.Model):
    """A document under one id for all its versions. `current` serves; `latest` is the newest upload.

    A deleted document stays as a row without text, so that old answers can say when it went.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(max_length=500)
    current = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    latest = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["collection", "deleted_at"], name="document_in_collection")]

    def __str__(self) -> str:
        return self.title


class State(models.TextChoices):
    """Where a version is on its way."""

    QUEUED = "queued"
    EXTRACTING = "extracting"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    READY = "ready"
    READY_WITH_WARNINGS = "ready_with_warnings"
    FAILED = "failed"
    CANCELLED = "cancelled"


WORKING = (State.EXTRACTING, State.CHUNKING, State.EMBEDDING)
UNFINISHED = (State.QUEUED, *WORKING)
SERVING = (State.READY, State.READY_WITH_WARNINGS)


class Version(models.Model):
    """One upload of a document: its file, its way through ingestion, and what came of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(default=1)
    file_name = models.CharField(max_length=255)
    stored_as = models.CharField(
        max_length=100, editable=False, help_text="Path in the file store, a UUID; empty when the file is gone."
    )
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField(help_text="bytes")
    media_type = models.CharField(max_length=100)

    state = models.CharField(max_length=20, choices=State.choices, default=State.QUEUED, db_index=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    warnings = models.JSONField(default=list, blank=True)

    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True, help_text="The worker that holds it (inference.Worker).")
    queued_at = models.DateTimeField()
    send_after = models.DateTimeField(
        help_text="While queued: when the reconciler puts it in the queue (again), should no worker have it by then."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    page_count = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    has_page_images = models.BooleanField(default=False)
    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "number"], name="version_number_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "queued_at"], name="version_queue")]

    def __str__(self) -> str:
        return f"{self.file_name} (version {self.number})"


class Page(models.Model):
    """The extracted text of a page; quotes are slices of it."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    text = models.TextField()
    width = models.FloatField(default=0, help_text="points; 0 where there is no page image")
    height = models.FloatField(default=0)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "number"], name="page_once")]

    def __str__(self) -> str:
        return f"page {self.number}"


class Chunk(models.Model):
    """A passage: `text == page.text[start:end]` of one page of one version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    page = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    heading = models.TextField(blank=True)
    header = models.TextField(blank=True)
    kind = models.CharField(max_length=20)
    lines = models.JSONField(default=list, help_text="[start, end, x0, y0, x1, y1] rows (rag.types.Line)")
    text_hash = models.CharField(max_length=64, db_index=True, help_text="sha256 of the text the encoder sees")

    class Meta:
        ordering: ClassVar = ["ordinal"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "ordinal"], name="chunk_once")]

    def __str__(self) -> str:
        return self.text[:80]


class Embedding(models.Model):
    """The vector of a text under a model, kept once however many chunks share the text."""

    id = models.BigAutoField(primary_key=True)
    text_hash = models.CharField(max_length=64)
    model = models.CharField(max_length=200)
    vector = models.BinaryField(help_text="float16, little endian, length 1")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["text_hash", "model"], name="embedding_once"),
        ]

    def __str__(self) -> str:
        return f"{self.text_hash[:12]} by {self.model}"


class Change(models.Model):
    """The log an index follows: at `revision`, this version of this document came or went."""

    id = models.BigAutoField(primary_key=True)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="changes")
    revision = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=6, choices=[("add", "add"), ("remove", "remove")])
    document = models.UUIDField()
    version = models.UUIDField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["collection", "revision", "id"]
        indexes: ClassVar = [models.Index(fields=["collection", "revision"], name="change_after")]

    def __str__(self) -> str:
        return f"{self.revision}: {self.kind} {self.version}"

"""Collections, documents and their versions, pages and chunks: the only source of truth.

FAISS and tantivy follow `Change` rows and can be deleted; a `Chunk` is live while its version is the
`current` one of a document that is not deleted.
"""

from datetime import datetime, timedelta
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


class Tag(models.Model):
    """A word that people of a collection put on documents, to find and to narrow."""

    id = models.BigAutoField(primary_key=True)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=50)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["collection", "name"], name="tag_once")]

    def __str__(self) -> str:
        return self.name


class SourceKind(models.TextChoices):
    """Where a source's documents come from."""

    PAGE = "page", "one page or file by its address"
    SITE = "site", "a website, by its sitemap or its links"
    FOLDER = "folder", "a folder on the server"
    BUCKET = "bucket", "an S3 bucket"


class Source(models.Model):
    """A place that documents of a collection come from and are kept in step with."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="sources")
    kind = models.CharField(max_length=10, choices=SourceKind.choices)
    address = models.CharField(max_length=2000, help_text="URL, folder, or bucket/prefix.")
    options = models.JSONField(default=dict, blank=True, help_text="Depth, limit, sitemap, region, endpoint.")
    every_hours = models.PositiveIntegerField(default=0, help_text="How often it is synced by itself; 0 for never.")
    paused = models.BooleanField(default=False, help_text="Not synced by itself until it goes on.")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    lease = models.UUIDField(null=True, blank=True, editable=False, help_text="The worker that syncs it now.")
    due_at = models.DateTimeField(null=True, blank=True, db_index=True, help_text="When it is synced next.")
    synced_at = models.DateTimeField(null=True, blank=True)
    seen = models.PositiveIntegerField(default=0, help_text="Entries of the newest sync so far.")
    outcome = models.JSONField(default=dict, blank=True, help_text="New, changed, vanished, unchanged, refused.")
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return self.address

    def next_due(self, now: datetime) -> datetime | None:
        """When it is synced by itself after a moment; None for never, or while it is paused."""
        return now + timedelta(hours=self.every_hours) if self.every_hours and not self.paused else None


class Document(models.Model):
    """A document under one id for all its versions. `current` serves; `latest` is the newest upload.

    It may lie within another one (`parent`: an archive's member, a mail's attachment) or come from a source;
    `key` is its name there, or its path in a folder that was uploaded. A deleted document stays as a row without
    text, so that old answers can say when it went.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(max_length=500)
    current = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    latest = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    source = models.ForeignKey(Source, on_delete=models.SET_NULL, null=True, blank=True, related_name="documents")
    key = models.CharField(
        max_length=600, blank=True, help_text="Its path in the parent, the source or the folder that was uploaded."
    )
    mark = models.CharField(max_length=500, blank=True, help_text="The source's fingerprint of it, an ETag or a time.")
    tags = models.ManyToManyField(Tag, blank=True, related_name="documents")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["collection", "deleted_at"], name="document_in_collection")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["parent", "key"], condition=Q(deleted_at__isnull=True), name="document_once_in_its_parent"
            ),
            models.UniqueConstraint(
                fields=["source", "key"], condition=Q(deleted_at__isnull=True), name="document_once_in_its_source"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def folder(self) -> str:
        """The folder it lay in where it came from; the whole address of what is from the web; "" for none."""
        return self.key if "://" in self.key else self.folder_path

    @property
    def folder_path(self) -> str:
        """The folder it lay in, to tell files of one name apart; "" for none and for what is from the web."""
        return folder_of(self.key)


def folder_of(key: str) -> str:
    """The folder of a document with this key (`Document.folder_path`)."""
    return "" if "://" in key else key.rpartition("/")[0]


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
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
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
    not_before = models.DateTimeField(help_text="While queued: when it may be taken; later after a try that failed.")
    turn = models.FloatField(default=0, help_text="While queued: its place, lowest first (docs/adr/0008).")
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
        indexes: ClassVar = [
            models.Index(fields=["state", "turn", "id"], name="version_queue"),
            models.Index(fields=["state", "uploaded_by", "turn"], name="version_turns"),
            models.Index(fields=["file_name"], name="version_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} (version {self.number})"


class Event(models.Model):
    """What happened to a document, for its history."""

    id = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField(null=True, blank=True, help_text="The number of the version it is about.")
    kind = models.CharField(max_length=20)
    text = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.text}".strip()


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

"""`manage.py load_sample`: the project's own documentation as a collection to ask questions about."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.documents import services
from apps.users.models import User

NAME = "Footnote"
DESCRIPTION = "How Footnote works and is run: its own documentation, to try questions on."
STARTER_QUESTIONS = (
    "Where does Footnote keep everything that it writes?",
    "What happens to a document after it is uploaded?",
    "How are answers written when no model is running?",
    "Why can a deleted document not be found any more?",
)


def documents() -> list[Path]:
    """The README first, then the pages under docs/."""
    return [settings.BASE_DIR / "README.md", *sorted((settings.BASE_DIR / "docs").rglob("*.md"))]


def title_of(path: Path) -> str:
    """The page's first heading; its name where it has none."""
    for line in path.read_text().splitlines():
        if line.startswith("# "):
            return line.removeprefix("# ").strip()
    return path.stem


class Command(BaseCommand):
    """`up` runs it once, on an empty database; run again it makes another collection."""

    help = "Makes a collection of Footnote's own documentation, owned by the first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", metavar="EMAIL", help="whose it is (default: the first administrator)")

    def handle(self, *args: Any, owner: str | None = None, **options: Any) -> None:
        people = User.objects.filter(email__iexact=owner) if owner else User.objects.filter(is_superuser=True)
        user = people.order_by("date_joined").first()
        if user is None:
            raise CommandError(f"There is no account {owner}." if owner else "There is no administrator yet.")
        try:
            self._load(user)
        except services.DocumentsError as error:
            raise CommandError(f"The sample could not be loaded: {error}") from None

    def _load(self, user: User) -> None:
        collection = services.create_collection(
            by=user, name=NAME, description=DESCRIPTION, starter_questions=STARTER_QUESTIONS
        )
        paths = documents()
        for path in paths:
            with path.open("rb") as file:
                services.upload(by=user, collection=collection, file=File(file, name=path.name), title=title_of(path))
        self.stdout.write(f"Sample collection “{NAME}”: {len(paths)} documents of the project itself")

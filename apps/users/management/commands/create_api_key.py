"""`manage.py create_api_key EMAIL --name NAME`: a key for a program."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.users import services
from apps.users.errors import AccountError


class Command(BaseCommand):
    """The key stands alone on stdout, so that `KEY=$(manage.py create_api_key ...)` works."""

    help = "Makes an API key and prints it, once. The account is made if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the account the key acts for")
        parser.add_argument("--name", required=True, help="what the key is for, so that it can be told from others")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        try:
            owner, made = services.get_or_create_account(by=None, email=email)
            row, key = services.create_api_key(by=None, owner=owner, name=name)
        except AccountError as error:
            raise CommandError(error.message) from None
        if made:
            self.stderr.write(f"Made the account {owner.email}; it has no password and can only use keys.")
        self.stderr.write(f"The key “{row.name}” has all rights of {owner.email}. It is shown only now; keep it safe.")
        self.stdout.write(key)

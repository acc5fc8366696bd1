"""`manage.py create_admin`: the first administrator of a new installation."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.users import services


class Command(BaseCommand):
    """Runs at every start and acts only at the first."""

    help = "Makes an administrator with a random password and prints both, unless there is one already."

    def handle(self, *args: Any, **options: Any) -> None:
        made = services.create_first_admin()
        if made is None:
            return
        user, password = made
        self.stdout.write(f"Administrator: {user.email}   password: {password}   (shown only now)")

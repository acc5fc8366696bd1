"""The form that every room's errors have, so that pages and the API can show any of them."""

from typing import ClassVar


class ServiceError(Exception):
    """What was asked cannot be done: `code` for programs, `message` and `hint` for people, each a sentence.

    `status` is the HTTP status that says the same.
    """

    status: ClassVar[int] = 400

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

"""What can be wrong with what somebody asked of the chat; the same form as in apps.documents.

ChatError                   `code` for programs; `message` and `hint` for people
├── NotFound                unknown, deleted, or not theirs to know about
├── Refused                 it cannot be done as asked; nothing was changed
└── ServiceUnavailable      a part of Footnote is down; the same call may succeed later
"""

from typing import ClassVar


class ChatError(Exception):
    """The root of the tree. `status` is the HTTP status that says the same."""

    status: ClassVar[int] = 400

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class NotFound(ChatError):
    """Unknown and foreign look the same, so that nobody can probe for ids."""

    status = 404

    def __init__(self, message: str) -> None:
        super().__init__("not_found", message)


class Refused(ChatError):
    """Bad input, in one sentence that says what to do."""


class ServiceUnavailable(ChatError):
    """Try again after `retry_after` seconds."""

    status = 503
    retry_after: ClassVar[int] = 5

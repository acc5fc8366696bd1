"""What can be wrong with what somebody asked of the chat.

ChatError                   `code` for programs; `message` and `hint` for people
├── NotFound                unknown, deleted, or not theirs to know about
├── Refused                 it cannot be done as asked; nothing was changed
└── ServiceUnavailable      a part of Footnote is down; the same call may succeed later
"""

from typing import ClassVar

from apps.errors import ServiceError


class ChatError(ServiceError):
    """The root of the tree."""


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

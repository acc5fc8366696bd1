"""What can be wrong with what somebody asked of collections and documents.

DocumentsError              `code` for programs; `message` and `hint` for people
├── NotFound                unknown, deleted, or not theirs to know about
├── NotAllowed              they see it, but their role does not allow this
│   └── ForAdministrators   read with the rights of the server, which no role in a collection gives
├── Refused                 what they gave cannot be taken; nothing was changed
├── Conflict                what they asked does not fit the state things are in
└── ServiceUnavailable      a part of Footnote is down or full; the same call may succeed later
"""

from typing import ClassVar

from apps.errors import ServiceError


class DocumentsError(ServiceError):
    """The root of the tree."""


class NotFound(DocumentsError):
    """Unknown and foreign look the same, so that nobody can probe for ids."""

    status = 404

    def __init__(self, what: str) -> None:
        super().__init__("not_found", f"There is no such {what}, or you are not a member of its collection.")


class NotAllowed(DocumentsError):
    """The person sees the collection; `role` is what they would need in it."""

    status = 403

    def __init__(self, role: str) -> None:
        super().__init__(
            "not_allowed", f"This needs the role of {role} in the collection.", "Ask an owner of the collection."
        )


class ForAdministrators(NotAllowed):
    """What is read with the server's own rights; no role in a collection gives them."""

    def __init__(self) -> None:
        DocumentsError.__init__(
            self, "not_allowed", "Only administrators add folders and buckets.", "Ask one of them, or upload the files."
        )


class Refused(DocumentsError):
    """Bad input, in one sentence that says what to do."""


class Conflict(DocumentsError):
    """Right at another time, not now."""

    status = 409


class ServiceUnavailable(DocumentsError):
    """Try again after `retry_after` seconds."""

    status = 503
    retry_after: ClassVar[int] = 5

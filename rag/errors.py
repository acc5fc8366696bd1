"""What can go wrong between a document and an answer.

RagError
├── ParsingError            a document cannot be read; the reader must act
├── SearchUnavailable       nothing answers searches in time; try again later
└── EngineError             a model engine failed
    ├── EngineUnavailable   refused, unreachable, 5xx or overloaded: the next engine may be tried
    ├── EngineTimeout       connect, first token or gap took too long: the next engine may be tried
    ├── EngineGarbage       it answers, but not in the protocol: the next engine may be tried
    └── PromptTooLong       the prompt does not fit: a shorter one may be tried
"""


class RagError(Exception):
    """The root of the tree; `message` is one sentence a person can act on."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ParsingError(RagError):
    """A document cannot be read.

    `code` is stable and machine-readable (`encrypted`, `broken`, `empty`, `no_text`, `too_large`,
    `too_slow`, `too_much_memory`, `unsupported`, `crashed`); `hint` says what the reader can do;
    `permanent` is False where another try may succeed.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, permanent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.permanent = permanent


class SearchUnavailable(RagError):
    """No search process answered in time."""


class EngineError(RagError):
    """A model engine failed."""


class EngineUnavailable(EngineError):
    """Refused, unreachable, overloaded or answering with a server error."""


class EngineTimeout(EngineError):
    """Connecting, the first token or the gap between two tokens took too long."""


class EngineGarbage(EngineError):
    """The engine answers, but not in the protocol (half JSON, endless whitespace)."""


class PromptTooLong(EngineError):
    """The engine refused the prompt because it does not fit its context window."""

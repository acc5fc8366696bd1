"""What can be wrong with what somebody asked of accounts and keys."""


class AccountError(Exception):
    """Refused; `message` is one sentence that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

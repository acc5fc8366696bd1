"""The workers' side of the chat: answers are written here, and put right when their writer dies."""

from apps.chat.answering.reconciling import reconcile
from apps.chat.answering.writing import write

__all__ = ["reconcile", "write"]

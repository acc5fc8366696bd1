"""Which engines are tried, in which order, and how that is said.

At this stage the order is the one the endpoints were ranked in. An engine whose context window cannot
hold even the shortest useful prompt is left out.
"""

from collections.abc import Sequence

from rag.ports import ChatModel

SHORTEST_PROMPT = 400
"""Tokens: the system prompt, a question and one short passage."""


def ranked(models: Sequence[ChatModel], *, max_tokens: int) -> list[ChatModel]:
    """The engines worth trying, in order."""
    return [model for model in models if prompt_budget(model, limit=10**9, max_tokens=max_tokens) >= SHORTEST_PROMPT]


def completion_tokens(model: ChatModel, *, max_tokens: int) -> int:
    """How long the answer may get: never more than half of the context window."""
    return min(max_tokens, model.context_window // 2)


def prompt_budget(model: ChatModel, *, limit: int, max_tokens: int) -> int:
    """Tokens a prompt for this engine may have."""
    return min(limit, model.context_window - completion_tokens(model, max_tokens=max_tokens))


def route_words(failures: Sequence[tuple[str, str]], engine: str) -> str:
    """The route in words for the receipt, such as "gpu-1 refused the connection; answered by gpu-2"."""
    tried = [f"{name}: {reason.rstrip('.')}" for name, reason in failures]
    return "; ".join([*tried, f"answered by {engine}"])

"""Where a model is served and what it costs, as plain data that wiring and probing share."""

from dataclasses import dataclass, field

from rag.ports import Usage


@dataclass(frozen=True, slots=True)
class Prices:
    """Money per million tokens; cached prompt tokens have a price of their own."""

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0

    def cost(self, usage: Usage) -> float:
        """Money for one completion. `prompt_tokens` includes the cached ones, as OpenAI counts."""
        fresh = max(usage.prompt_tokens - usage.cached_tokens, 0)
        return (
            fresh * self.prompt + usage.cached_tokens * self.cached + usage.completion_tokens * self.completion
        ) / 1e6


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """An OpenAI-compatible server and one model it serves. `base_url` usually ends in /v1."""

    name: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    context_window: int = 8192
    """Prompt and completion together, in tokens."""
    prices: Prices = Prices()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds an engine may take; each is final, however busy it keeps the connection meanwhile."""

    connect: float = 1.5
    first_token: float = 8.0
    """From sending the prompt to the first chunk; a chunk with empty text counts."""
    gap: float = 15.0
    """Between two chunks that carry something."""

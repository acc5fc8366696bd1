"""Model engines: the OpenAI-compatible client, its probe, and vLLM's own environment."""

from engines.models.endpoints import Deadlines, EndpointSpec, Prices
from engines.models.openai import OpenAIChatModel, shared_client
from engines.models.probing import Probe, probe

__all__ = ["Deadlines", "EndpointSpec", "OpenAIChatModel", "Prices", "Probe", "probe", "shared_client"]

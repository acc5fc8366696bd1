"""The one place that builds the real engines, from settings and from what the apps hand in.

Each builder is cached: one engine of a kind per process. Encoders and indexes are imported only by the
process that asks for them, so that web and answers stay small.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import httpx
import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from engines import embedding
from engines.models import Deadlines, EndpointSpec, OpenAIChatModel, Probe, probe, shared_client
from engines.parsing.limits import Limits
from rag.ports import ChangeLog, ChatModel, Embedder, Reranker

if TYPE_CHECKING:
    from engines.index.local import LocalIndex
    from engines.origins import Origin

Args = ParamSpec("Args")
Built = TypeVar("Built")


def once(build: Callable[Args, Built]) -> Callable[Args, Built]:
    """`cache` for what is dear to build: threads that ask at the same time wait for the first one's."""
    lock = threading.RLock()
    cached = cast(Callable[Args, Built], cache(build))

    @wraps(build)
    def waiting(*args: Args.args, **kwargs: Args.kwargs) -> Built:
        with lock:
            return cached(*args, **kwargs)

    return waiting


# Seconds: to connect, to wait for an answer, between checks of an idle connection.
CONNECT_SECONDS, ANSWER_SECONDS, CHECK_SECONDS = 2, 30, 30


@cache
def redis_client() -> redis.Redis:
    """The shared client of this process; thread-safe, answers str."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=CHECK_SECONDS,
    )


@cache
def quick_redis_client() -> redis.Redis:
    """For what must not wait for a Redis that is away (requests, streams, heartbeats): it tries once and
    gives up within a second. Hundreds of threads share it, each with a connection while it talks."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=1,
        socket_timeout=1,
        retry=Retry(NoBackoff(), 0),
        max_connections=5000,
    )


def async_redis_client() -> redis.asyncio.Redis:
    """A client for one event loop's use; close it with `aclose()`."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=CHECK_SECONDS,
    )


def engine_deadlines() -> Deadlines:
    """How long an engine may take, from settings."""
    return Deadlines(
        connect=settings.ENGINE_CONNECT_SECONDS,
        first_token=settings.ENGINE_FIRST_TOKEN_SECONDS,
        gap=settings.ENGINE_GAP_SECONDS,
    )


@cache
def engine_client() -> httpx.Client:
    """The one client through which this process talks to all engines."""
    return shared_client(engine_deadlines())


def chat_models(specs: Sequence[EndpointSpec]) -> list[ChatModel]:
    """The engines behind the endpoints, in their order. Cheap: they share one client."""
    return [OpenAIChatModel(spec, client=engine_client(), deadlines=engine_deadlines()) for spec in specs]


def probe_endpoint(spec: EndpointSpec) -> Probe:
    """Asks the endpoint for one token, under the same deadlines as an answer."""
    return probe(spec, client=engine_client(), deadlines=engine_deadlines())


@once
def embedder() -> Embedder:
    """The encoder of this process. Raises engines.embedding.UnusableModel when set-up has not prepared it."""
    return embedding.load(
        settings.EMBEDDING_BACKEND,
        model=settings.EMBEDDING_MODEL,
        cache_dir=settings.CACHE_DIR,
        url=settings.EMBEDDING_URL,
        api_key=settings.EMBEDDING_API_KEY,
        quantized=settings.EMBEDDING_QUANTIZED,
    )


@once
def passage_index(log: ChangeLog) -> "LocalIndex":
    """The index of this process over the log, for the encoder's vectors; one for each log object."""
    local = import_module("engines.index.local")  # faiss and tantivy only where they are used
    encoder = embedder()
    index: LocalIndex = local.LocalIndex(log, settings.INDEX_DIR, model=encoder.model, dimension=encoder.dimension)
    return index


@once
def reranker() -> Reranker | None:
    """The cross-encoder that RERANK_MODEL names, if any. Raises engines.reranking.UnusableReranker."""
    if not settings.RERANK_MODEL:
        return None
    made: Reranker = import_module("engines.reranking").CrossEncoderReranker(settings.RERANK_MODEL)
    return made


def limits() -> Limits:
    """What reading one document may take, from settings."""
    return Limits(
        pages=settings.MAX_PAGES,
        characters=settings.MAX_CHARACTERS,
        blocks=settings.MAX_BLOCKS,
        archive_members=settings.MAX_ARCHIVE_MEMBERS,
        archive_mb=settings.MAX_ARCHIVE_MB,
        archive_ratio=settings.MAX_ARCHIVE_RATIO,
        ocr_pages=settings.MAX_OCR_PAGES,
        ocr_page_seconds=settings.OCR_PAGE_SECONDS,
        image_megapixels=settings.MAX_IMAGE_MEGAPIXELS,
        memory_mb=settings.PARSE_MEMORY_MB,
        cpu_seconds=settings.PARSE_CPU_SECONDS,
        wall_seconds=settings.PARSE_WALL_SECONDS,
    )


@contextmanager
def origin(kind: str, address: str, options: Mapping[str, Any]) -> Iterator["Origin"]:
    """Where a source's documents come from, for the time of the block: `page`, `site`, `folder` or `bucket`.

    Raises engines.origins.OriginRefused for an address that must not or cannot be asked.
    """
    origins = import_module("engines.origins")
    most = int(settings.MAX_UPLOAD_MB * 1_000_000)
    with origins.Client(max_bytes=most, allow=settings.SOURCE_ALLOW) as client:
        if kind == "page":
            yield origins.WebPage(address, client)
        elif kind == "site":
            yield origins.Website(address, client, **options)
        elif kind == "folder":
            yield origins.Folder(Path(address), max_bytes=most)
        else:
            name, _, prefix = address.partition("/")
            keys = origins.Keys(settings.SOURCE_S3_KEY_ID, settings.SOURCE_S3_SECRET)
            yield origins.Bucket(name, client, prefix=prefix, keys=keys, **options)


def prepare_models() -> None:
    """What set-up does once for the encoder: check, convert, verify. Safe to repeat; prints one line.

    Raises engines.embedding.UnusableModel.
    """
    embedding.prepare_for(
        settings.EMBEDDING_BACKEND,
        model=settings.EMBEDDING_MODEL,
        cache_dir=settings.CACHE_DIR,
        url=settings.EMBEDDING_URL,
    )

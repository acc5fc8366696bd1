"""Everything that reads collections and documents. Permission is an argument of each: a person gets only
what `visible_to` lets them see, and NotFound for the rest; `search_in` is for those who manage a collection."""

from apps.documents.selectors.finding import (
    MODES,
    SearchRequest,
    found_from_json,
    found_to_json,
    search,
    search_in,
)
from apps.documents.selectors.history import event_json, events_of, version_json, versions_of
from apps.documents.selectors.listing import (
    collection_json,
    collection_of,
    collections_of,
    counted_collection_of,
    document_json,
    document_of,
    documents_json,
    documents_of,
    namesake_notice,
    queue_position,
)
from apps.documents.selectors.narrowing import Narrowing, narrowed_to
from apps.documents.selectors.progress import Changes, collection_exists, progress_rows
from apps.documents.selectors.quoting import citation_rows, passages_of, unit
from apps.documents.selectors.reading import (
    Original,
    chunk_json,
    chunks_of,
    file_of,
    image_of,
    original,
    page_image,
    page_text,
    version_of,
)
from apps.documents.selectors.sources import manageable_sources, source_json, source_of, sources_of

__all__ = [
    "MODES",
    "Changes",
    "Narrowing",
    "Original",
    "SearchRequest",
    "chunk_json",
    "chunks_of",
    "citation_rows",
    "collection_exists",
    "collection_json",
    "collection_of",
    "collections_of",
    "counted_collection_of",
    "document_json",
    "document_of",
    "documents_json",
    "documents_of",
    "event_json",
    "events_of",
    "file_of",
    "found_from_json",
    "found_to_json",
    "image_of",
    "manageable_sources",
    "namesake_notice",
    "narrowed_to",
    "original",
    "page_image",
    "page_text",
    "passages_of",
    "progress_rows",
    "queue_position",
    "search",
    "search_in",
    "source_json",
    "source_of",
    "sources_of",
    "unit",
    "version_json",
    "version_of",
    "versions_of",
]

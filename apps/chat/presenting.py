"""Answers as the pages show them: the JSON of an answer put into a reader's words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.chat.models import UNFINISHED, Conversation
from apps.documents import selectors as documents
from rag.followup import searched_with

STAGES = {
    "rewrite": "understanding",
    "embed": "reading the question",
    "search": "searching",
    "first_token": "first word",
    "generate": "writing",
}
"""The receipt's milliseconds that follow one another within the total, in words. The queue lies before it."""
CACHES = {
    "exact": "answered from the cache (the same question)",
    "semantic": "answered from the cache (a question alike)",
}
FEEDBACK_REASONS = (
    ("unsupported", "Not what the source says"),
    ("incomplete", "Something is missing"),
    ("off_topic", "Not what I asked"),
    ("outdated", "Out of date"),
    ("sources", "Wrong sources"),
)
WAITING_WORDS = {"queued": "Waiting for a free place…", "searching": "Searching…", "writing": "Writing…"}


def shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What templates/chat/answer.html needs, from `selectors.answer_json`."""
    unfinished = answer["status"] in UNFINISHED
    sources = [] if unfinished else _sources(answer)
    return {
        **answer,
        "unfinished": unfinished,
        # What is half written streams in again from its first event.
        "text": "" if unfinished else answer["text"],
        "stage": WAITING_WORDS.get(answer["status"], ""),
        "understood_as": _understood_as(answer),
        "searched_with": searched_with(answer["question"], answer["standalone_question"].strip()),
        "problem": _problem(answer),
        "sources": sources,
        "cited": bool(answer["citations"]) and not answer["refused"],
        "sources_heading": _heading(answer),
        "receipt": None if unfinished else receipt_shown(answer["receipt"]),
        "feedback": (answer.get("feedback") or {}).get("value"),
    }


def thread(answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers in the order of their questions, the variants of one question side by side; only the newest of
    them is in view, the others are a click away."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        groups.setdefault(answer["again_of"] or answer["id"], []).append(answer)
    return [
        {**answer, "variant": n, "variants": len(group), "hidden": n < len(group)}
        for group in groups.values()
        for n, answer in enumerate(group, start=1)
    ]


def _understood_as(answer: Mapping[str, Any]) -> str:
    """The stand-alone question that a model wrote; the form that rules made is no English."""
    alone = answer["standalone_question"].strip()
    if searched_with(answer["question"], alone):
        return ""
    return alone if alone and alone.casefold() != answer["question"].strip().casefold() else ""


def _problem(answer: Mapping[str, Any]) -> str:
    if answer["status"] == "stopped":
        return "You stopped this answer."
    if answer["status"] in ("failed", "interrupted"):
        message = (answer["error"] or {}).get("message")
        return message or "This answer ended early. Ask again to get it whole."
    return ""


def _heading(answer: Mapping[str, Any]) -> str:
    if answer["refused"]:
        return "Nearest passages"
    return "Sources" if answer["citations"] else "Passages found"


def _sources(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    if answer["citations"] and not answer["refused"]:
        return [_card(row, n=row["n"], quote=row.get("quote") or "") for row in answer["citations"]]
    # Under a refusal they are only hints where to look; six would read as an answer.
    shown = 3 if answer["refused"] else 6
    return [_card(row, n=n, quote=row["text"]) for n, row in enumerate(answer["nearest"][:shown], start=1)]


def _card(row: Mapping[str, Any], *, n: int, quote: str) -> dict[str, Any]:
    """A source as a note beside the answer; `row` is a citation or a passage of the answer's JSON."""
    document = row["document"] if isinstance(row["document"], Mapping) else {"id": row["document"], **row}
    deleted_at = _moment(row.get("deleted_at"))
    gone = not row.get("available", True)
    place = {"version": document["version"], "page": row["page"], "start": row["start"], "end": row["end"], "n": n}
    parts = (document["folder"], _place(row), age(row.get("uploaded_at")))
    return {
        "n": n,
        "title": document["title"] or "A document you cannot see",
        "where": _gone_shortly(deleted_at) if gone else " · ".join(part for part in parts if part),
        "quote": quote,
        "gone": gone,
        "gone_words": _gone_words(deleted_at),
        "url": f"{reverse('documents:source', args=[document['id']])}?{urlencode(place)}",
    }


def _place(row: Mapping[str, Any]) -> str:
    """ "p. 9" of a document that has pages, "part 9 of 26" of one that was cut into parts."""
    return {"page": f"p. {row['page']}", "part": f"part {row['page']} of {row['pages']}"}.get(
        documents.unit(row["pages"], row["has_page_image"]), ""
    )


def _gone_shortly(deleted_at: datetime | None) -> str:
    return f"deleted on {deleted_at:%-d %B %Y}" if deleted_at else "no longer available"


def _gone_words(deleted_at: datetime | None) -> str:
    if deleted_at:
        return (
            f"This document was deleted on {deleted_at:%-d %B %Y}. The answer keeps its words; the page and the "
            "passage are gone."
        )
    return "This document is no longer here, or no longer open to you. The answer keeps its words."


def _moment(value: datetime | str | None) -> datetime | None:
    return parse_datetime(value) if isinstance(value, str) else value


def age(value: datetime | str | None) -> str:
    """How old a document is: "today", "yesterday", "12 days old", "5 months old", "2 years old"."""
    moment = _moment(value)
    if moment is None:
        return ""
    days = (timezone.now() - moment).days
    if days < 2:
        return "added today" if days < 1 else "added yesterday"
    for size, word in ((365, "year"), (30, "month"), (1, "day")):
        if days >= size * (2 if size > 1 else 1):
            return f"{days // size} {word}s old"
    return ""


def receipt_shown(receipt: Mapping[str, Any]) -> dict[str, Any] | None:
    """The receipt in words: a headline, rows of (name, value), and the stages with their shares."""
    if not receipt:
        return None
    times = receipt.get("milliseconds") or {}
    total = times.get("total") or sum(value for key, value in times.items() if key in STAGES)
    cost = _money(receipt.get("cost") or 0, receipt.get("currency") or "USD")
    asked = bool(receipt.get("model"))
    rows = [
        ("Model", receipt.get("model") or ""),
        ("Route", receipt.get("route", "")),
        ("Tokens", _tokens(receipt)),
        # Without a model "$0" and "not cached" would say nothing.
        ("Cost", cost if asked or receipt.get("cost") else ""),
        ("Cache", CACHES.get(receipt.get("cache", "none"), "not cached" if asked else "")),
        ("Time", _duration(total) + _waited(times.get("queue", 0))),
    ]
    cached = "cached" if receipt.get("cache", "none") != "none" else ""
    headline = " · ".join(part for part in (_duration(total), cost if receipt.get("cost") else "", cached) if part)
    return {
        "headline": f"Receipt · {headline}",
        "rows": [row for row in rows if row[1]],
        "stages": _stages(_apart(times, total), total),
    }


def _waited(milliseconds: float) -> str:
    return f", after waiting {_duration(milliseconds)} for a free place" if milliseconds >= 0.5 else ""


def _stages(apart: Mapping[str, float], total: float) -> list[dict[str, Any]]:
    """The stages that took a millisecond or more, and what the total has beyond them. Ends are rounded, not
    lengths, so that what is shown adds up to the total as it is shown."""
    ends = list(accumulate((apart.get(key, 0.0) for key in STAGES), initial=0.0))
    spans = [
        (name, round(end) - round(begin)) for name, (begin, end) in zip(STAGES.values(), pairwise(ends), strict=True)
    ]
    if any(length for _, length in spans):
        spans.append(("the rest", round(total) - round(ends[-1])))
    return [{"name": name, "words": _duration(length), "share": length} for name, length in spans if length > 0]


def _apart(times: Mapping[str, float], total: float) -> dict[str, float]:
    """The stages one after another. Where together they take longer than the whole, the search was timed with
    the embedding inside it; then it is told without."""
    apart = {key: times[key] for key in STAGES if key in times}
    if sum(apart.values()) > total * 1.02 and "search" in apart:
        apart["search"] = max(0.0, apart["search"] - apart.get("embed", 0.0))
    return apart


def _tokens(receipt: Mapping[str, Any]) -> str:
    read, written, cached = (receipt.get(key) or 0 for key in ("prompt_tokens", "completion_tokens", "cached_tokens"))
    if not read and not written:
        return "none: no model was asked"
    from_cache = f" ({cached:,} from the prefix cache)" if cached else ""
    return f"{read:,} read{from_cache}, {written:,} written"


def _money(amount: float, currency: str) -> str:
    sign = {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, f"{currency} ")
    if not amount:
        return f"{sign}0"
    return f"{sign}{amount:.2f}" if amount >= 0.1 else f"{sign}{amount:.6f}".rstrip("0")


def _duration(milliseconds: float) -> str:
    if milliseconds >= 10_000:
        return f"{milliseconds / 1000:.0f} s"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms"


def grouped(conversations: Iterable[Conversation]) -> list[dict[str, Any]]:
    """Conversations under the headings of the sidebar, in the order given."""
    today = timezone.localdate()
    names = ((0, "Today"), (1, "Yesterday"), (7, "Previous 7 days"), (30, "Previous 30 days"))
    groups: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        days = (today - timezone.localdate(conversation.updated_at)) // timedelta(days=1)
        name = next((name for limit, name in names if days <= limit), "Earlier")
        groups.setdefault("Pinned" if conversation.pinned else name, []).append(conversation)
    return [{"name": name, "conversations": members} for name, members in groups.items()]

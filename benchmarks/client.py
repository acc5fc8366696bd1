"""What the benchmarks share: a thin client of the REST API, percentiles, and the printed table."""

import json
import os
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

DATA = Path(os.environ.get("FOOTNOTE_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
FINISHED = {"ready", "ready_with_warnings", "failed", "cancelled"}


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """One object per line."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of the values do not exceed; nan where there are none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def median(values: Iterable[float]) -> float:
    """The median; nan where there are no values."""
    known = list(values)
    return statistics.median(known) if known else float("nan")


def report(rows: dict[str, Any], out: Path | None) -> None:
    """Prints a two-column table and writes the same as JSON."""
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        print(f"{name:<{width}}  {value:.3f}" if isinstance(value, float) else f"{name:<{width}}  {value}")
    if out is not None:
        out.write_text(json.dumps(rows, indent=2, default=str) + "\n", encoding="utf-8")


class Footnote:
    """The REST API of a running Footnote, as a program would use it."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=120
        )

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded answer; an error status raises with the server's own sentence."""
        response = self.http.request(method, path, **options)
        if response.is_error:
            raise SystemExit(f"{method} {path}: {response.status_code} {response.text[:500]}")
        return response.json() if response.content else None

    def collection(self, name: str) -> str:
        """A new collection's id."""
        return str(self.call("POST", "/collections", json={"name": name})["id"])

    def documents(self, collection: str) -> Iterator[dict[str, Any]]:
        """Every document of a collection, page after page."""
        path: str | None = f"/collections/{collection}/documents?limit=100"
        while path:
            answer = self.call("GET", path)
            yield from answer["results"]
            path = answer["next"]

    def wait_for(self, collection: str, *, patience: float = 1800) -> list[dict[str, Any]]:
        """The collection's documents once each is finished; gives up after `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            documents = list(self.documents(collection))
            if all(document["status"] in FINISHED for document in documents):
                return documents
            if time.monotonic() > deadline:
                raise SystemExit(f"not finished after {patience:.0f} s")
            time.sleep(1)

    def events(self, question: str, collection: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The server-sent events of a question, as (name, data)."""
        body = {"question": question, "collections": [collection], "stream": True}
        with self.http.stream("POST", "/answers", json=body) as response:
            if response.is_error:
                raise SystemExit(f"answers: {response.status_code} {response.read()[:500]!r}")
            name = ""
            for line in response.iter_lines():
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    yield name, json.loads(line[5:])

"""Every file of the test collection: what became of it against what was to be expected, its seconds and its memory.

    python -m benchmarks.formats --url http://127.0.0.1:8000 --key KEY [--out formats.json]
    python -m benchmarks.formats --direct [--out formats.json]

One file at a time, so that seconds are its own: through the API from upload to ready, or with `--direct` by its parser
alone. The peak of memory is that of the parser's process, code and all; through the API it is measured by reading the
file a second time. `ok` in the manifest means ready; `clear error: X` a failure, at the upload or later, with a
sentence and a hint; a line that allows both takes either. Prints one line a file.
"""

import argparse
import csv
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.client import DATA, Footnote, report
from engines.parsing import Limits, Report, extract, sniff
from rag.errors import ParsingError

Row = dict[str, Any]
EXPECTED_CODES = {
    "encrypted": {"encrypted"},
    "empty": {"empty"},
    "no text": {"no_text"},
    "damaged": {"broken"},
    "not readable": {"broken", "no_text"},
}


def manifest() -> list[Row]:
    """The rows of manifest.tsv."""
    with (DATA / "files" / "manifest.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def outcome(footnote: Footnote, collection: str, name: str) -> Row:
    """Status, error code, seconds and what was read of one file."""
    path = DATA / "files" / name
    started = time.monotonic()
    with path.open("rb") as file:
        options = {"files": {"file": (name, file)}, "data": {"duplicates": "keep"}}
        response = footnote.http.post(f"/collections/{collection}/documents", **options)
    body = response.json()
    if response.is_error:
        hint = (body.get("details") or {}).get("hint", "") if isinstance(body.get("details"), dict) else ""
        return {
            "status": "refused",
            "code": body["code"],
            "message": f"{body['message']} {hint}".strip(),
            "seconds": 0.0,
        }
    while not body["finished"]:
        time.sleep(0.05)
        body = footnote.call("GET", f"/documents/{body['id']}")
    error = body["error"] or {}
    return {
        "status": body["status"],
        "code": error.get("code", ""),
        "message": f"{error.get('message', '')} {error.get('hint', '')}".strip()
        or "; ".join(map(str, body["warnings"])),
        "seconds": time.monotonic() - started,
        "pages": body["pages"],
        "chunks": body["chunks"],
    }


def read(name: str) -> Row:
    """The same of one file that its parser reads here, with the peak of memory of the parser's process in MB."""
    path = DATA / "files" / name
    peaks: list[float] = []
    warnings: list[str] = []
    told = Report(name=name, warning=warnings.append, memory=peaks.append)
    row: Row = {"status": "ready", "code": "", "pages": 0}
    started = time.monotonic()
    try:
        row["pages"] = sum(1 for _ in extract(path, sniff(path, name), limits=Limits(), report=told))
    except ParsingError as error:
        row.update(status="failed" if peaks else "refused", code=error.code)
        warnings = [error.message, error.hint]
    message = " ".join(warnings)
    return {**row, "message": message, "seconds": time.monotonic() - started, "peak_mb": max(peaks, default=0.0)}


def fits(expected: str, got: Row) -> bool:
    """Whether an outcome is among those that the manifest allows."""
    ready = got["status"].startswith("ready")
    if ready:
        return expected.startswith("ok") or "or bounded" in expected or "ok if" in expected
    if "clear error" not in expected or not got["message"].rstrip().endswith("."):
        return False
    wanted = next((codes for words, codes in EXPECTED_CODES.items() if words in expected), None)
    return wanted is None or expected.startswith("ok") or got["code"] in wanted


def _through_the_api(footnote: Footnote) -> Callable[[str], Row]:
    collection = footnote.collection("Files of all kinds")
    return lambda name: {**outcome(footnote, collection, name), "peak_mb": read(name)["peak_mb"]}


def main() -> None:
    """Parses the command line and runs every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default=os.environ.get("FOOTNOTE_KEY", ""))
    parser.add_argument("--direct", action="store_true", help="without a Footnote: the parsers alone")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    one = read if asked.direct else _through_the_api(Footnote(asked.url, asked.key))
    counts: Counter[str] = Counter()
    rows: Row = {}
    for row in manifest():
        got = one(row["name"])
        good = fits(row["expected_outcome"], got)
        counts["as expected" if good else "NOT as expected"] += 1
        shown = f"{got['status']} {got['code']}".strip()
        mark = " " if good else "!"
        pages = f"{got.get('pages', 0)} p/{got.get('chunks', '-')}"
        line = f"{mark} {row['name'][:44]:<44} {row['expected_outcome'][:34]:<34} {shown:<26}"
        print(f"{line} {got['seconds']:6.2f} s {got['peak_mb']:5.0f} MB {pages:>11}")
        if got["message"]:
            print(f"      {got['message'][:150]}")
        rows[row["name"]] = got
    print(file=sys.stdout)
    report(
        {
            "files": len(rows),
            **counts,
            "seconds": sum(row["seconds"] for row in rows.values()),
            "largest peak (MB)": max(row["peak_mb"] for row in rows.values()),
        },
        None,
    )
    if asked.out is not None:
        asked.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

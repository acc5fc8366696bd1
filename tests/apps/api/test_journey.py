"""The API against a whole Footnote: docs/api.md as it is written, and an upload that is found and gone."""

import re
import shlex
import subprocess
import sys
import time

import httpx
import pytest

from apps.api.errors import CODES
from tests.stack import PROJECT, Stack, until

GUIDE = (PROJECT / "docs" / "api.md").read_text()
FACT = "The quarterly zebra audit of Brumovia takes place on the ninth of October."


@pytest.mark.services
def test_the_commands_of_the_guide_run_as_they_are_written(stack: Stack) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert len(blocks) >= 5
    script = "\necho '--8<--'\n".join(blocks).replace("http://127.0.0.1:8000", stack.base_url)
    script = script.replace(".venv/bin/python", shlex.quote(sys.executable))
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=PROJECT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    _, uploaded, found, answered, streamed = done.stdout.split("--8<--")
    assert '"status":"ready"' in uploaded
    assert '"results":[{' in found
    assert '"citations":[{' in answered
    assert "event: token" in streamed
    assert "event: done" in streamed


def test_the_guide_lists_every_code_of_the_api() -> None:
    for status, code in CODES.items():
        assert f"| {status} | `{code}`" in GUIDE or re.search(rf"\| {status} \|[^|]*`{code}`", GUIDE), code


@pytest.mark.services
def test_what_is_uploaded_is_found_and_what_is_deleted_is_not(stack: Stack) -> None:
    with stack.client() as api:
        collection = api.post("/api/v1/collections", json={"name": "Audits"}).json()["id"]
        documents = f"/api/v1/collections/{collection}/documents"
        made = api.post(documents, files={"file": ("audit.md", f"# Audits\n\n{FACT}\n")})
        assert made.status_code == 202
        path = f"/api/v1/documents/{made.json()['id']}"
        until(lambda: api.get(path).json()["status"] == "ready", 30, lambda: api.get(path).text)

        for mode in ("hybrid", "dense", "lexical"):
            asked = {"query": "When is the zebra audit?", "collections": [collection], "mode": mode}
            found = api.post("/api/v1/search", json=asked).json()
            assert FACT in found["results"][0]["text"]
            assert found["timings"]
        best = found["results"][0]
        chunk = api.get(f"{path}/chunks").json()["results"][0]
        assert best["document"]["id"] == made.json()["id"]
        assert (best["chunk"], best["start"], best["end"]) == (chunk["id"], chunk["start"], chunk["end"])

        question = {"question": "When does the zebra audit of Brumovia take place?", "collections": [collection]}
        answer = api.post("/api/v1/answers", json=question)
        assert answer.status_code == 201
        assert "ninth of October" in answer.json()["text"]
        assert answer.json()["citations"][0]["quote"] in FACT

        assert api.delete(path).status_code == 204
        assert (
            api.post("/api/v1/search", json={"query": "zebra audit", "collections": [collection]}).json()["results"]
            == []
        )
        later = api.get(f"/api/v1/answers/{answer.json()['id']}").json()
        assert later["citations"][0]["quote"] == ""
        api.delete(f"/api/v1/collections/{collection}")


@pytest.mark.services
def test_the_first_event_comes_before_the_answer_is_whole(stack: Stack) -> None:
    """Nothing between the writer and the reader holds events back."""
    with stack.client() as api:
        sample = api.get("/api/v1/collections").json()["results"][-1]["id"]
        asked = {"question": "What is Footnote?", "collections": [sample], "stream": True}
        begun = time.monotonic()
        with api.stream("POST", "/api/v1/answers", json=asked) as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            lines = response.iter_lines()
            next(lines)
            first = time.monotonic() - begun
            assert any(line == "event: done" for line in lines)
        assert first < 1.0


def test_is_ready(stack: Stack) -> None:
    with httpx.Client(base_url=stack.base_url) as api:
        assert api.get("/readyz").json()["checks"] == dict.fromkeys(("database", "redis", "search", "answers"), "ok")
        assert 'footnote_workers{role="search"} 1.0' in api.get("/metrics").text
        assert api.get("/api/docs").status_code == 200

"""`manage.py up`, from outside: it starts, mends, refuses in one sentence, and leaves nothing behind."""

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.stack import Stack, until

ROLES = {"web", "uploads", "search", "answers", "ingest", "beat"}
# Both kinds of test start or share a whole Footnote, so they run on one worker, one after the other.
pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


@pytest.mark.services
class TestItRuns:
    def test_every_role_is_a_process(self, stack: Stack) -> None:
        expected = ROLES if "REDIS_URL" in stack.environment else ROLES | {"valkey"}
        # ingest and beat are started when questions can be answered, so they come a moment later.
        until(lambda: set(stack.pids()) == expected, 10, lambda: f"every role; there is {stack.pids()}")

    def test_web_is_small(self, stack: Stack) -> None:
        assert stack.resident_mb("web") <= 150

    def test_lines_carry_their_process_and_no_colour_in_a_file(self, stack: Stack) -> None:
        assert "footnote| Footnote is ready at" in stack.log()
        assert "\x1b[" not in stack.log()

    def test_a_first_question_about_the_sample_is_answered_with_a_footnote(self, stack: Stack) -> None:
        with stack.client() as api:
            collections = api.get("/api/v1/collections").json()["results"]
            sample = next(row for row in collections if row["name"] == "Footnote")

            def answered() -> dict | None:
                asked = api.post(
                    "/api/v1/answers",
                    json={
                        "question": "Where does Footnote keep everything that it writes?",
                        "collections": [sample["id"]],
                    },
                )
                assert asked.status_code == 201, asked.text
                answer = asked.json()
                # Until the page that knows it is read, other pages are quoted, or it is refused.
                return answer if any("DATA_DIR" in citation["quote"] for citation in answer["citations"]) else None

            answer = until(answered, 20, lambda: f"an answer with a citation; log:\n{stack.log()[-3000:]}")
        assert "DATA_DIR" in answer["text"]


class TestItMends:
    @pytest.mark.parametrize(
        "role", ["web", *(pytest.param(role, marks=pytest.mark.slow) for role in ("ingest", "valkey"))]
    )
    def test_a_killed_process_comes_back_and_that_is_said(self, running: Stack, role: str) -> None:
        seen = len(running.log())
        killed = running.kill(role)
        until(
            lambda: running.pids().get(role, killed) != killed,
            20,
            lambda: f"{role} again; log:\n{running.log()[seen:]}",
        )
        assert f"{role} ended (killed by SIGKILL); starting it again" in running.log()[seen:]

    def test_files_are_taken_in_while_the_process_for_them_is_away(self, running: Stack) -> None:
        until(lambda: answers(running), 20, lambda: running.log()[-2000:])  # the test before has killed web
        with running.client() as api:
            collection = api.post("/api/v1/collections", json={"name": "Kept"}).json()["id"]
            place = f"/api/v1/collections/{collection}/documents"
            until(lambda: "uploads" in running.pids(), 20, lambda: running.log()[-2000:])
            killed = running.kill("uploads")
            # What it is sent in the moment of its end is told 503; from then on nothing is lost.
            until(lambda: killed not in running.everything(), 10, lambda: running.log()[-2000:])
            sent = [api.post(place, json={"title": f"Note {n}", "text": f"Bee {n} dances."}) for n in range(5)]
            assert [each.status_code for each in sent] == [202] * 5, [each.text for each in sent]
            until(lambda: "uploads" in running.pids(), 20, lambda: running.log()[-2000:])
            assert api.get(place).json()["results"][0]["title"] == "Note 4"


def answers(footnote: Stack) -> bool:
    """Whether its web process does."""
    try:
        return httpx.get(f"{footnote.base_url}/healthz", timeout=2).is_success
    except httpx.TransportError:
        return False


class TestItRefuses:
    def refused(self, footnote: Stack) -> str:
        """What `up` says; it must say one line and not start anything."""
        done = footnote.manage("up")
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("Footnote cannot start: ")
        return done.stderr

    def test_a_taken_port(self, tmp_path: Path) -> None:
        footnote = Stack(tmp_path / "var")
        with socket.create_server(("127.0.0.1", footnote.port)):
            said = self.refused(footnote)
        assert f"port {footnote.port} is already taken" in said
        assert f"PORT={footnote.port + 1}" in said

    def test_a_second_one_on_the_same_folder(self, running: Stack) -> None:
        said = self.refused(Stack(running.data_dir))
        assert f"another Footnote (process {running.process.pid}) already runs" in said

    def test_a_database_that_is_not_there(self, tmp_path: Path) -> None:
        said = self.refused(Stack(tmp_path / "var", DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder/db.sqlite3"))
        assert "check DATABASE_URL" in said

    def test_a_database_url_that_is_none(self, tmp_path: Path) -> None:
        assert "DATABASE_URL" in self.refused(Stack(tmp_path / "var", DATABASE_URL="nonsense"))

    def test_a_redis_that_is_not_there(self, tmp_path: Path) -> None:
        footnote = Stack(tmp_path / "var")
        footnote.environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
        assert "check REDIS_URL" in self.refused(footnote)

    @pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "var").mkdir(mode=0o500)
        assert "cannot be written" in self.refused(Stack(tmp_path / "var"))

    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "var").write_text("in the way")
        assert "set DATA_DIR" in self.refused(Stack(tmp_path / "var"))

    def test_a_port_that_is_none(self, tmp_path: Path) -> None:
        assert "PORT" in self.refused(Stack(tmp_path / "var", PORT="eighty"))
        assert "between 1 and 65535" in self.refused(Stack(tmp_path / "var", PORT="80000"))


class TestItLeavesNothingBehind:
    def test_ctrl_c_stops_every_process_in_order(self, running: Stack) -> None:
        assert running.interrupt() == 0
        assert running.everything() == set()
        assert running.log().rstrip().endswith("footnote| stopped")

    def test_and_it_starts_again_on_the_same_folder(self, running: Stack) -> None:
        everyone = ROLES | {"valkey"}
        until(lambda: set(running.pids()) == everyone, 10, lambda: f"every role; there is {running.pids()}")
        assert running.log().count("Administrator:") == 1

    def test_a_supervisor_that_is_killed_takes_all_with_it(self, running: Stack) -> None:
        assert running.process is not None
        until(lambda: set(running.pids()) >= ROLES, 10, lambda: f"every role; there is {running.pids()}")
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        until(lambda: not running.everything(), 10, lambda: f"all gone; left: {running.everything()}")

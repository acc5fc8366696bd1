"""An OpenAI-compatible server in a thread, with every fault an engine has been seen to have.

It counts the streams it is running (`/metrics` says so in vLLM's words), so that the same contract test
holds it and a real vLLM. `mode` may be changed between requests.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny"
CONTEXT_WINDOW = 2048
WORDS = [f"word{n} " for n in range(200)]


class FakeEngine(ThreadingHTTPServer):
    """Serves `MODEL`. Modes: paced, no_usage, old (knows no stream_options), error_500, overloaded,
    bad_key, garbage, html, half_json, disconnect, blank, empty_chunks, comments, slow_first, stall, silent,
    header_drip, empty, length."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = "paced"
        self.pace = 0.01
        self.text = list(WORDS)
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.running = 0
        self.lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeEngine

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._whole(200, f'vllm:num_requests_running{{engine="0"}} {self.server.running}.0\n')
        elif self.path == "/v1/models":
            self._whole(200, json.dumps({"data": [{"id": MODEL}]}))
        else:
            self._whole(404, "{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({**body, "authorization": self.headers.get("Authorization", "")})
        if (refusal := self._refusal(body)) is not None:
            self._whole(*refusal)
            return
        with self.server.lock:
            self.server.running += 1
        try:
            getattr(self, f"_{self.server.mode}", self._paced)(body)
        except OSError:
            self.close_connection = True
        finally:
            with self.server.lock:
                self.server.running -= 1

    # ------------------------------------------------------------------------------- refusals

    def _refusal(self, body: dict[str, Any]) -> tuple[int, str] | None:
        mode = self.server.mode
        if mode == "error_500":
            return 500, "Internal Server Error"
        if mode == "overloaded":
            return 503, "{}"
        if mode == "bad_key":
            return 401, json.dumps({"error": {"message": f"Incorrect key: {self.headers.get('Authorization')}"}})
        if mode == "old" and "stream_options" in body:
            return 400, json.dumps({"error": {"message": "extra fields not permitted: stream_options"}})
        if body["model"] != MODEL:
            return 404, json.dumps({"error": {"message": f"The model {body['model']} does not exist."}})
        if sum(len(message["content"]) for message in body["messages"]) // 4 + body["max_tokens"] > CONTEXT_WINDOW:
            message = f"This model's maximum context length is {CONTEXT_WINDOW} tokens."
            return 400, json.dumps({"error": {"message": message, "code": 400}})
        return None

    # ------------------------------------------------------------------------------- streams

    def _paced(self, body: dict[str, Any]) -> None:
        self._open()
        for word in self.server.text[: body["max_tokens"]]:
            self._chunk(word)
            time.sleep(self.server.pace)
        self._end(body)

    _no_usage = _old = _paced

    def _length(self, body: dict[str, Any]) -> None:
        self._open()
        self._chunk("cut off")
        self._end(body, finish="length")

    def _empty(self, body: dict[str, Any]) -> None:
        self._open()
        self._end(body)

    def _garbage(self, body: dict[str, Any]) -> None:
        self._open()
        self._chunk("word ")
        self._write(b"\x00\xff\x13 not an event at all\n\n" * 20)

    def _html(self, body: dict[str, Any]) -> None:
        self._whole(200, "<html><body>It works!</body></html>")

    def _half_json(self, body: dict[str, Any]) -> None:
        self._open()
        self._chunk("word ")
        self._write(b'data: {"choices": [{"delta": {"con\n\n')

    def _disconnect(self, body: dict[str, Any]) -> None:
        self._open()
        for word in self.server.text[:5]:
            self._chunk(word)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _blank(self, body: dict[str, Any]) -> None:
        self._open()
        while True:
            self._chunk(" \n")

    def _empty_chunks(self, body: dict[str, Any]) -> None:
        self._open()
        while True:
            self._chunk("")
            time.sleep(0.02)

    def _comments(self, body: dict[str, Any]) -> None:
        self._open()
        while True:
            self._write(b": ping\n\n")
            time.sleep(0.02)

    def _slow_first(self, body: dict[str, Any]) -> None:
        self._open()
        time.sleep(1.0)
        self._paced_rest(body)

    def _stall(self, body: dict[str, Any]) -> None:
        self._open()
        for word in self.server.text[:3]:
            self._chunk(word)
        self._silent(body)

    def _silent(self, body: dict[str, Any]) -> None:
        self.connection.settimeout(20)
        with suppress(TimeoutError):
            self.connection.recv(1)  # until the client goes away
        self.close_connection = True

    def _header_drip(self, body: dict[str, Any]) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            self.wfile.write(b"x")
            time.sleep(0.02)

    def _paced_rest(self, body: dict[str, Any]) -> None:
        for word in self.server.text[: body["max_tokens"]]:
            self._chunk(word)
        self._end(body)

    # ------------------------------------------------------------------------------- the wire

    def _open(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, text: str, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        self._write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())

    def _end(self, body: dict[str, Any], finish: str = "stop") -> None:
        self._chunk("", finish)
        if body.get("stream_options") and self.server.mode != "no_usage":
            usage = {"prompt_tokens": 30, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 16}}
            self._write(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode())
        self._write(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _whole(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def fake_engine() -> Iterator[FakeEngine]:
    """A running fake engine on a free port of loopback."""
    with FakeEngine() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def never_accepts() -> Iterator[str]:
    """The base URL of a port whose queue of connections is full: connecting to it hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect(listener.getsockname())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            for filler in fillers:
                filler.close()

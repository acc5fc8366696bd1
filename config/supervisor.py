"""Keeps Footnote's processes running on one machine: starts, relays their logs, mends, and stops in order.

One thread and one selector: nothing here waits for one process while another needs care.
"""

import http.client
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from config.children import Child

TURN_SECONDS = 0.1
READY_EVERY_SECONDS = 0.2
STILL_WAITING_SECONDS = 15.0
LATE_SECONDS = 20.0
"""Those that can wait are started after this time even if the others are not ready."""
OWN_COLOUR = 37


@dataclass
class Post:
    """A process in its place: how it is shown and when it is stopped."""

    child: Child
    stop_order: int
    stop_seconds: float
    colour: int
    last_words: str = "its last lines above say why"
    after_ready: bool = False


@dataclass
class Log:
    """Lines with one prefix each; coloured only for a person at a terminal (no-color.org)."""

    stream: TextIO = sys.stdout
    width: int = 8
    coloured: bool = field(init=False)

    def __post_init__(self) -> None:
        self.coloured = self.stream.isatty() and not os.environ.get("NO_COLOR")

    def line(self, name: str, colour: int, text: str) -> None:
        prefix = f"{name:<{self.width}}|"
        if self.coloured:
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        try:
            print(prefix, text, file=self.stream, flush=True)
        except OSError:
            # The terminal is gone; what runs must still be stopped in order.
            self.stream = open(os.devnull, "w")  # noqa: SIM115


class Supervisor:
    """`run` returns the exit status: 0 after Ctrl-C or SIGTERM, 1 when a process cannot be kept alive."""

    def __init__(self, posts: Sequence[Post], *, probe: tuple[str, int] | None, ready: Callable[[], str]) -> None:
        """Every post, `run`'s first one included, is in `posts`.

        `probe` is the host and port whose /readyz tells readiness; `ready` gives the line said then.
        """
        self.posts = list(posts)
        self.probe = probe
        self.ready_line = ready
        self.log = Log(width=max([8, *(len(post.child.name) + 1 for post in posts)]))
        self.stop_signals = 0
        self._selector = selectors.DefaultSelector()
        self._gave_up = False
        self._ready = probe is None
        self._next_probe = 0.0
        self._next_word = time.monotonic() + STILL_WAITING_SECONDS

    def say(self, text: str) -> None:
        self.log.line("footnote", OWN_COLOUR, text)

    def run(self, *, first: Post | None = None, prepare: Callable[[], None]) -> int:
        """Starts `first`, calls `prepare`, starts everything else, and returns when everything has ended."""
        self._listen_for_signals()
        try:
            if first is not None:
                self._start(first)
            prepare()
            for post in self.posts:
                post.child.start_at = time.monotonic() + (LATE_SECONDS if post.after_ready else 0)
            while not self.stop_signals and not self._gave_up:
                self._turn()
                self._mend()
                self._announce_when_ready()
        finally:
            self.stop()
        return 1 if self._gave_up else 0

    # ------------------------------------------------------------------------------------------- events

    def _listen_for_signals(self) -> None:
        """A signal wakes the selector through a socket, so none is lost between two turns."""
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._wakers = (reader, writer)
        self._selector.register(reader, selectors.EVENT_READ, None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _on_stop_signal(self, number: int, frame: object) -> None:
        self.stop_signals += 1

    def _turn(self) -> None:
        """Relays what has been written, or waits a moment for it."""
        for key, _ in self._selector.select(TURN_SECONDS):
            if key.data is None:
                os.read(key.fd, 4096)
                continue
            self._relay(key.data, key.fd)

    def _relay(self, post: Post, descriptor: int) -> None:
        lines, ended = post.child.lines()
        for line in filter(None, lines):
            self.log.line(post.child.name, post.colour, line)
        if ended:
            self._selector.unregister(descriptor)

    # -------------------------------------------------------------------------------------- life and death

    def _start(self, post: Post) -> None:
        pipe = post.child.start()
        self._selector.register(pipe, selectors.EVENT_READ, post)

    def _bury(self, post: Post) -> int | None:
        """The exit status of a process that has ended, its last words relayed; None while it lives."""
        process = post.child.process
        pipe = process.stdout if process else None
        if pipe is None or not post.child.has_ended():
            return None
        while pipe.fileno() in self._selector.get_map() and post.child.pending():
            self._relay(post, pipe.fileno())
        if pipe.fileno() in self._selector.get_map():
            self._selector.unregister(pipe)
        if last := post.child.unfinished_line():
            self.log.line(post.child.name, post.colour, last)
        status = post.child.reap()
        pipe.close()
        return status

    def _mend(self) -> None:
        for post in self.posts:
            if post.child.running:
                status = self._bury(post)
                if status is not None:
                    self._plan(post, status)
            elif time.monotonic() >= post.child.start_at:
                self._start(post)

    def _plan(self, post: Post, status: int) -> None:
        name, how = post.child.name, describe(status)
        pause = post.child.plan_restart()
        if pause is None:
            self._gave_up = True
            self.say(
                f"{name} ended {post.child.quick_deaths} times right after its start ({how}); "
                f"{post.last_words}. Footnote stops."
            )
        else:
            self.say(f"{name} ended ({how}); starting it again in {pause:.1f} s")

    # ---------------------------------------------------------------------------------------------- ready

    def _announce_when_ready(self) -> None:
        now = time.monotonic()
        if self._ready or self.probe is None or now < self._next_probe:
            return
        ready, why = readiness(*self.probe)
        self._next_probe = time.monotonic() + READY_EVERY_SECONDS
        if ready:
            self._ready = True
            self.say(self.ready_line())
            for post in self.posts:
                post.child.start_at = min(post.child.start_at, now)
        elif now >= self._next_word:
            self._next_word = now + STILL_WAITING_SECONDS
            self.say(f"not ready yet: {why}")

    # ----------------------------------------------------------------------------------------------- stop

    def stop(self) -> None:
        """Ends every process, those who ask before those who answer; a second signal ends them at once."""
        first = self.stop_signals
        if first:
            self.say("stopping (Ctrl-C again to stop at once)")
        for order in sorted({post.stop_order for post in self.posts}):
            group = [post for post in self.posts if post.stop_order == order and post.child.running]
            for post in group:
                post.child.terminate()
            asked = time.monotonic()
            while any(post.child.running for post in group):
                self._turn()
                for post in group:
                    if post.child.running and self._bury(post) is None:
                        self._hurry(post, asked, at_once=self.stop_signals > max(first, 1))
        self.say("stopped")

    def _hurry(self, post: Post, asked: float, *, at_once: bool) -> None:
        if at_once or time.monotonic() - asked > post.stop_seconds:
            if not at_once:
                self.say(
                    f"{post.child.name} did not end in {post.stop_seconds:g} s and is killed; "
                    "what it held is taken up at the next start"
                )
            post.child.kill()


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    return f"killed by {signal.Signals(-status).name}"


def readiness(host: str, port: int) -> tuple[bool, str]:
    """Whether /readyz answers 200, and if not, what it says."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"127.0.0.1:{port}"})
        response = connection.getresponse()
        body = response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, f"web does not answer ({error or type(error).__name__})"
    finally:
        connection.close()
    if response.status == http.client.OK:
        return True, ""
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, TypeError, KeyError):
        return False, f"/readyz answers {response.status}"
    return False, "; ".join(f"{name}: {said}" for name, said in checks.items() if said != "ok")

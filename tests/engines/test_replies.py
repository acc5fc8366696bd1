"""One answer to one request over Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from engines import replies, wiring
from engines.queues import QueueUnavailable
from engines.replies import KEEP_SECONDS, ReplyError, ask, reply, reply_error
from rag.errors import SearchUnavailable

pytestmark = pytest.mark.services


@pytest.fixture
def client(redis_server: str) -> Iterator[redis.Redis]:
    wiring.quick_redis_client.cache_clear()
    yield wiring.quick_redis_client()
    wiring.quick_redis_client().close()
    wiring.quick_redis_client.cache_clear()


@pytest.fixture
def later(client: redis.Redis) -> Iterator[Callable[..., Callable[[str], None]]]:
    """Sends an answer after some seconds from a thread of its own, which ends before the client is closed."""
    timers: list[threading.Timer] = []

    def sender(seconds: float, payload: object) -> Callable[[str], None]:
        def send(key: str) -> None:
            timers.append(threading.Timer(seconds, lambda: reply(client, key, payload)))
            timers[-1].start()

        return send

    yield sender
    for timer in timers:
        timer.join()


def test_an_answer_comes_back_as_it_was_given(client: redis.Redis) -> None:
    payload = {"passages": [1, "zwei", None], "timings": {"embed": 1.5}}
    assert ask(client, lambda key: reply(client, key, payload), timeout=5) == payload


def test_one_that_takes_longer_than_a_slice_of_waiting(
    client: redis.Redis, later: Callable[..., Callable[[str], None]]
) -> None:
    assert ask(client, later(1.2, "slow"), timeout=5) == "slow"


def test_an_error_comes_back_as_one(client: redis.Redis) -> None:
    with pytest.raises(ReplyError, match="in flames") as raised:
        ask(client, lambda key: reply_error(client, key, "internal", "The index is in flames."), timeout=5)
    assert raised.value.code == "internal"


def test_silence_ends_in_time(client: redis.Redis) -> None:
    begin = time.monotonic()
    with pytest.raises(SearchUnavailable, match="in time"):
        ask(client, lambda key: None, timeout=0.7)
    assert 0.6 < time.monotonic() - begin < 2


def test_an_answer_nobody_waits_for_goes_away_by_itself(client: redis.Redis) -> None:
    reply(client, "reply:nobody", "hello")
    assert 0 < client.ttl("reply:nobody") <= KEEP_SECONDS
    client.delete("reply:nobody")


def test_without_redis_it_is_said_within_two_seconds(tmp_path) -> None:
    gone = redis.Redis(unix_socket_path=str(tmp_path / "gone.sock"), retry=None)
    begin = time.monotonic()
    with pytest.raises(SearchUnavailable, match="cannot be reached"):
        ask(gone, lambda key: None, timeout=10)
    assert time.monotonic() - begin < 2


def test_a_queue_that_takes_nothing_is_the_same(client: redis.Redis) -> None:
    def refuse(key: str) -> None:
        raise QueueUnavailable("no")

    with pytest.raises(SearchUnavailable):
        ask(client, refuse, timeout=10)


def test_two_hundred_threads_each_get_their_own(client: redis.Redis) -> None:
    asked: list[tuple[str, int]] = []

    def one(number: int) -> int:
        return replies.ask(client, lambda key: asked.append((key, number)), timeout=10)

    with ThreadPoolExecutor(200) as pool:
        waiting = [pool.submit(one, number) for number in range(200)]
        answered = 0
        while answered < 200:
            if len(asked) > answered:
                key, number = asked[answered]
                reply(client, key, number * 7)
                answered += 1
            else:
                time.sleep(0.005)
        assert [each.result() for each in waiting] == [number * 7 for number in range(200)]

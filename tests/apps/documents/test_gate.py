"""Few uploads at a time are worked on by a web process; none waits for ever."""

import threading
from collections.abc import Iterator

import pytest

from apps.documents import gate

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_place(settings) -> Iterator[None]:
    settings.UPLOADS_AT_ONCE = 1
    gate._places.cache_clear()
    yield
    gate._places.cache_clear()


class Upload(threading.Thread):
    """Goes through the gate as soon as it is started, and leaves it when told to."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.inside, self.may_leave = threading.Event(), threading.Event()

    def run(self) -> None:
        with gate.upload_gate():
            self.inside.set()
            self.may_leave.wait(10)


def test_one_after_the_other(one_place: None) -> None:
    first, second = Upload(), Upload()
    first.start()
    assert first.inside.wait(5)
    second.start()
    assert not second.inside.wait(0.2)
    first.may_leave.set()
    assert second.inside.wait(5)
    second.may_leave.set()
    second.join(5)


def test_who_waited_long_enough_goes_on_and_leaves_no_second_place(
    one_place: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", 0.1)
    first, second, third = Upload(), Upload(), Upload()
    first.start()
    assert first.inside.wait(5)
    second.start()
    assert second.inside.wait(5)
    second.may_leave.set()
    second.join(5)
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", 5)
    third.start()
    assert not third.inside.wait(0.2)
    first.may_leave.set()
    assert third.inside.wait(5)
    third.may_leave.set()


def test_a_refused_upload_gives_its_place_back(one_place: None) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="damaged"), gate.upload_gate():
            raise ValueError("damaged")

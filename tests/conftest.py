"""Fixtures that every room's tests share. Nothing here reaches beyond this machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings

from engines.valkey import EmbeddedValkey
from tests.stack import own, running, stack

__all__ = ["own", "running", "stack"]

# The settings chose a folder for this run; processes that a test starts share it.
os.environ["DATA_DIR"] = str(settings.DATA_DIR)
# Forty examples of each property on every run; with HYPOTHESIS_PROFILE=long pytest looks for minutes at each.
hypothesis.settings.register_profile("quick", max_examples=40)
hypothesis.settings.register_profile("long", max_examples=20_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
# Half a second of hashing for each account would be most of the suite's time.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client is a server of its own; listing every static file anew took most of a request's time.
settings.WHITENOISE_AUTOREFRESH = True
PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("FOOTNOTE_TEST_DATA", PROJECT.parent / "shared" / "data"))


def pytest_sessionfinish() -> None:
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test is named after its parameter, never after a document's bytes: those differ by the second they were
    made in, and the workers of pytest-xdist must all collect the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share the session's Footnote share a worker; there are two of it at most, one for the browser's."""
    for item in items:
        if {"stack", "own"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
            item.add_marker(pytest.mark.xdist_group("browser" if "browser" in item.path.parts else "stack"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The evaluation data beside the project; the test is skipped, and says so, where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"the evaluation data is not at {DATA} (set FOOTNOTE_TEST_DATA)")
    return DATA


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis: REDIS_URL if it is set, else an embedded valkey of the tests' own."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return

    with EmbeddedValkey(settings.REDIS_SOCKET):
        yield settings.REDIS_URL

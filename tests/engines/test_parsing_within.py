"""Files within a document: they come out of the child one by one, whole or not at all, and nothing stays behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.parsing import FORMATS, Format, Limits, Report, Within, extract, wire
from engines.parsing.spooling import Spool
from rag.errors import ParsingError
from rag.types import Page
from tests.files import containers

LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=30)
Read = Callable[..., list[Page]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "spool").mkdir()
    return made


@pytest.fixture
def read(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a document whose format hands on files: its word names the one of tests.files.holding."""
    form = Format("Holder", (".holder",), "text/x-holder", "tests.files.holding")
    monkeypatch.setattr("engines.parsing.formats.FORMATS", (*FORMATS, form))

    def run(what: str, within: Callable[[Within], None] | None = None, **given: Any) -> list[Page]:
        path = tmp_path / "document"
        path.write_text(what)
        if within is not None:
            given = {"folder": folder, "within": within, **given}
        return list(extract(path, form.media_type, **{"limits": LIMITS, **given}))

    return run


def listing(found: list[tuple[str, bytes]]) -> Callable[[Within], None]:
    def take(within: Within) -> None:
        data = within.path.read_bytes()
        assert len(data) == within.size
        found.append((within.name, data))

    return take


def test_several_files_come_whole_and_in_order(read: Read, folder: Path) -> None:
    found: list[tuple[str, bytes]] = []
    assert [page.text for page in read("several", listing(found))] == ["read"]
    assert found == [
        ("one.txt", b"first"),
        ("folder/two.bin", b"".join(bytes([n]) * 100_000 for n in range(5))),
        ("empty", b""),
    ]
    assert list(folder.iterdir()) == []


def test_a_file_that_breaks_off_is_not_handed_on(read: Read, folder: Path) -> None:
    found: list[tuple[str, bytes]] = []
    warnings: list[str] = []
    read("torn", listing(found), report=Report(warning=warnings.append))
    assert found == [("whole", b"yes"), ("after", b"also")]
    assert warnings == ["torn was left out.", "torn last was left out."]
    assert list(folder.iterdir()) == []


def test_a_refusal_in_the_middle_of_a_file_passes_through(read: Read, folder: Path) -> None:
    found: list[tuple[str, bytes]] = []
    with pytest.raises(ParsingError) as caught:
        read("refuse", listing(found))
    assert caught.value.code == "broken"
    assert found == [("whole", b"yes")]
    assert list(folder.iterdir()) == []


def test_names_are_only_text(read: Read, folder: Path) -> None:
    found: list[tuple[str, bytes]] = []
    read("names", listing(found))
    assert [name for name, _ in found] == ["../../etc/passwd", "ab", "?.txt", "document", "x" * 1000]
    assert list(folder.iterdir()) == []


def test_each_file_lies_in_the_folder_under_a_name_of_ours(read: Read, folder: Path) -> None:
    seen: list[Path] = []
    read("names", lambda within: seen.append(within.path))
    assert {path.parent for path in seen} == {folder}
    assert len(set(seen)) == 5
    assert {path.suffix for path in seen} == {".incoming"}


def test_a_callback_may_take_the_file_away(read: Read, folder: Path, tmp_path: Path) -> None:
    def keep(within: Within) -> None:
        within.path.rename(tmp_path / f"kept{within.size}")

    read("several", keep)
    assert (tmp_path / "kept5").read_bytes() == b"first"
    assert list(folder.iterdir()) == []


def test_an_error_of_the_callback_passes_through_and_leaves_nothing(read: Read, folder: Path) -> None:
    def fail(within: Within) -> None:
        raise LookupError(within.name)

    with pytest.raises(LookupError, match=r"one\.txt"):
        read("several", fail)
    assert list(folder.iterdir()) == []


def test_without_a_folder_files_are_passed_over(read: Read) -> None:
    assert [page.text for page in read("several")] == ["read"]
    found: list[tuple[str, bytes]] = []
    assert [page.text for page in read("several", listing(found), folder=None)] == ["read"]
    assert found == []


def test_closing_in_the_middle_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(containers.zip_of([(str(n), bytes(300_000)) for n in range(20)]))
    stopped: list[str] = []

    def stop(within: Within) -> None:
        stopped.append(within.name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(extract(path, "application/zip", limits=LIMITS, folder=folder, within=stop))
    assert stopped == ["0"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "limits", "setting"),
    [
        ("many", replace(LIMITS, archive_members=29), "MAX_ARCHIVE_MEMBERS"),
        ("large", replace(LIMITS, archive_mb=2.9), "MAX_ARCHIVE_MB"),
    ],
)
def test_the_limits_are_kept_by_the_parent_too(
    what: str, limits: Limits, setting: str, read: Read, folder: Path
) -> None:
    for given in ({"within": lambda _: None}, {}):
        with pytest.raises(ParsingError) as caught:
            read(what, limits=limits, **given)
        assert caught.value.code == "too_large"
        assert setting in caught.value.hint
    assert list(folder.iterdir()) == []
    assert read(what, lambda _: None)


def test_bytes_that_are_none_are_a_crash(folder: Path) -> None:
    with Spool(folder, lambda _: None, LIMITS) as spool:
        assert spool.takes({"file": "a"})
        assert spool.takes({"bytes": wire.pack(b"ok")})
        with pytest.raises(ParsingError) as caught:
            spool.takes({"bytes": "ümlaut"})
        assert caught.value.code == "crashed"
        assert len(list(folder.iterdir())) == 1
    assert list(folder.iterdir()) == []


def test_bytes_and_ends_without_a_beginning_are_nothing(folder: Path) -> None:
    found: list[Within] = []
    with Spool(folder, found.append, LIMITS) as spool:
        assert spool.takes({"bytes": wire.pack(b"ok")})
        assert spool.takes({"file_ends": True})
        assert not spool.takes({"page": {}})
    assert found == []


def test_a_folder_that_is_gone_is_told(read: Read, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read("several", lambda _: None, folder=tmp_path / "gone")

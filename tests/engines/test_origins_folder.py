"""Files below a folder: what is listed, what is left out, and what happens while it changes."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from engines.origins import Entry, Folder, OriginRefused, OriginUnavailable, folder
from tests.engines.origin_servers import MEGABYTE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


def origin(root: Path, max_bytes: int = MEGABYTE) -> Folder:
    return Folder(root, max_bytes=max_bytes)


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def keys(listed: Folder) -> list[str]:
    return [entry.key for entry in listed.entries()]


def test_files_are_listed_in_a_stable_order_and_fetched(root: Path, tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/b/c.txt", "Ä.txt", "a.txt", "50%.txt"):
        write(root / name, name)
    listed = origin(root)
    assert not listed.complete
    entries = list(listed.entries())
    assert listed.complete
    assert [entry.key for entry in entries] == ["50%25.txt", "a.txt", "b.txt", "Ä.txt", "a/z.txt", "a/b/c.txt"]
    assert list(origin(root).entries()) == entries
    for entry in entries:
        fetched = origin(root).fetch(entry, tmp_path / "into")
        assert fetched is not None
        assert (fetched.name, fetched.mark) == (Path(entry.key.replace("%25", "%")).name, entry.mark)
        assert (tmp_path / "into").read_text() == entry.key.replace("%25", "%")
        assert fetched.sha256 == hashlib.sha256((tmp_path / "into").read_bytes()).hexdigest()
        assert fetched.size == (tmp_path / "into").stat().st_size


def test_an_unchanged_file_is_not_copied(root: Path, tmp_path: Path) -> None:
    path = write(root / "a.txt")
    (before,) = origin(root).entries()
    for entry in (before, Entry("a.txt", "a.txt")):
        assert origin(root).fetch(entry, tmp_path / "into", before.mark) is None
    assert not (tmp_path / "into").exists()
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    (after,) = origin(root).entries()
    assert after.mark != before.mark
    assert origin(root).fetch(after, tmp_path / "into", before.mark) is not None
    assert origin(root).fetch(Entry("a.txt", "a.txt"), tmp_path / "into", before.mark) is not None


def test_hidden_files_pipes_and_sockets_are_left_out(root: Path, tmp_path: Path) -> None:
    for name in (".hidden", ".git/config", "a/.b/c", "~$letter.docx", "letter.docx"):
        write(root / name)
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        assert keys(origin(root)) == ["letter.docx"]
    with pytest.raises(OriginRefused) as caught:
        origin(root).fetch(Entry("pipe", "pipe"), tmp_path / "into")
    assert caught.value.code == "gone"


def test_links_that_lead_out_or_in_circles_are_left_out(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret/a.txt", "secret")
    write(tmp_path / "root-beside/a.txt", "secret")
    write(root / "in/real.txt")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "beside").symlink_to(tmp_path / "root-beside")
    (root / "file").symlink_to(tmp_path / "secret/a.txt")
    (root / "up").symlink_to("..")
    (root / "in/loop").symlink_to("..")
    (root / "self").symlink_to("self")
    (root / "dead").symlink_to("nowhere")
    (root / "again").symlink_to("in")
    (root / "device").symlink_to("/dev/zero")
    listed = origin(root)
    assert keys(listed) == ["in/real.txt"]
    assert listed.complete


def test_links_to_what_is_hidden_inside_are_followed_once(root: Path) -> None:
    """As Kubernetes mounts a volume."""
    write(root / "..2024/a.txt")
    (root / "..data").symlink_to("..2024")
    (root / "a.txt").symlink_to("..data/a.txt")
    write(root / ".store/deep/b.txt")
    (root / ".store/deep/loop").symlink_to("..")
    (root / "one").symlink_to(".store")
    (root / "two").symlink_to(".store")
    assert keys(origin(root)) == ["a.txt", "one/deep/b.txt"]


@pytest.mark.parametrize(
    "key", ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "%2e%2e/secret.txt", "out.txt", "", "."]
)
def test_no_key_leads_out_of_the_folder(root: Path, tmp_path: Path, key: str) -> None:
    write(tmp_path / "secret.txt", "secret")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(OriginRefused) as caught:
        origin(root).fetch(Entry(key, "x"), tmp_path / "into")
    assert caught.value.code == "gone"
    assert not (tmp_path / "into").exists()


def test_a_link_put_in_place_of_a_folder_after_the_check_is_not_followed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "secret/a.txt", "secret")
    write(root / "a/a.txt", "mine")
    (entry,) = origin(root).entries()
    checked = folder._inside

    def swapped(root: bytes, path: bytes) -> list[bytes]:
        parts = checked(root, path)
        os.rename(os.path.join(root, b"a"), os.path.join(root, b"old"))
        os.symlink(tmp_path / "secret", os.path.join(root, b"a"))
        return parts

    monkeypatch.setattr(folder, "_inside", swapped)
    with pytest.raises((OriginRefused, OriginUnavailable)):
        origin(root).fetch(entry, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_names_that_are_no_utf8_have_keys_and_come_back(root: Path, tmp_path: Path) -> None:
    for name in (b"caf\xe9.txt", b"\xff/%.txt", b"caf%E9.txt", b"new\nline.txt"):
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(name)
    entries = list(origin(root).entries())
    assert sorted(entry.key for entry in entries) == ["%FF/%25.txt", "caf%25E9.txt", "caf%E9.txt", "new\nline.txt"]
    for entry in entries:
        (entry.key + entry.name).encode()
        assert origin(root).fetch(entry, tmp_path / "into") is not None
        assert (tmp_path / "into").read_bytes().startswith((b"caf", b"\xff", b"new"))
    assert {entry.name for entry in entries} == {"%.txt", "caf%E9.txt", "caf\ufffd.txt", "new\nline.txt"}


def test_files_that_vanish_meanwhile_are_gone(root: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c/d.txt"):
        write(root / name)
    listed = origin(root)
    entries = listed.entries()
    first = next(entries)
    (root / "a.txt").unlink()
    (root / "b.txt").unlink()
    (root / "c/d.txt").unlink()
    (root / "c").rmdir()
    assert list(entries) == []
    assert not listed.complete  # a folder could not be read
    with pytest.raises(OriginRefused) as caught:
        listed.fetch(first, tmp_path / "into")
    assert caught.value.code == "gone"


def test_a_file_that_is_being_written_is_taken_later(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root / "a.txt", "half")
    (entry,) = origin(root).entries()
    real = folder.save

    def slow(*args: object, **kwargs: object) -> tuple[int, str]:
        saved = real(*args, **kwargs)  # type: ignore[arg-type]
        path.write_text("half and the rest")
        return saved

    monkeypatch.setattr(folder, "save", slow)
    with pytest.raises(OriginUnavailable, match="being changed"):
        origin(root).fetch(entry, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_folder_that_is_not_there_or_empty_makes_nothing_vanish(root: Path, tmp_path: Path) -> None:
    listed = origin(root)
    assert keys(listed) == []
    assert not listed.complete
    with pytest.raises(OriginUnavailable):
        keys(origin(tmp_path / "unmounted"))
    with pytest.raises(OriginUnavailable):
        origin(tmp_path / "unmounted").fetch(Entry("a", "a"), tmp_path / "into")
    with pytest.raises(OriginRefused):
        keys(origin(write(tmp_path / "file")))


def test_a_file_that_is_too_large_is_refused(root: Path, tmp_path: Path) -> None:
    write(root / "a.txt", "x" * 11)
    (entry,) = origin(root).entries()
    with pytest.raises(OriginRefused) as caught:
        origin(root, max_bytes=10).fetch(entry, tmp_path / "into")
    assert caught.value.code == "too_large"
    assert not (tmp_path / "into").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator of the machine may read everything")
def test_what_may_not_be_read_is_said(root: Path, tmp_path: Path) -> None:
    write(root / "a/b.txt")
    write(root / "c.txt").chmod(0)
    (root / "a").chmod(0)
    listed = origin(root)
    (entry,) = listed.entries()
    (root / "a").chmod(0o700)
    assert not listed.complete
    with pytest.raises(OriginRefused) as caught:
        listed.fetch(entry, tmp_path / "into")
    assert caught.value.code == "no_access"


def test_a_deep_and_wide_folder_is_listed_as_it_is_walked(root: Path) -> None:
    deep = root
    for _ in range(60):
        deep = deep / "deeper"
        write(deep / "a.txt")
    for number in range(500):
        write(root / f"{number:03}.txt")
    found = keys(origin(root))
    assert len(found) == len(set(found)) == 560
    assert found[:2] == ["000.txt", "001.txt"]

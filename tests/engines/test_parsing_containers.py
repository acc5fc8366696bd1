"""Archives: every member comes out once, whole; nothing that a header says is believed; every bomb ends in time."""

import gzip
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.parsing import Limits, Report, extract, sniff, tar_archive, zip_archive
from rag.errors import ParsingError
from rag.types import Kind, Page
from tests.files import containers
from tests.files.containers import packed, tar_of, zip_of

LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=30)
MEMBERS = (("a.txt", b"alpha"), ("folder/b.csv", b"x,y\n" * 100_000), ("empty", b""))


@dataclass
class Unpacked:
    """What came out of an archive."""

    pages: list[Page] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.files]


def unpack(folder: Path, data: bytes, name: str = "a.zip", limits: Limits = LIMITS) -> Unpacked:
    """The whole way, through the child."""
    path = folder / name
    path.write_bytes(data)
    (spool := folder / "spool").mkdir(exist_ok=True)
    found = Unpacked()
    try:
        found.pages += extract(
            path,
            sniff(path, name),
            limits=limits,
            report=Report(warning=found.warnings.append),
            folder=spool,
            within=lambda within: found.files.append((within.name, within.path.read_bytes())),
        )
    finally:
        assert list(spool.iterdir()) == []
    return found


def refused(folder: Path, data: bytes, name: str = "a.zip", limits: Limits = LIMITS) -> ParsingError:
    with pytest.raises(ParsingError) as caught:
        unpack(folder, data, name, limits)
    return caught.value


# ---------------------------------------------------------------------------------------- what comes out


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_member_of_a_zip_comes_out_and_is_listed(method: int, tmp_path: Path) -> None:
    found = unpack(tmp_path, zip_of(MEMBERS, method=method))
    assert found.files == list(MEMBERS)
    (page,) = found.pages
    assert page.text == "- a.txt\n- folder/b.csv\n- empty"
    assert {block.kind for block in page.blocks} == {Kind.LIST_ITEM}
    assert found.warnings == []


@pytest.mark.parametrize("how", ["", "gz", "bz2", "xz"])
def test_every_member_of_a_tar_comes_out_and_is_listed(how: str, tmp_path: Path) -> None:
    found = unpack(tmp_path, packed(tar_of(MEMBERS), how), f"a.tar.{how}".rstrip("."))
    assert found.files == list(MEMBERS)
    assert found.pages[0].text == "- a.txt\n- folder/b.csv\n- empty"


def test_a_tar_from_before_its_mark_is_known_by_its_checksum(tmp_path: Path) -> None:
    head = bytearray(tar_of(MEMBERS[:1]))
    head[257:512] = bytes(255)
    head[148:156] = b" " * 8
    head[148:156] = b"%6o\0 " % sum(head[:512])
    assert unpack(tmp_path, bytes(head), "old").files == [MEMBERS[0]]
    head[0] ^= 1
    assert refused(tmp_path, bytes(head), "a.tar").code == "broken"


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_a_packed_file_that_is_no_tar_is_one_file(how: str, tmp_path: Path) -> None:
    found = unpack(tmp_path, packed(b"Year,Sales\n" * 50_000, how), f"sales.csv.{how}")
    assert found.files == [("sales.csv", b"Year,Sales\n" * 50_000)]


def test_gzip_remembers_the_name_of_its_file(tmp_path: Path) -> None:
    with gzip.GzipFile(tmp_path / "minutes.txt.gz", "wb") as file:
        file.write(b"words")
    data = (tmp_path / "minutes.txt.gz").read_bytes()
    assert unpack(tmp_path, data, "anything.gz").files == [("minutes.txt", b"words")]
    for encoding in ("utf-8", "latin-1"):
        named = data.replace(b"minutes.txt", "Übersicht.txt".encode(encoding))
        assert unpack(tmp_path, named, "anything.gz").files == [("Übersicht.txt", b"words")]


def test_what_systems_leave_behind_is_passed_over_and_links_are_counted(tmp_path: Path) -> None:
    litter = ["__MACOSX/._a.txt", ".DS_Store", "folder/Thumbs.db", ".git/config", "folder/"]
    data = zip_of([(name, b"" if name.endswith("/") else b"x") for name in litter] + [("../a.txt", b"kept")])
    found = unpack(tmp_path, data)
    assert (found.names, found.warnings) == (["../a.txt"], [])
    extra = []
    for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("null", tarfile.CHRTYPE)):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc/passwd"
        extra.append(entry)
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    found = unpack(tmp_path, tar_of([("a.txt", b"kept")], extra=[*extra, folder]), "a.tar")
    assert found.names == ["a.txt"]
    assert found.warnings == ["3 entries of the archive left out, a link or a device: link, hard, null."]


def test_a_symbolic_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.txt", "kept")
    found = unpack(tmp_path, path.read_bytes())
    assert found.names == ["a.txt"]
    assert found.warnings == ["1 entry of the archive left out, a link or a device: link."]


# ------------------------------------------------------------------------------------------------- names


def test_names_are_text_and_each_is_given_once(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "C:\\x.txt", "/abs", "a.txt", "a.txt", "a (2).txt", "a.txt", "n" * 5000 + ".pdf"]
    expected = [*names[:4], "a (2).txt", "a (2) (2).txt", "a (3).txt", "n" * 976 + ".pdf"]
    before = set(Path(tmp_path.anchor).iterdir())
    found = unpack(tmp_path, zip_of([(name, str(n).encode()) for n, name in enumerate(names)]))
    assert found.files == [(name, str(n).encode()) for n, name in enumerate(expected)]
    assert set(Path(tmp_path.anchor).iterdir()) == before
    found = unpack(tmp_path, tar_of([(name, b"x") for name in names]), "a.tar")
    assert found.names == expected


def test_names_in_the_encodings_that_are_about(tmp_path: Path) -> None:
    names = ["Größe für Übung.txt", "テスト.txt", "日本語の資料.txt", "Отчёт.txt"]
    raw = [names[0].encode("cp437"), names[1].encode("cp932"), names[2].encode("cp932"), names[3].encode("utf-8")]
    found = unpack(tmp_path, containers.zip_with_raw_names([(name, b"x") for name in raw]))
    assert found.names == names
    assert unpack(tmp_path, zip_of([(name, b"x") for name in names])).names == names
    found = unpack(tmp_path, tar_of([("日本語の資料.txt", b"x")], encoding="cp932"), "a.tar")
    assert found.names == ["日本語の資料.txt"]


def test_a_name_with_nul_and_control_characters(tmp_path: Path) -> None:
    found = unpack(
        tmp_path, containers.zip_with_raw_names([(b"a\x07b\n.txt", b"x"), (b"x.txt\0.exe", b"y"), (b"", b"z")])
    )
    assert found.names[0] == "ab .txt"
    assert all("\0" not in name and name for name in found.names)


# --------------------------------------------------------------------------------- damaged, locked, empty


def test_a_damaged_member_is_left_out_with_a_warning(tmp_path: Path) -> None:
    data = zip_of([("a.txt", b"alpha"), ("b.txt", b"beta" * 50), ("c.txt", b"gamma")], method=zipfile.ZIP_STORED)
    hurt = data.replace(b"betabeta", b"bEtabeta", 1)
    found = unpack(tmp_path, hurt)
    assert found.names == ["a.txt", "c.txt"]
    assert "b.txt" not in found.pages[0].text
    assert found.warnings == ["1 entry of the archive left out, damaged or packed in an unknown way: b.txt."]
    only = zip_of([("b.txt", b"beta" * 50)], method=zipfile.ZIP_STORED).replace(b"betabeta", b"bEtabeta", 1)
    assert refused(tmp_path, only).code == "broken"


def test_locked_members(tmp_path: Path) -> None:
    assert refused(tmp_path, containers.locked_zip({"a": b"x", "b": b"y"}, {"a", "b"})).code == "encrypted"
    found = unpack(tmp_path, containers.locked_zip({"a": b"x", "b": b"y", "c": b"z"}, {"a", "c"}))
    assert found.files == [("b", b"y")]
    assert found.warnings == ["2 entries of the archive left out, protected by a password: a, c."]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zip_of({}), "a.zip"),
        (zip_of({"folder/": b"", ".hidden": b"x"}), "a.zip"),
        (packed(tar_of({}), "gz"), "a.tar.gz"),
        (packed(tar_of({".hidden": b"x"}), "xz"), "a.tar.xz"),
    ],
)
def test_an_archive_without_a_file_has_no_text(data: bytes, name: str, tmp_path: Path) -> None:
    assert refused(tmp_path, data, name).code == "no_text"


@pytest.mark.parametrize("how", ["", "gz", "bz2", "xz"])
def test_a_tar_that_is_cut_or_hurt_is_broken(how: str, tmp_path: Path) -> None:
    data = tar_of([("a.txt", b"alpha"), ("b.txt", b"beta" * 5000), ("c.txt", b"gamma")])
    whole = packed(data, how)
    for cut in (len(whole) // 3, len(whole) * 2 // 3):
        if how or cut < data.index(b"gamma"):
            assert refused(tmp_path, whole[:cut], "a.tar").code == "broken"
    at = data.index(b"c.txt")
    hurt = data[:at] + b"C" + data[at + 1 :]
    assert refused(tmp_path, packed(hurt, how), "a.tar").code == "broken"


def test_a_gzip_whose_checksum_is_wrong_is_broken(tmp_path: Path) -> None:
    data = bytearray(packed(tar_of(MEMBERS), "gz"))
    data[-6] ^= 1
    assert refused(tmp_path, bytes(data), "a.tgz").code == "broken"


# ------------------------------------------------------------------------------------------------- bombs


def test_too_many_members_name_the_setting(tmp_path: Path) -> None:
    limits = replace(LIMITS, archive_members=20)
    many = [(f"{n}.txt", b"x") for n in range(21)]
    for data, name in ((zip_of(many), "a.zip"), (tar_of(many), "a.tar")):
        error = refused(tmp_path, data, name, limits)
        assert (error.code, "MAX_ARCHIVE_MEMBERS" in error.hint) == ("too_large", True)
    assert len(unpack(tmp_path, zip_of(many[:20]), limits=limits).files) == 20


def test_a_size_past_the_limit_names_the_setting(tmp_path: Path) -> None:
    limits = replace(LIMITS, archive_mb=1)
    members = [(f"{n}.txt", bytes(300_000)) for n in range(4)]
    for data, name in ((zip_of(members), "a.zip"), (tar_of(members), "a.tar")):
        error = refused(tmp_path, data, name, limits)
        assert (error.code, "MAX_ARCHIVE_MB" in error.hint) == ("too_large", True)


@pytest.mark.parametrize(
    "how",
    [
        "deflated",
        "gz",
        *(pytest.param(how, marks=pytest.mark.slow) for how in ("bzip2", "lzma", "bz2", "xz", "tar.gz")),
    ],
)
def test_zeros_without_end_are_bounded_by_the_ratio(how: str, tmp_path: Path) -> None:
    zeros = bytes(150_000_000)
    methods = {"deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
    if how in methods:
        data, name = zip_of({"zeros": zeros}, method=methods[how]), "a.zip"
    elif how == "tar.gz":
        data, name = packed(tar_of({"zeros": zeros}), "gz"), "a.tar.gz"
    else:
        data, name = packed(zeros, how), f"a.{how}"
    start = time.monotonic()
    error = refused(tmp_path, data, name)
    assert (error.code, "MAX_ARCHIVE_RATIO" in error.hint) == ("too_large", True)
    assert time.monotonic() - start < 10


def test_what_compresses_well_and_is_small_is_no_bomb(tmp_path: Path) -> None:
    assert unpack(tmp_path, zip_of({"log": bytes(9_000_000)})).files == [("log", bytes(9_000_000))]


def test_a_header_that_lies_about_the_size_gains_nothing(tmp_path: Path) -> None:
    size = 50_000_000
    data = zip_of({"lie": bytes(size)}).replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert refused(tmp_path, data).code == "broken"


def test_members_that_overlap_are_refused_before_any_is_unpacked(tmp_path: Path) -> None:
    start = time.monotonic()
    assert refused(tmp_path, containers.overlapping_zip(4000, 10_000_000)).code == "broken"
    assert time.monotonic() - start < 5


def test_a_zip_within_a_zip_is_a_file(tmp_path: Path) -> None:
    inner = zip_of({"bomb": bytes(1_000_000)})
    assert unpack(tmp_path, zip_of({"inner.zip": inner})).files == [("inner.zip", inner)]


@pytest.mark.slow
def test_a_tar_of_countless_empty_entries_is_bounded(tmp_path: Path) -> None:
    for kind in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE):
        entry = tarfile.TarInfo("x")
        entry.type = kind
        block = entry.tobuf(tarfile.GNU_FORMAT)
        start = time.monotonic()
        error = refused(tmp_path, packed(block * 40_000, "gz"), "a.tgz")
        assert error.code == "too_large"
        assert time.monotonic() - start < 10


def test_a_sparse_tar_member_counts_what_it_becomes(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("holes")
    entry.type = tarfile.GNUTYPE_SPARSE
    head = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    size = 500_000_000
    head[386:398] = b"%011o\0" % size  # one piece of no bytes at the very end
    head[398:410] = b"%011o\0" % 0
    head[483:495] = b"%011o\0" % size
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    assert refused(tmp_path, bytes(head) + bytes(10240), "a.tar").code == "too_large"


def test_a_chain_of_long_names_does_not_exhaust_the_stack(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 10
    chain = (entry.tobuf(tarfile.GNU_FORMAT) + b"x" * 9 + bytes(503)) * 3000
    assert refused(tmp_path, chain + bytes(1024), "a.tar").code == "broken"


# --------------------------------------------------------------------------------------------- fuzzing


def _ends(module: object, path: Path, data: bytes) -> bool:
    """Whether it ends in pages or a refusal with words, within this process, where a fault of the reader shows."""
    path.write_bytes(data)
    report = Report(file=lambda _, pieces: [None for _ in pieces] and None)
    try:
        found: Iterator[Page] = module.pages(path, replace(LIMITS, archive_mb=20), report)  # type: ignore[attr-defined]
        return all(isinstance(page, Page) for page in found)
    except ParsingError as error:
        return error.message.endswith(".")


BASES = {
    "zip": (zip_archive, zip_of(MEMBERS)),
    "stored": (zip_archive, zip_of(MEMBERS[:1], method=zipfile.ZIP_STORED)),
    "tar": (tar_archive, tar_of(MEMBERS)),
    "gz": (tar_archive, packed(tar_of(MEMBERS), "gz")),
    "bz2": (tar_archive, packed(tar_of(MEMBERS), "bz2")),
    "xz": (tar_archive, packed(tar_of(MEMBERS), "xz")),
}


@pytest.mark.parametrize("base", BASES)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=0, max_size=8)), max_size=6))
def test_hurt_archives_end_in_pages_or_a_typed_error(
    base: str, tmp_path: Path, changes: list[tuple[float, bytes]]
) -> None:
    module, whole = BASES[base]
    data = bytearray(whole)
    for where, what in changes:
        at = int(where * len(data))
        data[at : at + len(what)] = what or b""
        if not what:
            del data[at:]
    assert _ends(module, tmp_path / "fuzzed", bytes(data))

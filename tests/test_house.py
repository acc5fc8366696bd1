"""The house rules that a reader can rely on: sizes, directions, and documentation that does not lie."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
READ_SETTINGS = {"str", "bool", "int", "list", "float", "positive", "one_of"}
ROOMS = ("config", "rag", "engines", "apps", "tests", "benchmarks", "scripts", "static", "templates", "docs")
TEXT = {".py", ".md", ".html", ".css", ".js", ".toml", ".yml", ".svg", ".lock", ".txt", ".in", ""}


def files(*suffixes: str) -> Iterator[Path]:
    """The project's own files: the rooms, and what lies at the root and in .ci."""
    own = [path for room in ROOMS for path in (ROOT / room).rglob("*")]
    own += [path for path in ROOT.iterdir() if path.name != ".env"]
    own += (ROOT / ".ci").iterdir()
    for path in own:
        if path.is_file() and "__pycache__" not in path.parts and (not suffixes or path.suffix in suffixes):
            yield path


def code() -> list[Path]:
    return sorted(path for path in files(".py") if "migrations" not in path.parts)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_too_long_to_read() -> None:
    long = {name_of(path): len(path.read_text().splitlines()) for path in code()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long_to_read() -> None:
    long = {}
    for path in code():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{name_of(path)}:{node.name}"] = lines
    assert long == {}


def test_imports_keep_their_directions() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "0 broken" in done.stdout


def settings_read() -> set[str]:
    """The names that config/settings.py reads from the environment."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "config" / "settings.py").read_text())):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in READ_SETTINGS and re.fullmatch(r"[A-Z][A-Z0-9_]+", str(node.args[0].value)):
            names.add(str(node.args[0].value))
    return names


def test_the_table_of_settings_is_the_settings() -> None:
    table = re.findall(r"^\| ([A-Z][A-Z0-9_]+) \|", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == settings_read()


def test_the_readme_leads_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    (make \w+)", text, re.MULTILINE)
    assert commands[:2] == ["make run", "make test"]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_what_a_page_tells_to_do_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # Only where it is set as code: prose may say "make sure".
    set_as_code = "\n".join(re.findall(r"`[^`\n]+`|^    .+$", text, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", set_as_code)) <= targets
    assert set(re.findall(r"manage\.py ([a-z_]+)", set_as_code)) <= set(get_commands())
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / link).exists(), link


def test_decisions_are_numbered_and_fit_on_a_page() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    for number, record in enumerate(records, start=1):
        text = record.read_text()
        assert record.name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number}. ")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences"))
        assert len(text.splitlines()) <= 60


def test_no_file_names_a_package_index_or_a_machine_of_ours() -> None:
    # Written in pieces, so that this file does not name them either.
    forbidden = [
        "pypi" + ".org",
        "python" + "hosted.org",
        "npm" + "js.org",
        "/" + "work/",
        "/" + "opt/",
        "/tmp/" + "lab",
    ]
    wheels = "download." + "pytorch.org"
    named = []
    for path in files():
        if path.suffix not in TEXT:
            continue
        text = path.read_text(errors="ignore")
        named += [(name_of(path), word) for word in forbidden if word in text]
        if wheels in text and path.name != "Makefile":
            named.append((name_of(path), wheels))
    assert named == []

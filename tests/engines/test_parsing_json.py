"""JSON, JSON lines, GeoJSON and notebooks."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.parsing import json_text
from tests.engines.test_parsing_texts import FUZZ, blocks, read, texts

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=40,
)


def test_values_stand_under_the_keys_above_them(tmp_path: Path) -> None:
    value = {
        "name": "Plant 4",
        "address": {"city": "Bern", "geo": {"lat": 46.9}},
        "open": True,
        "closed": None,
        "tags": ["a", "b"],
        "lines": {"first": {"steps": [{"step": "cut", "tools": [{"saw": [[1]]}]}]}},
    }
    (page,) = read(tmp_path, json.dumps(value), json_text.pages)
    assert blocks(page) == [
        ("text", "name: Plant 4\naddress.city: Bern\naddress.geo.lat: 46.9\nopen: true\ntags: a, b", ()),
        ("heading", "lines", ()),
        ("heading", "first", ("lines",)),
        ("heading", "steps", ("lines", "first")),
        ("text", "step: cut", ("lines", "first", "steps")),
        ("heading", "tools", ("lines", "first", "steps")),
        ("heading", "saw", ("lines", "first", "steps", "tools")),
        ("table_row", "1", ("lines", "first", "steps", "tools", "saw")),
    ]


def test_numbers_are_read_as_they_are_written(tmp_path: Path) -> None:
    (page,) = read(tmp_path, '{"price": 1.10, "big": 12345678901234567890123, "small": 1e-7}', json_text.pages)
    assert page.text == "price: 1.10\nbig: 12345678901234567890123\nsmall: 1e-7"


def test_a_number_of_any_length_is_read(tmp_path: Path) -> None:
    pages = read(tmp_path, '{"a": ' + "1" * 500_000 + "}", json_text.pages)
    assert sum(page.text.count("1") for page in pages) == 500_000


def test_like_objects_are_a_table_and_long_ones_are_not(tmp_path: Path) -> None:
    lines = '{"id": 1, "city": "Bern"}\n\n{"id": 2, "pos": {"x": 5}}\n'
    (page,) = read(tmp_path, lines, json_text.pages)
    assert texts(page) == ["id | city | pos.x", "1 | Bern", "2 |  | 5"]
    assert page.blocks[2].header == "id | city | pos.x"
    long = "\n".join(json.dumps({"title": f"Part {number}", "text": "word " * 300}) for number in (1, 2))
    (page,) = read(tmp_path, long, json_text.pages)
    assert [block.heading for block in page.blocks] == [("Part 1",), ("Part 2",)]
    assert page.text.startswith("title: Part 1\ntext: word word")


def test_a_damaged_line_among_lines_is_kept_as_it_is(tmp_path: Path) -> None:
    (page,) = read(tmp_path, '{"a": 1}\n{"a": 2}\n{"a": \n', json_text.pages)
    assert texts(page) == ["a: 1", "a: 2", '- {"a":']


@pytest.mark.parametrize("data", ["{'a': 1}", '{"a": ', "[" * 100_000, '{"a":' * 300 + "1" + "}" * 300])
def test_what_is_no_json_is_read_as_text_with_a_warning(data: str, tmp_path: Path) -> None:
    warnings: list[str] = []
    pages = read(tmp_path, data, json_text.pages, warnings)
    assert "".join("".join(page.text.split()) for page in pages) == "".join(data.split())
    assert len(warnings) == 1
    assert "not valid JSON" in warnings[0]


def test_a_map_is_read_without_the_points_of_its_lines(tmp_path: Path) -> None:
    def feature(name: str, kind: str, place: object) -> dict[str, object]:
        return {"type": "Feature", "properties": {"name": name}, "geometry": {"type": kind, "coordinates": place}}

    features = [feature("Bern", "Point", [7.44, 46.9]), feature("Aare", "LineString", [[7.4, 46.8]] * 500)]
    (page,) = read(tmp_path, json.dumps({"type": "FeatureCollection", "features": features}), json_text.pages)
    assert texts(page)[2:] == ["name | geometry", "Bern | Point 7.44, 46.9", "Aare | LineString"]


def test_a_file_within_a_string_is_left_out(tmp_path: Path) -> None:
    (page,) = read(tmp_path, json.dumps({"picture": "iVBORw0KGgo" * 500, "alt": "A map"}), json_text.pages)
    assert page.text == "alt: A map"


def test_a_notebook_is_its_cells_and_what_they_printed(tmp_path: Path) -> None:
    notebook = {
        "nbformat": 4,
        "metadata": {"kernelspec": {"name": "python3"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Sales\n", "\n", "By **region**."]},
            {
                "cell_type": "code",
                "source": "total = 1\n\nprint(total)",
                "outputs": [
                    {"output_type": "stream", "text": ["\x1b[31m1\x1b[0m\n"]},
                    {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": ["<Figure>"]}},
                    {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": ["..."]},
                ],
            },
        ],
    }
    (page,) = read(tmp_path, json.dumps(notebook), json_text.pages)
    assert blocks(page) == [
        ("heading", "Sales", ()),
        ("text", "By region.", ("Sales",)),
        ("code", "total = 1\n\nprint(total)", ("Sales",)),
        ("code", "1", ("Sales",)),
        ("code", "<Figure>", ("Sales",)),
        ("code", "KeyError: 'x'", ("Sales",)),
    ]


@FUZZ
@given(value=JSON_VALUES, lines=st.integers(1, 3))
def test_any_json_value_is_read_with_all_its_words(value: object, lines: int, tmp_path: Path) -> None:
    data = "\n".join([json.dumps(value, ensure_ascii=False)] * lines)
    pages = read(tmp_path, data, json_text.pages)
    kept = {letter for page in pages for letter in page.text}
    assert {letter for word in _words(value) for letter in word if letter.isalnum()} <= kept


def _words(value: object) -> Iterator[str]:
    """Every string in a value, and every key that something stands below."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = list(_words(inner))
            yield from [key, *below] if "".join(below).strip() else []

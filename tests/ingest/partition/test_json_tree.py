from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.partition.json_tree import pairs_pieces, partition_json
from ingest.partition.layout import Content
from rag.errors import DocumentError


def read(folder: Path, value: Any, name: str = "a.json") -> Content:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return partition_json(folder / name)


def test_an_object_is_lines_and_its_objects_are_sections(tmp_path: Path) -> None:
    content = read(tmp_path, {"parts": {"oil": "5 l", "belts": [1, 2]}, "name": "pump"})
    assert content.text == "name: pump\n\nparts\n\noil: 5 l\n\nbelts: 1, 2", "lines come before what opens a section"
    assert [block.kind for block in content.blocks] == ["list_item", "heading", "list_item", "list_item"]


def test_a_list_of_flat_objects_is_a_table(tmp_path: Path) -> None:
    rows = [{"part": "belt", "price": 9}, {"part": "lamp", "stock": [3, 4]}]
    content = read(tmp_path, {"stock list": rows})
    assert content.text.endswith("part | price | stock\nbelt | 9\nlamp |  | 3, 4")


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a": 1.50, "b": 1e3, "c": 12345678901234567890, "d": true, "e": null}').text.split(
        "\n\n"
    ) == [
        "a: 1.50",
        "b: 1e3",
        "c: 12345678901234567890",
        "d: true",
        "e: null",
    ]


def test_an_element_is_named_by_its_label_and_a_deep_one_by_its_path(tmp_path: Path) -> None:
    text = read(tmp_path, {"pumps": [{"name": "P1", "log": {"a": {"b": {"c": {"d": "deep"}}}}}]}).text
    assert "pumps 1: P1" in text and text.endswith("d: deep")
    assert any("." in line for line in text.split("\n\n")[-1:])


def test_a_document_on_each_line(tmp_path: Path) -> None:
    content = read(tmp_path, '{"a": 1}\n\n{"a": 2}\n', "a.jsonl")
    assert content.text == "a\n1\n2" or "1" in content.text and "2" in content.text


def test_a_long_text_is_a_paragraph_with_its_own_lines() -> None:
    (piece,) = pairs_pieces((("note", "first\nsecond"),))
    assert (piece.kind, piece.text) == ("paragraph", "note: first\nsecond")


def test_what_is_no_json_says_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read(tmp_path, "{no")

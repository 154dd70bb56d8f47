"""Slices: the names a row has, and which slices a set of rows has."""

from __future__ import annotations

import pytest

from eval.golden.slices import SLICES, row_in, slices_of
from tests.eval.lines import line

ROWS = (
    line({"kind": "golden", "answerable": True, "expect": "answer", "split": "dev", "tags": ["a", "b"]}),
    line({"kind": "edge", "answerable": False, "expect": "abstain", "split": "dev", "tags": ["b"]}),
    line({"kind": "edge", "answerable": True, "expect": "answer", "split": "dev", "tags": []}),
)


def test_a_slice_is_neither_nothing_nor_everything() -> None:
    assert slices_of(ROWS) == [
        ("kind", "edge"), ("kind", "golden"), ("answerable", "false"), ("answerable", "true"),
        ("tag", "a"), ("tag", "b"),
    ]  # fmt: skip
    assert slices_of(ROWS[:1]) == []


def test_every_dimension_reads_a_row_of_an_earlier_version() -> None:
    old = line({"kind": "golden", "tags": []})
    assert {name: names(old) for name, names in SLICES.items()}["split"] == ()


@pytest.mark.parametrize(
    ("where", "kept"),
    [({}, [0, 1, 2]), ({"tag": "b"}, [0, 1]), ({"tag": "b", "answerable": False}, [1]), ({"kind": "x"}, [])],
)  # fmt: skip
def test_rows_are_chosen_by_all_conditions(where: dict[str, str | bool], kept: list[int]) -> None:
    assert [i for i, row in enumerate(ROWS) if row_in(row, where)] == kept

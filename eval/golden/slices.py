"""The dimensions by which cases are told apart: kind, tags, split, answerability, what was expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rag.shapes.rows import RowJson


def _single(key: str) -> Callable[[RowJson], tuple[str, ...]]:
    def names(row: RowJson) -> tuple[str, ...]:
        value = getattr(row, key)
        return () if value is None else (as_text(value),)

    return names


def _tags(row: RowJson) -> tuple[str, ...]:
    return tuple(row.tags)


SLICES: dict[str, Callable[[RowJson], tuple[str, ...]]] = {
    "kind": _single("kind"),
    "answerable": _single("answerable"),
    "expect": _single("expect"),
    "split": _single("split"),
    "tag": _tags,
}
"""Each member returns the names that a line of `rows.jsonl` has in its dimension."""


def as_text(value: object) -> str:
    """Return a value as slices name it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def row_in(row: RowJson, where: Mapping[str, str | bool]) -> bool:
    """Say whether a row has every value that `where` names."""
    return all(as_text(value) in SLICES[key](row) for key, value in where.items())


def slices_of(
    rows: Sequence[RowJson], dimensions: Sequence[str] = ("kind", "answerable", "split", "tag")
) -> list[tuple[str, str]]:
    """Return every `(dimension, name)` that some but not all rows have: dimensions in order, names sorted."""
    counts = Counter((dimension, name) for row in rows for dimension in dimensions for name in SLICES[dimension](row))
    partial = [key for key, count in counts.items() if count < len(rows)]
    return sorted(partial, key=lambda key: (dimensions.index(key[0]), key[1]))

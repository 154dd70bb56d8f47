"""Whether a claim gives the columns of a table the values that one of its rows has; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rag.tables import guessed, names_of, rows_in
from rag.text import words
from rag.types import Head, Span

_END = re.compile(r"[\s;,.]+$")


def row_support(claim: str, evidence: str) -> bool | None:
    """Compare `name: value` pairs of a claim with the rows of the evidence's tables.

    True: one row has exactly these values under these names, and the claim says nothing else. False: the claim names
    columns, and no row has these values there. None: the claim names no columns, or says its values in other words.
    """
    verdict: bool | None = None
    for table in guessed(evidence):
        pairs = _pairs(claim, names_of(table.head))
        if not pairs or table.head is None:
            continue
        rows = _rows(evidence, table.span, table.head)
        if any(all(_same(value, row.get(name, "")) for name, value in pairs) for row in rows):
            return True if _only(claim, pairs) else None
        near = any(all(_near(value, row.get(name, "")) for name, value in pairs) for row in rows)
        verdict = False if not near and verdict is None else verdict
    return verdict


def _rows(text: str, span: Span, head: Head) -> list[Mapping[str, str]]:
    """Return each row below a head as `{name: cell}`, names in lower case."""
    names = [name.lower() for name in names_of(head)]
    found = rows_in(text, span)
    below = [row for row, place in zip(found.cells, found.spans, strict=True) if not place.overlaps(head.span)]
    return [dict(zip(names, row, strict=False)) for row in below if len(row) <= len(names)]


def _pairs(claim: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return what a claim says under the names of columns, in order: `(name in lower case, value)`."""
    known = sorted({name for name in names if name}, key=len, reverse=True)
    if not known:
        return []
    label = re.compile(rf"(?:^|[;,]\s*)({'|'.join(map(re.escape, known))})\s*:\s+", re.IGNORECASE)
    found = list(label.finditer(claim))
    ends = [*(match.start() for match in found[1:]), len(claim)]
    pairs = [(m.group(1).lower(), claim[m.end() : end]) for m, end in zip(found, ends, strict=False)]
    return [(name, _END.sub("", value)) for name, value in pairs]


def _only(claim: str, pairs: Sequence[tuple[str, str]]) -> bool:
    return words(claim) == [word for name, value in pairs for word in (*words(name), *words(value))]


def _same(value: str, cell: str) -> bool:
    return words(value) == words(cell) or (not words(value) and value.strip() == cell.strip())


def _near(value: str, cell: str) -> bool:
    """Say whether a value may mean a cell: one of the two says all words of the other."""
    ours, theirs = set(words(value)), set(words(cell))
    return bool(ours) and bool(theirs) and (ours <= theirs or theirs <= ours)

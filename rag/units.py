"""What compression may keep or leave: sentences, and table rows with the header row they need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.tables import guessed, is_rule, outer_heads, table_at
from rag.text import sentences
from rag.types import Span, Table, UnitKind

_LINE = re.compile(r"[^\n]*\S[^\n]*")
_HEADING = re.compile(r"^#{1,6}\s")
# a sentence that starts like this leans on the one before it
_ANAPHOR = re.compile(
    r"""(?:[-*+•]\s+|\d+[.)]\s+)?(?:
        it|its|this|that|these|those|they|their|them|he|she|his|her|him|such|both|neither|
        however|therefore|thus|hence|otherwise|instead|also|then|moreover|furthermore|consequently|similarly|
        in\ (?:this|that|such)\ case|as\ a\ result|for\ (?:this|that)\ reason|the\ (?:former|latter|same)|
        but|and|so|or|if\ (?:so|not)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, heading line or table row of a text; `needs` are indexes of units that must be kept with it."""

    span: Span
    kind: UnitKind
    needs: tuple[int, ...] = ()


def units_of(text: str, start: int = 0, tables: Sequence[Table] | None = None) -> list[Unit]:
    """Split a text into units, in order; `kind` is `sentence`, `heading`, `row`, `header` (of a table) or `rule`.

    `start` is the text's place in its document, and `tables` are the tables there, by the document's offsets; without
    them they are guessed. A line of a table is one unit. A row needs its head if that stands in the text.
    """
    found: list[Unit] = []
    position = 0
    for table in guessed(text, start) if tables is None else tables:
        first, last = max(position, table.span.start - start), min(len(text), table.span.end - start)
        if first < last:
            found += _prose(text, position, first, len(found))
            found += _rows(text, Span(first, last), start, table, found)
            position = last
    return [*found, *_prose(text, position, len(text), len(found))]


def units_with_heads(text: str, start: int, tables: Sequence[Table] | None) -> tuple[list[Unit], int]:
    """Return the units of a chunk by the document's offsets, and how many of the first are heads that stand before it.

    A row needs its head, wherever that stands.
    """
    known = guessed(text, start) if tables is None else tables
    heads = outer_heads(known, Span(start, start + len(text)))
    units = [Unit(span, "header") for _, span in heads]
    for unit in units_of(text, start, known):
        span = _moved(unit.span, start)
        table = table_at(known, span) if unit.kind == "row" and heads else None
        outer = (i for i, (head, _) in enumerate(heads) if table and table.head == head)
        units.append(Unit(span, unit.kind, (*outer, *(need + len(heads) for need in unit.needs))))
    return units, len(heads)


def _prose(text: str, start: int, end: int, before: int) -> Iterator[Unit]:
    """Yield the units of a range without tables; `before` is how many units stand above it."""
    previous = ""
    for number, span in enumerate(sentences(text[start:end]), before):
        moved = Span(span.start + start, span.end + start)
        line = text[moved.start : moved.end]
        kind: UnitKind = "rule" if is_rule(line) else "heading" if _HEADING.match(line) else "sentence"
        leans = kind == previous == "sentence" and _ANAPHOR.match(line)
        yield Unit(moved, kind, (number - 1,) if leans else ())
        previous = kind


def _rows(text: str, within: Span, start: int, table: Table, above: Sequence[Unit]) -> Iterator[Unit]:
    """Yield the lines of a table; those of its head are told apart, wherever in the text it stands."""
    head = table.head.span if table.head else None
    needs = [i for i, unit in enumerate(above) if head and _moved(unit.span, start).overlaps(head)]
    for number, match in enumerate(_LINE.finditer(text, within.start, within.end), len(above)):
        line = match.group()
        left = match.start() + len(line) - len(line.lstrip())
        span = Span(left, left + len(line.strip()))
        is_head = head is not None and _moved(span, start).overlaps(head)
        if is_head:
            needs.append(number)
        if is_rule(line):
            yield Unit(span, "rule")
        else:
            yield Unit(span, "header") if is_head else Unit(span, "row", tuple(needs))


def _moved(span: Span, offset: int) -> Span:
    return Span(span.start + offset, span.end + offset)

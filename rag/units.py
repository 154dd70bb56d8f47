"""What compression may keep or leave: sentences, and table rows with the header row they need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.text import sentences
from rag.types import Span, UnitKind

_RULE = re.compile(r"^[\s|:+-]*-[\s|:+-]*$")
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


def units_of(text: str) -> list[Unit]:
    """Split a text into units, in order; `kind` is `sentence`, `heading`, `row`, `header` (of a table) or `rule`."""
    spans = sentences(text)
    kinds = [_kind(text[span.start : span.end]) for span in spans]
    found: list[Unit] = []
    header: tuple[int, ...] = ()
    for i, (span, kind) in enumerate(zip(spans, kinds, strict=True)):
        if kind == "row" and (i == 0 or kinds[i - 1] not in ("row", "rule") or _new_table(text, spans[i - 1], span)):
            header = tuple(j for j in (i, i + 1) if j == i or (j < len(kinds) and kinds[j] == "rule"))
            found.append(Unit(span, "header"))
        elif kind in ("row", "rule"):
            found.append(Unit(span, kind, header if kind == "row" else ()))
        else:
            found.append(Unit(span, kind, _leans_on(text, span, found)))
    return found


def _kind(line: str) -> UnitKind:
    if "|" in line and _RULE.match(line):
        return "rule"
    if (" | " in line or line.startswith("| ")) and "\n" not in line:
        return "row"
    return "heading" if _HEADING.match(line) else "sentence"


def _new_table(text: str, before: Span, after: Span) -> bool:
    return text.count("\n", before.end, after.start) > 1


def _leans_on(text: str, span: Span, before: Sequence[Unit]) -> tuple[int, ...]:
    if before and before[-1].kind == "sentence" and _ANAPHOR.match(text, span.start, span.end):
        return (len(before) - 1,)
    return ()

"""From `[n]` tags in an answer back to the exact source range that supports each sentence; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.context.pack import JOINT
from rag.context.terms import content_terms
from rag.tables import cells_of, guessed, names_of, ruled, said, table_at
from rag.text import sentences, words
from rag.types import Passage, Span, Table
from rag.units import Unit, units_of

_LARGEST_TAG = 999
_LONGEST_RANGE = 50
_NUMBER_LIST = r"\d{1,6}(?:\s*[-–]\s*\d{1,6})?"
_TAG = re.compile(rf"\[\s*({_NUMBER_LIST}(?:\s*[,;]\s*{_NUMBER_LIST})*)\s*\](?!\(|:\s*\S+:)")
# brackets in here are not citations: code, links, addresses
_OPAQUE = re.compile(
    r"""```.*?(?:```|\Z) | ~~~.*?(?:~~~|\Z) | `[^`\n]*` | !?\[[^\]\n]*\]\([^)\n]*\) | \b[a-z][a-z0-9+.-]*://[^\s<>]+""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_STOP = re.compile(r"[.!?…。！？][\"'”’)*_]*\s*$")
_SECOND_SENTENCE_GAIN = 0.15
_NAMED_ROW = 0.5  # of the claim's words: it is about the row whose first cell it says


@dataclass(frozen=True, slots=True)
class TagGroup:
    """One bracket of tags at `[start, end)` of an answer, its ranges expanded, in order of mention."""

    start: int
    end: int
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of an answer at `[start, end)`, tags included; `claim` is its text without them."""

    start: int
    end: int
    claim: str
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CitedText:
    """An answer without unknown tags, its sentences, and the unknown tags that were removed."""

    text: str
    sentences: tuple[CitedSentence, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """The source range that best supports a claim; `quote` is the document's text there.

    `evidence` is what a verifier should read: the quote and what it cannot be read without (the head of its table with
    a rule below, the sentence it leans on, the title).
    """

    span: Span
    quote: str
    evidence: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A span of a passage with its text and its units, whose offsets are those of the text."""

    span: Span
    text: str
    units: tuple[Unit, ...]

    def of(self, unit: Unit) -> str:
        """Return the text of a unit."""
        return self.text[unit.span.start : unit.span.end]


def tag_groups(text: str) -> list[TagGroup]:
    """Find `[1]`, `[1, 3]` and `[1-3]` outside code, links and addresses; numbers above 999 are not tags."""
    opaque = [match.span() for match in _OPAQUE.finditer(text) if not _TAG.fullmatch(match.group())]
    groups = []
    for match in _TAG.finditer(text):
        tags = _expand(match.group(1))
        if tags and not any(start <= match.start() < end for start, end in opaque):
            groups.append(TagGroup(match.start(), match.end(), tags))
    return groups


def cite(text: str, known: Collection[int]) -> CitedText:
    """Split an answer into sentences with their tags; tags that no passage has are taken out and reported."""
    text, unknown = _without_unknown(text.strip(), known)
    groups = tag_groups(text)
    spans = _sentence_spans(text, groups)
    found = []
    for span in spans:
        inside = [group for group in groups if span.start <= group.start < span.end]
        tags = tuple(dict.fromkeys(tag for group in inside for tag in group.tags))
        found.append(CitedSentence(span.start, span.end, _claim(text, span, inside), tags))
    return CitedText(text, tuple(found), unknown)


def locate(claim: str, passage: Passage) -> Located:
    """Find the range of the passage that best supports a claim.

    A row that the claim says cell by cell, or a literal quotation, gives exactly that range. Otherwise it is the unit
    that shares most of the claim's words, widened by its neighbour where that adds at least 15 % of them. Two rows
    prove a claim together only if it names both.
    """
    pieces = [
        _Piece(span, text, tuple(units_of(text, span.start, _tables(passage, span, text))))
        for span, text in span_texts(passage)
    ]
    for find in (_find_row, _find_quote):
        for piece in pieces:
            found = find(claim, piece, passage)
            if found is not None:
                return _located(passage, piece, found)
    _, piece, best = max(
        ((score, piece, part) for piece in pieces for score, part in _best_parts(claim, piece, passage)),
        key=lambda found: (found[0], -found[1].span.start, -found[2].start),
    )
    return _located(passage, piece, best)


def span_texts(passage: Passage) -> Iterator[tuple[Span, str]]:
    """Yield the spans of a passage, each with its text."""
    position = 0
    for span in passage.spans:
        yield span, passage.text[position : position + len(span)]
        position += len(span) + len(JOINT)


def _expand(listing: str) -> tuple[int, ...]:
    tags: list[int] = []
    for item in re.split(r"\s*[,;]\s*", listing):
        first, *rest = (int(number) for number in re.split(r"\s*[-–]\s*", item))
        last = rest[0] if rest else first
        if not 0 <= last - first <= _LONGEST_RANGE or last > _LARGEST_TAG:
            return ()
        tags += range(first, last + 1)
    return tuple(dict.fromkeys(tags))


def _without_unknown(text: str, known: Collection[int]) -> tuple[str, tuple[int, ...]]:
    unknown: list[int] = []
    pieces = []
    position = 0
    for group in tag_groups(text):
        strangers = [tag for tag in group.tags if tag not in known]
        if not strangers:
            continue
        unknown += strangers
        rest = [tag for tag in group.tags if tag in known]
        before = text[position : group.start]
        pieces.append(before + "".join(f"[{tag}]" for tag in rest) if rest else before.rstrip(" "))
        position = group.end
    return "".join([*pieces, text[position:]]), tuple(dict.fromkeys(unknown))


def _sentence_spans(text: str, groups: Sequence[TagGroup]) -> list[Span]:
    """Cut into sentences as if the tags were not there; tags between two sentences belong to the first."""
    masked = text
    for group in groups:
        masked = masked[: group.start] + " " * (group.end - group.start) + masked[group.end :]
    starts = sorted({span.start for span in sentences(masked)} | set(_starts_after_tags(masked, groups)))
    if not starts:
        return []
    edges = [0, *(_line_start(text, start, groups) for start in starts[1:]), len(text)]
    return [Span(a, a + len(text[a:b].rstrip())) for a, b in pairwise(edges)]


def _starts_after_tags(masked: str, groups: Sequence[TagGroup]) -> Iterator[int]:
    """Yield where a sentence starts because the tags before it follow a full stop."""
    for group in groups:
        rest = masked[group.end :].lstrip()
        if rest and not rest[0].islower() and _STOP.search(masked, 0, group.start):
            yield len(masked) - len(rest)


def _line_start(text: str, start: int, groups: Sequence[TagGroup]) -> int:
    """Move the start of a sentence before tags that open its line."""
    line = text.rfind("\n", 0, start) + 1
    leading = [group.start for group in groups if line <= group.start < start]
    return leading[0] if line and leading and not text[line : leading[0]].strip() else start


def _claim(text: str, span: Span, groups: Sequence[TagGroup]) -> str:
    pieces = []
    position = span.start
    for group in groups:
        pieces.append(text[position : group.start].rstrip())
        position = group.end
    pieces.append(text[position : span.end])
    return "".join(pieces).strip()


def _tables(passage: Passage, span: Span, text: str) -> tuple[Table, ...]:
    return guessed(text, span.start) if passage.tables is None else passage.tables


def _table_of(passage: Passage, piece: _Piece, unit: Unit) -> Table | None:
    place = Span(unit.span.start + piece.span.start, unit.span.end + piece.span.start)
    return table_at(_tables(passage, piece.span, piece.text), place)


def _find_row(claim: str, piece: _Piece, passage: Passage) -> Span | None:
    """Return the row that a claim says with the names of its columns."""
    tokens = words(claim)
    for unit in piece.units if tokens else ():
        table = _table_of(passage, piece, unit) if unit.kind == "row" else None
        if table and words(said(piece.of(unit), table.head, table.column)) == tokens:
            return unit.span
    return None


def _find_quote(claim: str, piece: _Piece, passage: Passage) -> Span | None:
    bare = claim.strip().strip("\"'“”‘’").strip()
    if not bare:
        return None
    text = piece.text
    start = text.find(bare)
    if start >= 0:
        return Span(start, start + len(bare))
    tokens = words(bare)
    if len(tokens) < 3:
        return None
    pattern = r"[\W_]+".join(re.escape(token) for token in tokens)
    match = re.search(rf"(?<![^\W_]){pattern}(?![^\W_])", text, re.IGNORECASE)
    return Span(*match.span()) if match else None


def _best_parts(claim: str, piece: _Piece, passage: Passage) -> Iterator[tuple[float, Span]]:
    """Yield the best unit of a text, or the best with its neighbour, with its share of the claim's terms."""
    wanted = set(content_terms(claim)) or set(words(claim))
    units = [unit for unit in piece.units if unit.kind != "rule"]
    held = [set(content_terms(_with_names(passage, piece, unit))) for unit in units]
    shares = [len(wanted & terms) / (len(wanted) or 1) + 0.01 / (1 + len(terms)) for terms in held]
    shares = [share + _NAMED_ROW * _names_row(wanted, piece, unit) for share, unit in zip(shares, units, strict=True)]
    if not units:
        yield 0.0, Span(0, len(piece.text))
        return
    best = max(range(len(units)), key=lambda i: (shares[i], -i))
    yield shares[best], units[best].span
    for other in (best - 1, best + 1):
        if 0 <= other < len(units) and _may_join(wanted, piece, units[best], units[other]):
            both = len(wanted & (held[best] | held[other])) / (len(wanted) or 1)
            alone = len(wanted & held[best]) / (len(wanted) or 1)
            if both >= alone + _SECOND_SENTENCE_GAIN:
                first, last = sorted((units[best].span, units[other].span))
                yield shares[best] + both - alone, Span(first.start, last.end)


def _may_join(wanted: Collection[str], piece: _Piece, one: Unit, other: Unit) -> bool:
    """Say whether two units may prove a claim together: a row and another one only if the claim names both."""
    rows = [unit for unit in (one, other) if unit.kind == "row"]
    return len(rows) < 2 or all(_names_row(wanted, piece, row) for row in rows)


def _names_row(wanted: Collection[str], piece: _Piece, unit: Unit) -> bool:
    """Say whether a claim says the first cell of a row, which tells it from the others."""
    key = set(content_terms(next(filter(None, cells_of(piece.of(unit))), ""))) if unit.kind == "row" else set()
    return bool(key) and key.issubset(wanted)


def _with_names(passage: Passage, piece: _Piece, unit: Unit) -> str:
    """Return a unit's text; a table row's with the names of its columns, which a claim about the row repeats."""
    table = _table_of(passage, piece, unit) if unit.kind == "row" else None
    names = names_of(table.head) if table else ()
    return " ".join((*names, piece.of(unit)))


def _located(passage: Passage, piece: _Piece, part: Span) -> Located:
    quote = piece.text[part.start : part.end]
    place = Span(piece.span.start + part.start, piece.span.start + part.end)
    shown = (passage.title, *passage.headings, *_needed(passage, piece, part), quote)
    return Located(place, quote, "\n".join(dict.fromkeys(text for text in shown if text)))


def _needed(passage: Passage, piece: _Piece, part: Span) -> Iterator[str]:
    """Yield what the quoted units lean on: the heads of rows, each with a rule below it, and the sentence before."""
    for unit in piece.units:
        if not unit.span.overlaps(part):
            continue
        table = _table_of(passage, piece, unit) if unit.kind == "row" else None
        if table and table.head:
            yield ruled(table.head)
        elif unit.kind != "row":
            yield from (piece.of(piece.units[i]) for i in unit.needs)

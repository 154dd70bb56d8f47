"""From `[n]` tags in an answer back to the exact source range that supports each sentence; pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.context.pack import JOINT
from rag.context.tags import TagGroup, fences, retagged, tag_groups
from rag.context.terms import content_terms
from rag.tables import cells_of, guessed, names_of, ruled, said, table_at
from rag.text import sentences, word_spans, words
from rag.types import Passage, Span, Table, Taken
from rag.units import Unit, units_of

_STOPS, _CLOSERS = frozenset(".!?…。！？"), frozenset("\"'”’)*_")
_BEHIND_FENCE = re.compile(r"(?:\s*+\[[\d\s,;–-]{1,40}\])*+[\s.,;]*+")
_FENCE_LINES = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[^\n]*\n?", re.MULTILINE)
_SECOND_SENTENCE_GAIN = 0.15
_NAMED_ROW = 0.5  # of the claim's words: it is about the row whose first cell it says
_LONGEST_ANSWER = 50_000
_MOST_TAGS = 400  # each is located in its passage and verified
_CUT = " …"


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of an answer at `[start, end)`, tags included; `claim` is its text without them.

    `span` is the place that it was taken from, in the document of the one passage that it is tagged with. None: a model
    wrote the sentence, and its places must be found.
    """

    start: int
    end: int
    claim: str
    tags: tuple[int, ...]
    span: Span | None = None


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


def cite(text: str, known: Collection[int]) -> CitedText:
    """Split what a model wrote into sentences with their tags; tags that no passage has are taken out and reported.

    So are tags beyond the first 400, and of a text of more than 50,000 characters the rest: more is no answer, and
    checking it would keep everybody waiting.
    """
    text, unknown = _without_unknown(_not_too_long(text.strip()), known)
    groups = tag_groups(text)
    found = []
    first = 0
    for span in _sentence_spans(text, groups):
        last = first
        while last < len(groups) and groups[last].start < span.end:
            last += 1
        inside, first = groups[first:last], last
        tags = tuple(dict.fromkeys(tag for group in inside for tag in group.tags))
        found.append(CitedSentence(span.start, span.end, _claim(text, span, inside), tags))
    return CitedText(text, tuple(found), unknown)


def cite_taken(taken: Sequence[Taken]) -> CitedText:
    """Return the answer that sentences taken from passages make; their text is never searched for tags."""
    found = []
    pieces: list[str] = []
    position = 0
    for sentence in taken:
        start, position = position + len(sentence.gap), position + len(sentence.gap) + len(sentence.text)
        pieces += (sentence.gap, sentence.text)
        found.append(CitedSentence(start, position, sentence.claim, (sentence.tag,), sentence.span))
    return CitedText("".join(pieces), tuple(found), ())


def locate(claim: str, passage: Passage) -> Located:
    """Find the range of the passage that best supports a claim.

    A row that the claim says cell by cell, or a literal quotation, gives exactly that range. Otherwise it is the unit
    that shares most of the claim's words, widened by its neighbour where that adds at least 15 % of them. Two rows
    prove a claim together only if it names both.
    """
    pieces = _pieces(passage)
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


def located_at(span: Span, passage: Passage) -> Located:
    """Return a range that a sentence was taken from, with what a verifier should read.

    Raises:
        ValueError: the range is not within one span of the passage.
    """
    for piece in _pieces(passage):
        if piece.span.contains(span):
            return _located(passage, piece, Span(span.start - piece.span.start, span.end - piece.span.start))
    raise ValueError(f"passage {passage.tag} does not hold the characters [{span.start}, {span.end})")


def _pieces(passage: Passage) -> list[_Piece]:
    return [
        _Piece(span, text, tuple(units_of(text, span.start, _tables(passage, span, text))))
        for span, text in span_texts(passage)
    ]


def span_texts(passage: Passage) -> Iterator[tuple[Span, str]]:
    """Yield the spans of a passage, each with its text."""
    position = 0
    for span in passage.spans:
        yield span, passage.text[position : position + len(span)]
        position += len(span) + len(JOINT)


def _not_too_long(text: str) -> str:
    return text if len(text) <= _LONGEST_ANSWER else text[:_LONGEST_ANSWER].rstrip() + _CUT


def _without_unknown(text: str, known: Collection[int]) -> tuple[str, tuple[int, ...]]:
    unknown: list[int] = []
    kept = 0

    def shown(group: TagGroup) -> str:
        nonlocal kept
        rest = [tag for tag in group.tags if tag in known][: max(0, _MOST_TAGS - kept)]
        kept += len(rest)
        unknown.extend(tag for tag in group.tags if tag not in known)
        whole = len(rest) == len(group.tags)
        return text[group.start : group.end] if whole else "".join(f"[{tag}]" for tag in rest)

    cleaned = retagged(text, tag_groups(text), shown)
    return cleaned, tuple(dict.fromkeys(unknown))


def _sentence_spans(text: str, groups: Sequence[TagGroup]) -> list[Span]:
    """Cut into sentences as if the tags were not there; tags between two sentences belong to the first."""
    masked = _masked(text, groups)
    found = {span.start for span in sentences(masked)} | set(_starts_after_tags(text, groups))
    starts = sorted(_outside_fences(text, found))
    if not starts:
        return []
    ends = [group.end for group in groups]
    edges = [0, *(_line_start(text, start, groups, ends) for start in starts[1:]), len(text)]
    return [Span(a, a + len(text[a:b].rstrip())) for a, b in pairwise(edges)]


def _outside_fences(text: str, starts: set[int]) -> set[int]:
    """Return the starts with each fenced block as one sentence, whatever stands in it, the tags behind it included."""
    blocks = fences(text)
    opened = [first for first, _ in blocks]
    ends = [_behind_tags(text, end) for _, end in blocks]

    def is_outside(start: int) -> bool:
        i = bisect_right(opened, start) - 1
        return i < 0 or start >= ends[i]

    return {start for start in starts if is_outside(start)}.union(opened, (end for end in ends if end < len(text)))


def _behind_tags(text: str, position: int) -> int:
    found = _BEHIND_FENCE.match(text, position)
    return found.end() if found else position


def _masked(text: str, groups: Sequence[TagGroup]) -> str:
    pieces: list[str] = []
    position = 0
    for group in groups:
        pieces += (text[position : group.start], " " * (group.end - group.start))
        position = group.end
    return "".join([*pieces, text[position:]])


def _starts_after_tags(text: str, groups: Sequence[TagGroup]) -> Iterator[int]:
    """Yield where a sentence starts because the tags before it follow a full stop."""
    first = 0
    for i, group in enumerate(groups):
        if i + 1 < len(groups) and not text[group.end : groups[i + 1].start].strip():
            continue
        start = _skip(text, group.end)
        if start < len(text) and not text[start].islower() and _stops_before(text, groups[first].start):
            yield start
        first = i + 1


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _stops_before(text: str, position: int) -> bool:
    """Say whether a full stop comes before a position, but for white space and what closes around it."""
    while position and text[position - 1].isspace():
        position -= 1
    while position and text[position - 1] in _CLOSERS:
        position -= 1
    return position > 0 and text[position - 1] in _STOPS


def _line_start(text: str, start: int, groups: Sequence[TagGroup], ends: Sequence[int]) -> int:
    """Move the start of a sentence before the tags that open its line."""
    first = _back(text, start)
    i = bisect_right(ends, first) - 1
    opening = start
    while i >= 0 and ends[i] == first:
        opening = groups[i].start
        first = _back(text, opening)
        i -= 1
    return opening if first and text[first - 1] == "\n" else start


def _back(text: str, position: int) -> int:
    while position and text[position - 1] in " \t":
        position -= 1
    return position


def _claim(text: str, span: Span, groups: Sequence[TagGroup]) -> str:
    pieces = []
    position = span.start
    for group in groups:
        pieces.append(text[position : group.start].rstrip())
        position = group.end
    pieces.append(text[position : span.end])
    return _FENCE_LINES.sub("", "".join(pieces)).strip()


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
    return _same_words(words(bare), text)


def _same_words(tokens: Sequence[str], text: str) -> Span | None:
    """Return where these words stand in a text one after the other, whatever is between them and however written."""
    if len(tokens) < 3:
        return None
    spans = word_spans(text)
    line = f" {' '.join(text[start:end].lower() for start, end in spans)} "
    found = line.find(f" {' '.join(tokens)} ")
    if found < 0:
        return None
    first = line.count(" ", 0, found)
    return Span(spans[first][0], spans[first + len(tokens) - 1][1])


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

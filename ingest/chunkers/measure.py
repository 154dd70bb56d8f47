"""Counting tokens of any range of a document that is tokenised once, and cutting ranges at text boundaries."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.partition.layout import trimmed
from ingest.partition.tables import TableMap
from rag.ports import Tokenizer
from rag.text import sentences
from rag.types import NOT_CHUNKED, Document, Span, Vectors

_TOKEN_CHARS = 24
_SLICE_CHARS = 100_000
_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_LINES = re.compile(r"[^\n]*\S[^\n]*")

Splitter = Callable[[str], Iterator[tuple[int, int]]]
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Model:
    """What chunkers see of the corpus's embedder: its tokenizer and, in the process that runs it, its vectors.

    `embed` returns `(n, d) float32`, L2-normalised rows.
    """

    tokenizer: Tokenizer
    embed: Embed | None = None


@dataclass(frozen=True, slots=True)
class Ruler:
    """Token starts of a text, so that ranges are measured without tokenising them again.

    A token longer than 24 characters (some tokenisers make one unknown token of a whole base64 line) counts as several.
    Ranges are cut inside a row of `tables` only where it is too long for one.
    """

    text: str
    starts: Sequence[int]
    tables: TableMap = field(default_factory=TableMap)

    @classmethod
    def of(cls, text: str, tokenizer: Tokenizer, tables: TableMap | None = None) -> Ruler:
        """Tokenise a text, in slices: a tokeniser needs a hundred times the memory of what it is given at once."""
        starts = array("q")
        for begin, stop in _slices(text):
            for start, end in tokenizer.offsets(text[begin:stop]):
                starts.append(begin + start)
                if end - start > _TOKEN_CHARS:
                    starts.extend(range(begin + start + _TOKEN_CHARS, begin + end, _TOKEN_CHARS))
        return cls(text, starts, tables or TableMap())

    def tokens(self, start: int, end: int) -> int:
        """Return how many tokens start in `[start, end)`."""
        return bisect_left(self.starts, end) - bisect_left(self.starts, start)

    def fits(self, span: Span, limit: int) -> bool:
        """Say whether a range has at most `limit` tokens."""
        return self.tokens(span.start, span.end) <= limit

    def split(self, span: Span, limit: int, splitters: Sequence[Splitter] | None = None) -> Iterator[Span]:
        """Yield consecutive ranges of at most `limit` tokens, cut at the coarsest boundaries that allow it.

        `splitters` default to paragraphs, then sentences; below the last of them come words.
        """
        levels = _LEVELS if splitters is None else splitters
        if self.fits(span, limit):
            yield span
            return
        if not levels:
            yield from self.windows(span, limit)
            return
        current: Span | None = None
        for part in self.parts(span, levels[0]):
            if current and self.fits(Span(current.start, part.end), limit):
                current = Span(current.start, part.end)
                continue
            if current:
                yield current
            current = part if self.fits(part, limit) else None
            if current is None:
                yield from self.split(part, limit, levels[1:])
        if current:
            yield current

    def pack(self, spans: Iterable[Span], limit: int) -> Iterator[Span]:
        """Yield the ranges joined, as many in a row as have at most `limit` tokens together."""
        current: Span | None = None
        for span in spans:
            joined = Span(current.start, span.end) if current else span
            if current and not self.fits(joined, limit):
                yield current
                joined = span
            current = joined
        if current:
            yield current

    def parts(self, span: Span, splitter: Splitter) -> Iterator[Span]:
        """Yield the parts of a range, which together hold all of it that is not whitespace."""
        piece = self.text[span.start : span.end]
        begin: int | None = None
        for start, end in splitter(piece):
            part = trimmed(self.text, span.start + start, span.start + end)
            if part is None:
                continue
            begin = part.start if begin is None else begin
            row = self.tables.row_around(part.end)
            if row is None or row.end > span.end:
                yield Span(begin, part.end)
                begin = None

    def windows(self, span: Span, limit: int) -> Iterator[Span]:
        """Yield ranges of at most `limit` tokens, as full as they may be, cut between words.

        A word that alone has more tokens is cut inside: there is no other boundary.
        """
        start = span.start
        while start < span.end:
            end = span.end if self.fits(Span(start, span.end), limit) else min(self._reach(start, limit), span.end)
            row = self.tables.row_around(end) if end < span.end else None
            end = row.start if row and row.start > start else end
            part = trimmed(self.text, start, end)
            if part:
                yield part
            start = end

    def before(self, end: int, tokens: int, floor: int) -> int:
        """Return where a word starts at most `tokens` tokens before `end`, not below `floor`; `end` if none does.

        It is none inside a row of a table.
        """
        index = max(0, bisect_left(self.starts, end) - tokens)
        for start in self.starts[index : bisect_left(self.starts, end)]:
            opens = start >= floor and (start == 0 or self.text[start - 1].isspace())
            if opens and self.tables.row_around(start) is None:
                return start
        return end

    def _reach(self, start: int, limit: int) -> int:
        """Return where the last word starts that `limit` tokens from `start` do not hold; inside a word if need be."""
        first = bisect_left(self.starts, start)
        last = first + limit
        for index in range(last, first, -1):
            position = self.starts[index]
            if position > start and (self.text[position - 1].isspace() or self.text[position].isspace()):
                return position
        # Tokens smaller than a character share its start.
        while last < len(self.starts) and self.starts[last] <= start:
            last += 1
        return self.starts[last] if last < len(self.starts) else len(self.text)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges between blank lines."""
    start = 0
    for match in _BLANK_LINES.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of lines that are not blank."""
    for match in _LINES.finditer(text):
        yield match.span()


def sentence_ranges(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of sentences."""
    for span in sentences(text):
        yield span.start, span.end


_LEVELS: tuple[Splitter, ...] = (paragraphs, sentence_ranges)


def bodies(document: Document) -> list[Span]:
    """Return the ranges of a document that chunks may come from: all but `NOT_CHUNKED` blocks and outer whitespace."""
    spans: list[Span] = []
    position = 0
    for block in document.blocks:
        if block.kind in NOT_CHUNKED:
            part = trimmed(document.text, position, block.span.start)
            spans += [part] if part else []
            position = block.span.end
    part = trimmed(document.text, position, len(document.text))
    return [*spans, part] if part else spans


def _slices(text: str) -> Iterator[tuple[int, int]]:
    """Yield consecutive ranges that hold the whole text, cut at whitespace where there is any."""
    start = 0
    while len(text) - start > _SLICE_CHARS:
        stop = start + _SLICE_CHARS
        space = max(text.rfind(" ", start + 1, stop), text.rfind("\n", start + 1, stop))
        end = space if space > 0 else stop
        yield start, end
        start = end
    yield start, len(text)

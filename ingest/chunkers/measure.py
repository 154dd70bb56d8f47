"""Counting tokens of any range of a document that is tokenised once, and cutting ranges at text boundaries."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ingest.partition.layout import trimmed
from rag.ports import Tokenizer
from rag.text import sentences
from rag.types import NOT_CHUNKED, Document, Span

_TOKEN_CHARS = 24
_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_WORDS = re.compile(r"\S+")
_LINES = re.compile(r"[^\n]*\S[^\n]*")

Splitter = Callable[[str], Iterator[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Ruler:
    """Token starts of a text, so that ranges are measured without tokenising them again.

    A token longer than 24 characters (some tokenisers make one unknown token of a whole base64 line) counts as several.
    """

    text: str
    starts: Sequence[int]

    @classmethod
    def of(cls, text: str, tokenizer: Tokenizer) -> Ruler:
        """Tokenise a text."""
        starts: list[int] = []
        for start, end in tokenizer.offsets(text):
            starts.extend(range(start, max(end, start + 1), _TOKEN_CHARS))
        return cls(text, starts)

    def tokens(self, start: int, end: int) -> int:
        """Return how many tokens start in `[start, end)`."""
        return bisect_left(self.starts, end) - bisect_left(self.starts, start)

    def fits(self, span: Span, limit: int) -> bool:
        """Say whether a range has at most `limit` tokens."""
        return self.tokens(span.start, span.end) <= limit

    def split(self, span: Span, limit: int, splitters: Sequence[Splitter] | None = None) -> Iterator[Span]:
        """Yield consecutive ranges of at most `limit` tokens, cut at the coarsest boundaries that allow it."""
        levels = _LEVELS if splitters is None else splitters
        if self.fits(span, limit):
            yield span
        elif not levels:
            yield from self._cut(span, limit)
        else:
            small: list[Span] = []
            for part in self.parts(span, levels[0]):
                if self.fits(part, limit):
                    small.append(part)
                    continue
                yield from self.pack(small, limit)
                small = []
                yield from self.split(part, limit, levels[1:])
            yield from self.pack(small, limit)

    def pack(self, spans: Sequence[Span], limit: int) -> Iterator[Span]:
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
        for start, end in splitter(piece):
            part = trimmed(self.text, span.start + start, span.start + end)
            if part:
                yield part

    def before(self, end: int, tokens: int, floor: int) -> int:
        """Return where a word starts at most `tokens` tokens before `end`, not below `floor`; `end` if none does."""
        index = max(0, bisect_left(self.starts, end) - tokens)
        for start in self.starts[index : bisect_left(self.starts, end)]:
            if start >= floor and (start == 0 or self.text[start - 1].isspace()):
                return start
        return end

    def _cut(self, span: Span, limit: int) -> Iterator[Span]:
        """Cut inside a word: there is no other boundary."""
        first, last = bisect_left(self.starts, span.start), bisect_left(self.starts, span.end)
        cuts = [span.start, *(self.starts[i] for i in range(first + limit, last, limit)), span.end]
        for start, end in zip(cuts, cuts[1:], strict=False):
            part = trimmed(self.text, start, end)
            if part:
                yield part


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


def words(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges between whitespace."""
    for match in _WORDS.finditer(text):
        yield match.span()


_LEVELS: tuple[Splitter, ...] = (paragraphs, sentence_ranges, words)


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

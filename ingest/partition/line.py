"""One line of text in spans of different looks: raised, lowered, struck out, the mark of a note."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ingest.partition.raised import lowered, plain_fractions, raised

Height = Literal["level", "raised", "lowered", "note"]
"""`note` is a mark of which the file says that it refers to a note."""

_AROUND = 80
_TAIL, _TAIL_SPANS = 300, 12
_OPENS, _CLOSES = ("(", "[", "{", "“", "„", "‘", "«"), tuple(".,;:!?)]}%”’»")


@dataclass(frozen=True, slots=True)
class Look:
    """How a span of text is set. Struck text is no longer valid, and stays in the text between `~~` marks."""

    height: Height = "level"
    is_struck: bool = False


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class _Span:
    text: str
    look: Look


class Line:
    """Collects the spans of a line and writes them as plain text when all are known."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []
        self.is_blank = True

    def add(self, text: str, look: Look = PLAIN) -> None:
        """Add text behind what is there."""
        if not text:
            return
        self.is_blank = self.is_blank and text.isspace()
        self._spans.append(_Span(text, look))

    def clear(self) -> None:
        """Forget all spans."""
        self._spans.clear()
        self.is_blank = True

    def tail(self) -> str:
        """Return the letters at the end of the line, as many as the words of a link have."""
        return "".join(span.text for span in self._spans[-_TAIL_SPANS:])[-_TAIL:]

    def text(self) -> str:
        """Return the line as plain text, its white space as it was added."""
        if all(span.look == PLAIN for span in self._spans):
            return "".join(span.text for span in self._spans)
        self._spans = list(_merged(self._spans))
        out: list[str] = []
        end = ""  # the last letters of what is written, without the marks of struck text
        open_strike = False
        for at, span in enumerate(self._spans):
            words = self._shown(at, end)
            if open_strike and not span.look.is_struck:
                out[-1], open_strike = f"{out[-1].rstrip()}~~{_gap_after(words)}", False
            elif span.look.is_struck and not open_strike and words.strip():
                out.append(f"{_gap_before(end)}~~")
                words, open_strike = words.lstrip(), True
            out.append(words)
            end = (end + words)[-_AROUND:]
        if open_strike:
            out[-1] = f"{out[-1].rstrip()}~~"
        return plain_fractions("".join(out))

    def _shown(self, at: int, before: str) -> str:
        span = self._spans[at]
        if span.look.height == "level":
            return span.text
        after = "".join(other.text for other in self._spans[at + 1 : at + 4])[:_AROUND]
        if span.look.height == "lowered":
            return lowered(before, span.text, after)
        return raised(before, span.text, after, is_note=span.look.height == "note")


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield the spans, those that follow each other and look the same as one; each mark of a note stays its own."""
    for look, group in groupby(spans, key=lambda span: span.look):
        if look.height == "note":
            yield from group
        else:
            yield _Span("".join(span.text for span in group), look)


def _gap_before(end: str) -> str:
    return "" if not end or end[-1].isspace() or end.endswith(_OPENS) else " "


def _gap_after(words: str) -> str:
    """Return a blank where struck text would touch the words that took its place."""
    return "" if not words or words[0].isspace() or words.startswith(_CLOSES) else " "

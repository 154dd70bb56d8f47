"""One line of text in spans of different looks: raised, lowered, struck out, the mark of a note."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ingest.clean import one_line
from ingest.partition.raised import lowered, plain_fractions, raised

Height = Literal["level", "raised", "lowered", "note"]
"""`note` is a mark of which the file says that it refers to a note."""

_AROUND = 80
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

    def add(self, text: str, look: Look = PLAIN) -> None:
        """Add text behind what is there; it joins the span before it when both look the same."""
        if not text:
            return
        last = self._spans[-1] if self._spans else None
        if last is not None and last.look == look and look.height != "note":
            self._spans[-1] = replace(last, text=last.text + text)
        else:
            self._spans.append(_Span(text, look))

    def clear(self) -> None:
        """Forget all spans."""
        self._spans.clear()

    def text(self) -> str:
        """Return the line as plain text, its white space as it was added."""
        if all(span.look == PLAIN for span in self._spans):
            return "".join(span.text for span in self._spans)
        out = ""
        open_strike = False
        for at, span in enumerate(self._spans):
            words = self._shown(at, out.replace("~~", ""))
            if open_strike and not span.look.is_struck:
                out, open_strike = f"{out.rstrip()}~~{_gap_after(out, words)}", False
            elif span.look.is_struck and not open_strike and words.strip():
                out, open_strike = f"{out}{_gap_before(out, words)}~~", True
                words = words.lstrip()
            out += words
        return plain_fractions(f"{out.rstrip()}~~" if open_strike else out)

    def _shown(self, at: int, before: str) -> str:
        span = self._spans[at]
        if span.look.height == "level":
            return span.text
        after = "".join(other.text for other in self._spans[at + 1 : at + 4])[:_AROUND]
        if span.look.height == "lowered":
            return lowered(before[-_AROUND:], span.text, after)
        # A block that begins with a mark is the text of the note, so that all of its start counts.
        near = before[-_AROUND:] if before.strip() else ""
        return raised(near, span.text, after, is_note=span.look.height == "note")


def _gap_before(out: str, words: str) -> str:
    return "" if not out or out[-1].isspace() or out.endswith(_OPENS) else " "


def _gap_after(out: str, words: str) -> str:
    """Return a blank where struck text would touch the words that took its place."""
    return "" if not words or words[0].isspace() or words.startswith(_CLOSES) else " "


def height_text(text: str, look: Look) -> str:
    """Return a text of one look as a line of its own, for a value that is a whole cell."""
    line = Line()
    line.add(one_line(text), look)
    return line.text()

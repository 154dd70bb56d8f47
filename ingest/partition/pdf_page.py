"""What a PDF page is to the layout: lines of text with their place; pure geometry, shared by the modules that read it.

Coordinates are points from the upper left corner, y downwards, in the frame in which the text reads from left to
right. A page of sideways text is therefore turned; `Page.box` says where a line stands on the page as it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.types import Box

_SEGMENT_GAP = 1.0
_NO_OVERLAP = -0.3
CURRENCIES = frozenset("$€£¥")
ABOVE_BASELINE = 0.8
BELOW_BASELINE = 0.22
"""How far a line's box reaches from its baseline, in font sizes."""


@dataclass(frozen=True, slots=True)
class Line:
    """A run of text on one baseline that no wide gap interrupts; `size` is its font size in points."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    bold: bool

    @property
    def height(self) -> float:
        """Height of the line's box."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """Width of the line's box."""
        return self.right - self.left

    @property
    def baseline(self) -> float:
        """The y on which its letters stand."""
        return self.bottom - BELOW_BASELINE * self.size

    @property
    def middle(self) -> float:
        """The x halfway between its sides."""
        return (self.left + self.right) / 2


Row = list[Line]
"""Lines that share a baseline, from left to right."""


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of one page that read in one direction; `number` counts from 1.

    `turn` counts the quarter turns clockwise from upright at which the text stands on the shown page; `width` and
    `height` are those of the frame in which it reads.
    """

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    turn: int = 0

    def box(self, line: Line, start: int, end: int) -> Box:
        """Return where a line stands on the page as it is shown, with its range of characters."""
        left, top, right, bottom = turned_back(
            (line.left, line.top, line.right, line.bottom), self.turn, self.width, self.height
        )
        return Box(self.number, round(left, 1), round(top, 1), round(right, 1), round(bottom, 1), start, end)


Rectangle = tuple[float, float, float, float]


def turned_back(rectangle: Rectangle, turn: int, width: float, height: float) -> Rectangle:
    """Map a rectangle of a reading frame (`width` x `height`) to the page as it is shown."""
    left, top, right, bottom = rectangle
    if turn == 1:
        return height - bottom, left, height - top, right
    if turn == 2:
        return width - right, height - bottom, width - left, height - top
    if turn == 3:
        return top, width - right, bottom, width - left
    return rectangle


def turned(rectangle: Rectangle, turn: int, width: float, height: float) -> Rectangle:
    """Map a rectangle of the page as it is shown (`width` x `height`) to the frame of text at that turn."""
    frame = (width, height) if turn % 2 == 0 else (height, width)
    return turned_back(rectangle, -turn % 4, *frame[:: 1 if turn % 2 == 0 else -1])


def rows_of(lines: Iterable[Line]) -> list[Row]:
    """Group lines that share a baseline; rows from top to bottom, lines in a row from left to right."""
    rows: list[Row] = []
    for line in sorted(lines, key=lambda x: (x.top + x.bottom, x.left)):
        if rows and _same_baseline(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda x: x.left) for row in rows]


def segments(words: Iterable[Line], order: Callable[[Row], Row]) -> Iterator[Line]:
    """Yield lines made of the words that stand side by side, closer than their size, in their reading order."""
    for row in rows_of(words):
        for group in _segments(row):
            yield joined(order(group))


def _segments(row: Sequence[Line]) -> Iterator[Row]:
    group: Row = []
    for word in row:
        if group and not _goes_on(group[-1], word):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _goes_on(before: Line, word: Line) -> bool:
    """Say whether a word is part of the run before it; a currency sign on its own belongs to the next figure."""
    gap = (word.left - before.right) / max(word.size, 1.0)
    return _NO_OVERLAP < gap < _SEGMENT_GAP and word.text not in CURRENCIES


def joined(words: Sequence[Line], separator: str = " ") -> Line:
    """Return the line that holds all the words, in order."""
    letters = sum(len(word.text) for word in words)
    longest = max(words, key=lambda word: len(word.text))
    return Line(
        separator.join(word.text for word in words),
        min(word.left for word in words),
        min(word.top for word in words),
        max(word.right for word in words),
        max(word.bottom for word in words),
        longest.size,
        sum(len(word.text) for word in words if word.bold) * 2 > letters,
    )


def _same_baseline(a: Line, b: Line) -> bool:
    overlap = min(a.bottom, b.bottom) - max(a.top, b.top)
    return overlap > 0.6 * min(a.height, b.height)

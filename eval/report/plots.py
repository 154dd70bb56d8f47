"""Plots as inline SVG: coloured by the page's CSS variables, with a title and a text alternative."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from eval.report.svg import cut, fixed, svg, text, told

_NAMESPACE = "http://www.w3.org/2000/svg"
_ROW = 26
_WIDTH, _NOTES = 1080, 230


@dataclass(frozen=True, slots=True)
class Interval:
    """A labelled value with its interval, all in one unit; bounds None draw no whisker. `note` stands at the right."""

    label: str
    value: float
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled horizontal bar from `start` to `end`; `tail` (>= end) is drawn lighter after it."""

    label: str
    start: float
    end: float
    tail: float
    note: str


@dataclass(frozen=True, slots=True)
class Point:
    """A marked point of a square plot, 0..1 both ways."""

    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line through points `(x, y)`, from left to right."""

    label: str
    points: Sequence[tuple[float, float]]


def sparkline(value: float, low: float, high: float) -> str:
    """Return a value between 0 and 1 with its interval, as small as a table cell.

    It repeats the figures beside it, so screen readers skip it.
    """
    x, left, right = (fixed(2 + 156 * min(1.0, max(0.0, at))) for at in (value, low, high))
    return (
        '<svg class="spark" viewBox="0 0 160 14" width="160" height="14" aria-hidden="true" focusable="false">'
        f'<path class="axis" d="M2 7H158"/><path class="whisker" d="M{left} 7H{right}"/>'
        f'<circle class="dot" cx="{x}" cy="7" r="3.5"/></svg>'
    )


def forest(name: str, title: str, rows: Sequence[Interval], reference: float | None = None) -> str:
    """Return values between 0 and 1 below each other, with their intervals and a dashed line at `reference`."""
    left, width, height = 210, _WIDTH, _ROW * len(rows) + 34
    right = width - _NOTES

    def at(value: float) -> str:
        return fixed(left + (right - left) * min(1.0, max(0.0, value)))

    parts = [_ticks(left, right, height - 22)]
    if reference is not None:
        parts.append(f'<path class="reference" d="M{at(reference)} 4V{height - 22}"/>')
    for i, row in enumerate(rows):
        y = _ROW * i + 16
        parts.append(text(left - 10, y + 4, cut(row.label, left - 14), "end"))
        if row.low is not None and row.high is not None:
            parts.append(f'<path class="whisker" d="M{at(row.low)} {y}H{at(row.high)}"/>')
        parts.append(f'<circle class="dot" cx="{at(row.value)}" cy="{y}" r="4.5"/>')
        parts.append(text(right + 12, y + 4, row.note, kind="soft"))
    return svg(name, title, told((row.label, row.note) for row in rows), width, height, parts)


def bars(name: str, title: str, rows: Sequence[Bar]) -> str:
    """Return horizontal bars on one scale from 0 to the furthest end."""
    left, width, height = 170, _WIDTH, _ROW * len(rows) + 10
    right = width - _NOTES
    furthest = max((row.tail for row in rows), default=0.0) or 1.0

    def at(value: float) -> float:
        return left + (right - left) * value / furthest

    parts = []
    for i, row in enumerate(rows):
        y = _ROW * i + 6
        parts.append(text(left - 10, y + 14, cut(row.label, left - 14), "end"))
        for kind, start, end in (("light", row.end, row.tail), ("bar", row.start, row.end)):
            if end > start:
                size = fixed(max(1.0, at(end) - at(start)))
                parts.append(f'<rect class="{kind}" x="{fixed(at(start))}" y="{y}" width="{size}" height="18" rx="2"/>')
        parts.append(text(right + 12, y + 14, row.note, kind="soft"))
    return svg(name, title, told((row.label, row.note) for row in rows), width, height, parts)


def reliability(name: str, title: str, bins: Sequence[Interval], at: Sequence[float], counts: Sequence[int]) -> str:
    """Return observed shares with their intervals over the means of what was predicted (`at`), with the diagonal.

    Columns at the bottom show how many predictions each bin holds.
    """
    square = _Square()
    most = max(counts, default=0) or 1
    parts = [*square.frame("predicted", "observed"), f'<path class="reference" d="{square.path([(0, 0), (1, 1)])}"/>']
    for x, bin_, count in zip(at, bins, counts, strict=True):
        column = 44 * count / most
        parts.append(
            f'<rect class="light" x="{fixed(square.x(x) - 7)}" y="{fixed(square.y(0) - column)}" width="14" '
            f'height="{fixed(column)}"/>'
        )
        if bin_.low is not None and bin_.high is not None:
            ends = f"{fixed(square.y(bin_.low))}V{fixed(square.y(bin_.high))}"
            parts.append(f'<path class="whisker" d="M{fixed(square.x(x))} {ends}"/>')
        parts.append(f'<circle class="dot" cx="{fixed(square.x(x))}" cy="{fixed(square.y(bin_.value))}" r="4.5"/>')
    return svg(name, title, told((bin_.label, bin_.note) for bin_ in bins), square.width, square.height, parts)


def curve(name: str, title: str, line: Sequence[tuple[float, float]], points: Sequence[Point], x: str, y: str) -> str:
    """Return a line between 0 and 1 both ways, and marked points beside it."""
    square = _Square()
    parts = [*square.frame(x, y), f'<path class="line" d="{square.path(line)}"/>']
    for i, point in enumerate(points):
        left, top = square.x(point.x), square.y(point.y)
        parts.append(f'<circle class="dot mark{i}" cx="{fixed(left)}" cy="{fixed(top)}" r="5"/>')
        beside = left + 9, "start"
        if point.x > 0.6:
            beside = left - 9, "end"
        parts.append(text(beside[0], top + 16, point.label, beside[1]))
    words = told((point.label, f"{x} {point.x:.3f}, {y} {point.y:.3f}") for point in points)
    return svg(name, title, words, square.width, square.height, parts)


def growth(name: str, title: str, lines: Sequence[Line], x: str, y: str, limit: float | None = None) -> str:
    """Return lines over two logarithmic axes, a mark at every point, with a dashed line at the `limit` of y.

    Values lie above 0; ticks stand at the powers of ten.
    """
    plot = _LogPlot([point for line in lines for point in line.points] + ([] if limit is None else [(1.0, limit)]))
    parts = plot.frame(x, y)
    if limit is not None:
        parts.append(f'<path class="reference" d="M{plot.left} {plot.y(limit)}H{plot.right}"/>')
    for i, line in enumerate(lines):
        places = [(plot.x(at), plot.y(value)) for at, value in line.points]
        parts.append(f'<path class="line" d="M{"L".join(f"{left} {top}" for left, top in places)}"/>' if places else "")
        parts += [f'<circle class="dot mark{i}" cx="{left}" cy="{top}" r="4.5"/>' for left, top in places]
        if places:
            parts.append(text(plot.right + 12, float(places[-1][1]) + 4, line.label))
    words = told((line.label, ", ".join(f"{value:.3g} at {at:,g}" for at, value in line.points)) for line in lines)
    return svg(name, title, words, plot.width, plot.height, parts)


def standalone(plot: str) -> str:
    """Return a plot as a file of its own, in the colours of the report."""
    style = files("eval.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    return plot.replace("<svg ", f'<svg xmlns="{_NAMESPACE}" ', 1).replace(
        "><title", f"><style>{escape(style, quote=False)}</style><title", 1
    )


class _LogPlot:
    """A plot over two logarithmic axes that hold all of the given points."""

    width, height = 640, 330
    left, right, _top, _bottom = 64, 500, 12, 278

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._x = _decades([at for at, _ in points if at > 1])
        self._y = _decades([value for _, value in points])

    def x(self, value: float) -> str:
        return fixed(self.left + (self.right - self.left) * _share(value, self._x))

    def y(self, value: float) -> str:
        return fixed(self._bottom - (self._bottom - self._top) * _share(value, self._y))

    def frame(self, below: str, beside: str) -> list[str]:
        parts = []
        for tick in (10.0**power for power in range(self._y[0], self._y[1] + 1)):
            parts.append(f'<path class="axis" d="M{self.left} {self.y(tick)}H{self.right}"/>')
            parts.append(text(self.left - 8, float(self.y(tick)) + 4, f"{tick:,g}", "end", "soft"))
        for tick in (10.0**power for power in range(self._x[0], self._x[1] + 1)):
            parts.append(f'<path class="axis" d="M{self.x(tick)} {self._top}V{self._bottom}"/>')
            parts.append(text(float(self.x(tick)), self._bottom + 16, f"{tick:,.0f}", "middle", "soft"))
        middle = (self._top + self._bottom) / 2
        parts.append(text((self.left + self.right) / 2, self.height - 8, below, "middle"))
        turned = f'transform="rotate(-90 14 {fixed(middle)})"'
        parts.append(f'<text x="14" y="{fixed(middle)}" text-anchor="middle" {turned}>{escape(beside)}</text>')
        return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around values above 0, at least one decade."""
    low = math.floor(math.log10(min(values, default=1.0)))
    return low, max(low + 1, math.ceil(math.log10(max(values, default=1.0))))


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])


class _Square:
    """A square plot from 0 to 1 both ways."""

    width, height = 420, 330
    _left, _top, _size = 52.0, 12.0, 270.0

    def x(self, value: float) -> float:
        return self._left + (self.width - self._left - 20) * min(1.0, max(0.0, value))

    def y(self, value: float) -> float:
        return self._top + self._size * (1 - min(1.0, max(0.0, value)))

    def path(self, line: Iterable[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{fixed(self.x(x))} {fixed(self.y(y))}" for x, y in line)

    def frame(self, below: str, beside: str) -> list[str]:
        parts = []
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
            parts.append(f'<path class="axis" d="{self.path([(0, tick), (1, tick)])}"/>')
            parts.append(text(self._left - 8, self.y(tick) + 4, f"{tick:g}", "end", "soft"))
            parts.append(text(self.x(tick), self.y(0) + 16, f"{tick:g}", "middle", "soft"))
        parts.append(text(self.x(0.5), self.height - 10, below, "middle"))
        turned = f'transform="rotate(-90 14 {fixed(self.y(0.5))})"'
        parts.append(f'<text x="14" y="{fixed(self.y(0.5))}" text-anchor="middle" {turned}>{escape(beside)}</text>')
        return parts


def _ticks(left: float, right: float, bottom: float) -> str:
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + (right - left) * tick
        parts.append(f'<path class="axis" d="M{fixed(x)} 4V{fixed(bottom)}"/>')
        parts.append(text(x, bottom + 16, f"{tick:g}", "middle", "soft"))
    return "".join(parts)

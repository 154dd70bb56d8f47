"""Plots of a sweep as inline SVG; figures come in the unit in which they read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from eval.report.plots import Interval
from eval.report.svg import cut, fixed, svg, text, told

Role = Literal["default", "best", "front", "beaten"]

_WIDTH = 1080
_ROW = 26
_LABELS = 460.0  # the most that labels at the left may take
_BOLD = 7.4  # width of a bold character
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Dot:
    """A trial in a plot of two figures. `told` says all of it to a pointer that rests on it."""

    label: str
    x: float
    y: float
    role: Role
    told: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A vertical axis of parallel coordinates: `ticks` are its labelled places, 0 at the bottom to 1 at the top."""

    name: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Thread:
    """A trial across all axes, None where an axis does not count for it.

    `strength` is 0 for the worst to 1 for the best. `values` are its settings as text, by which a reader filters.
    """

    number: int
    places: tuple[float | None, ...]
    strength: float
    role: Role
    told: str
    values: tuple[str, ...]


def learning(steps: Sequence[tuple[float, float]], x: str, y: str, confirmed: float | None = None) -> str:
    """Return the best gain so far over question evaluations, with a dashed line at the gain that was confirmed."""
    values = [value for _, value in steps] + [0.0] + ([] if confirmed is None else [confirmed])
    plot = _Plot([at for at, _ in steps] + [0.0], values, width=_WIDTH, height=260)
    path = f"M{plot.x(steps[0][0])} {plot.y(steps[0][1])}"
    path += "".join(f"H{plot.x(at)}V{plot.y(value)}" for at, value in steps[1:])
    parts = [*plot.frame(x, y), f'<path class="line" d="{path}"/>']
    if confirmed is not None:
        parts.append(f'<path class="reference" d="M{fixed(plot.left)} {plot.y(confirmed)}H{fixed(plot.right)}"/>')
    for value, label in _apart(
        [(steps[-1][1], "in the search"), *([] if confirmed is None else [(confirmed, "confirmed")])], plot
    ):
        parts.append(text(plot.right + 8, value + 4, label))
    words = f"best gain {steps[-1][1]:.3g} after {steps[-1][0]:,.0f} evaluations"
    words += "" if confirmed is None else f"; confirmed {confirmed:.3g}"
    return svg("learning", "Best gain so far over the work done", words, plot.width, plot.height, parts)


def scatter(
    name: str, title: str, dots: Sequence[Dot], front: Sequence[tuple[float, float]], x: str, y: str, width: int = 640
) -> str:
    """Return trials by two figures; the front is the line through those that no other beats."""
    plot = _Plot([dot.x for dot in dots], [dot.y for dot in dots], width=width, height=360, side=110)
    parts = plot.frame(x, y)
    if len(front) > 1:
        parts.append(f'<path class="front" d="M{"L".join(f"{plot.x(a)} {plot.y(b)}" for a, b in front)}"/>')
    order: dict[Role, int] = {"beaten": 0, "front": 1, "default": 2, "best": 3}
    for dot in sorted(dots, key=lambda dot: order[dot.role]):
        parts.append(
            f'<circle class="dot {dot.role}" cx="{plot.x(dot.x)}" cy="{plot.y(dot.y)}" '
            f'r="{6 if dot.role in ("best", "default") else 4}"><title>{escape(dot.told)}</title></circle>'
        )
    named = [dot for dot in dots if dot.role in ("best", "default")]
    for dot, top in zip(named, _spread([float(plot.y(dot.y)) for dot in named]), strict=True):
        parts.append(text(float(plot.x(dot.x)) + 10, top + 4, dot.label, kind="strong"))
    return svg(
        name, title, told((dot.label, dot.told) for dot in dots if dot.role != "beaten"), plot.width, plot.height, parts
    )


def differences(
    name: str, title: str, rows: Sequence[Interval], marked: Sequence[str] = (), hollow: Sequence[str] = ()
) -> str:
    """Return signed values below each other with their intervals, around a line at 0; `marked` labels stand out.

    The dots of `hollow` labels are empty.
    """
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None and math.isfinite(end)]
    low, high, ticks = _range([0.0, *ends])
    longest = max((len(row.label) for row in rows), default=0)
    most = min(longest, int(_LABELS / _BOLD))
    left = max(180.0, _BOLD * most + 20)
    width, height = _WIDTH, _ROW * len(rows) + 34
    right = width - 230

    def at(value: float) -> str:
        return fixed(left + (right - left) * (value - low) / (high - low))

    parts = []
    for tick in ticks:
        kind = "reference" if tick == 0 else "axis"
        parts.append(f'<path class="{kind}" d="M{at(tick)} 4V{height - 22}"/>')
        parts.append(text(float(at(tick)), height - 6, f"{tick:+g}" if tick else "0", "middle", "soft"))
    for i, row in enumerate(rows):
        y = _ROW * i + 16
        strong = "strong" if row.label in marked else ""
        parts.append(text(left - 10, y + 4, _short(row.label, most), "end", strong))
        if row.low is not None and row.high is not None:
            parts.append(f'<path class="whisker" d="M{at(row.low)} {y}H{at(row.high)}"/>')
        kind = "dot mark1" if row.label in hollow else "dot"
        parts.append(f'<circle class="{kind}" cx="{at(row.value)}" cy="{y}" r="4.5"/>')
        parts.append(text(right + 12, y + 4, row.note, kind="soft"))
    return svg(name, title, told((row.label, row.note) for row in rows), width, height, parts)


def parallel(title: str, axes: Sequence[Axis], threads: Sequence[Thread]) -> str:
    """Return every trial as a line across its settings and its figures; strong lines did well."""
    left, right, top, bottom = 70.0, _WIDTH - 90.0, 48.0, 330.0
    between = (right - left) / max(1, len(axes) - 1)

    def place(axis: int, at: float) -> tuple[float, float]:
        return left + between * axis, bottom - (bottom - top) * at

    parts = []
    for i, axis in enumerate(axes):
        x = left + between * i
        section, _, key = axis.name.rpartition(".")
        parts.append(text(x, 14, cut(section, between * 0.98), "middle", "soft"))
        parts.append(text(x, 29, cut(key, between * 0.98), "middle", "strong"))
        parts.append(f'<path class="axis" d="M{fixed(x)} {fixed(top)}V{fixed(bottom)}"/>')
    order: dict[Role, int] = {"beaten": 0, "front": 0, "default": 1, "best": 2}
    for thread in sorted(threads, key=lambda one: (order[one.role], one.strength)):
        parts.append(_thread(thread, place))
    for i, axis in enumerate(axes):
        for at, label in axis.ticks:
            x, y = place(i, at)
            parts.append(text(x + 5, y + 4, cut(label, between * 0.9), kind="tick"))
    words = f"{len(threads)} trials over {', '.join(axis.name for axis in axes)}; the table below has them all"
    return svg("parallel", title, words, _WIDTH, 350, parts)


def _thread(thread: Thread, place: Callable[[int, float], tuple[float, float]]) -> str:
    path, broken = "", True
    for i, at in enumerate(thread.places):
        if at is None:
            broken = True
            continue
        x, y = place(i, at)
        path += f"{'M' if broken else 'L'}{fixed(x)} {fixed(y)}"
        broken = False
    values = escape(json.dumps(thread.values, ensure_ascii=False), quote=True)
    opacity = "" if thread.role in ("best", "default") else f' style="opacity:{0.12 + 0.68 * thread.strength**2:.2f}"'
    return (
        f'<path class="thread {thread.role}" data-trial="{thread.number}" data-values="{values}" d="{path}"{opacity}>'
        f"<title>{escape(thread.told)}</title></path>"
    )


class _Plot:
    """A plot over two linear axes that hold all of the given figures, with room for labels at the right."""

    left, top = 70.0, 14.0

    def __init__(self, xs: Sequence[float], ys: Sequence[float], *, width: int, height: int, side: int = 110) -> None:
        self.width, self.height = width, height
        self.right, self._bottom = float(width - side), height - 52.0
        self._x, self._y = _range(xs), _range(ys)

    def x(self, value: float) -> str:
        low, high, _ = self._x
        return fixed(self.left + (self.right - self.left) * (value - low) / (high - low))

    def y(self, value: float) -> str:
        low, high, _ = self._y
        return fixed(self._bottom - (self._bottom - self.top) * (value - low) / (high - low))

    def frame(self, below: str, beside: str) -> list[str]:
        parts = []
        for tick in self._y[2]:
            kind = "zero" if tick == 0 else "axis"
            parts.append(f'<path class="{kind}" d="M{fixed(self.left)} {self.y(tick)}H{fixed(self.right)}"/>')
            parts.append(text(self.left - 8, float(self.y(tick)) + 4, f"{tick:,.6g}", "end", "soft"))
        for tick in self._x[2]:
            parts.append(f'<path class="axis" d="M{self.x(tick)} {fixed(self.top)}V{fixed(self._bottom)}"/>')
            parts.append(text(float(self.x(tick)), self._bottom + 16, f"{tick:,.6g}", "middle", "soft"))
        parts.append(text((self.left + self.right) / 2, self.height - 10, below, "middle"))
        middle = fixed((self.top + self._bottom) / 2)
        turned = f'transform="rotate(-90 14 {middle})"'
        parts.append(f'<text x="14" y="{middle}" text-anchor="middle" {turned}>{escape(beside)}</text>')
        return parts


def ticks_within(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`, both included where they are round.

    >>> ticks_within(-8.3, 8.0)
    [-5.0, 0.0, 5.0]
    """
    return [tick for tick in _range([low, high])[2] if low - 1e-9 <= tick <= high + 1e-9]


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"


def _range(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Return round ends around the values, and round ticks between them.

    >>> _range([0.0, 4.2])
    (0.0, 5.0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high - low < 1e-9:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(step * i, 10) + 0.0 for i in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def _apart(labels: Sequence[tuple[float, str]], plot: _Plot) -> list[tuple[float, str]]:
    """Return labels with the heights at which they do not cover each other."""
    heights = _spread([float(plot.y(value)) for value, _ in labels])
    return [(height, label) for height, (_, label) in zip(heights, labels, strict=True)]


def _spread(heights: Sequence[float], least: float = 15.0) -> list[float]:
    """Move heights apart, from the top down, so that no two are nearer than a line of text.

    >>> _spread([20.0, 10.0, 50.0])
    [25.0, 10.0, 50.0]
    """
    placed: dict[int, float] = {}
    before = -math.inf
    for i in sorted(range(len(heights)), key=lambda i: heights[i]):
        before = placed[i] = max(heights[i], before + least)
    return [placed[i] for i in range(len(heights))]

"""The parts that every inline SVG of a report is made of: coloured by CSS, with a title and a text alternative."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_CHARACTER = 6.6
"""Width of a character at the plots' font size of 12; labels are cut to fit."""


def svg(name: str, title: str, told: str, width: float, height: float, parts: Iterable[str]) -> str:
    """Return a drawing that a screen reader can name and tell: `told` has its figures in words."""
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
        f'aria-labelledby="{name}-title {name}-told"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-told">{escape(told)}</desc>{"".join(parts)}</svg>'
    )


def text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    """Return a text that starts, ends or has its middle (`anchor`) at `(x, y)`; `kind` is its CSS class."""
    marked = f' class="{kind}"' if kind else ""
    return f'<text x="{fixed(x)}" y="{fixed(y)}" text-anchor="{anchor}"{marked}>{escape(text)}</text>'


def told(rows: Iterable[tuple[str, str]]) -> str:
    """Return labels and notes as one line for a screen reader."""
    return "; ".join(f"{label}: {note}" for label, note in rows)


def cut(text: str, width: float) -> str:
    """Return a text that is no wider than `width`, with an ellipsis where it was cut."""
    most = int(width / _CHARACTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fixed(value: float) -> str:
    """Return a coordinate with one decimal."""
    return f"{value:.1f}"

"""Numbers of lists and headings in OpenDocument: prefix, suffix, style, and the numbers of the levels above."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.partition.grids import numeral
from ingest.partition.numerals import repeated, word_numeral

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _STYLE = (f"{{{_NS}{name}:1.0}}" for name in ("text", "style"))
_LO = "{urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0}"
_PLACE = re.compile(r"%(\d{1,2})%")
_WORDS = {"1st": "ordinal", "One": "cardinalText", "First": "ordinalText", "01": "decimalZero"}
_SIGNS = {"①, ②, ③, ...": "decimalEnclosedCircle", "一, 二, 三, ...": "japaneseCounting", "ア, イ, ウ, ...": "aiueo"}


@dataclass(frozen=True, slots=True)
class Level:
    """How one depth of a list is numbered; bullets have no `form`. `pattern` has a %1% for the first depth's number."""

    form: str = ""
    pattern: str = ""
    start: int = 1
    doubles: bool = False

    def numeral(self, number: int) -> str:
        """Return a number in the style of this depth."""
        if self.form in _WORDS or self.form in _SIGNS:
            return word_numeral(number, _WORDS.get(self.form) or _SIGNS[self.form])
        if self.doubles and self.form in {"a", "A"}:
            return repeated(number, "abcdefghijklmnopqrstuvwxyz" if self.form == "a" else "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return numeral(number, self.form)


Levels = Mapping[int, Level]


@dataclass(slots=True)
class Numbers:
    """The numbered lists of a document, with the running numbers of its headings."""

    lists: dict[str, dict[int, Level]] = field(default_factory=dict)
    outline: dict[int, Level] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def read(self, root: Any) -> None:
        """Take over the list styles and the outline of a part."""
        for style in root.iter(f"{_TEXT}list-style"):
            self.lists[style.get(f"{_STYLE}name", "")] = _levels(style.iter(f"{_TEXT}list-level-style-number"))
        for style in root.iter(f"{_TEXT}outline-style"):
            self.outline = _levels(style.iter(f"{_TEXT}outline-level-style"))

    def level(self, style: str, depth: int) -> Level:
        """Return the numbering of a list's depth."""
        return self.lists.get(style, {}).get(depth, Level())

    def shown(self, levels: Levels, depth: int, counts: Mapping[int, int]) -> str:
        """Return the number of an item, with those of the depths above it that its style shows."""
        level = levels[depth]

        def place(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            other = levels.get(at, level)
            return other.numeral(counts.get(at, other.start))

        return _PLACE.sub(place, level.pattern)

    def of_list(self, style: str, depth: int, counts: Mapping[int, int]) -> str:
        """Return the marker of an item of a numbered list."""
        return self.shown(self.lists.get(style, {}), depth, counts)

    def of_heading(self, depth: int, restart: int | None) -> str:
        """Count a heading and return its number, '' where headings have none."""
        level = self.outline.get(depth)
        if level is None or not level.form:
            return ""
        self.counts[depth] = restart if restart is not None else self.counts.get(depth, level.start - 1) + 1
        for deeper in [key for key in self.counts if key > depth]:
            del self.counts[deeper]
        return self.shown(self.outline, depth, self.counts)


def _levels(styles: Any) -> dict[int, Level]:
    return {_integer(level, "level", 1) - 1: _level(level) for level in styles}


def _level(level: Any) -> Level:
    form, depth = level.get(f"{_STYLE}num-format", ""), _integer(level, "level", 1)
    pattern = level.get(f"{_LO}num-list-format") or level.get(f"{_STYLE}num-list-format")
    if pattern is None:
        first = depth - min(depth, _integer(level, "display-levels", 1)) + 1
        numbers = ".".join(f"%{at}%" for at in range(first, depth + 1))
        pattern = f"{level.get(f'{_STYLE}num-prefix', '')}{numbers}{level.get(f'{_STYLE}num-suffix', '.')}"
    doubles = level.get(f"{_STYLE}num-letter-sync") == "true"
    return Level(form, pattern.strip(), _integer(level, "start-value", 1), doubles)


def _integer(element: Any, name: str, default: int) -> int:
    value = element.get(_TEXT + name, "")
    return max(1, int(value)) if value.isdecimal() and len(value) < 10 else default

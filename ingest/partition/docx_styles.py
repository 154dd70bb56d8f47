"""What Word's styles and numbering say of a paragraph: heading level, list depth and number, code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.partition.grids import numeral

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"heading (\d)$")
_CODE = re.compile(r"\b(?:code|html preformatted|macro|source|listing|verbatim|plain text)\b", re.IGNORECASE)
_LIST = re.compile(r"list (bullet|number|continue)(?: (\d))?$")
_FORMATS = {"decimal": "1", "lowerLetter": "a", "upperLetter": "A", "lowerRoman": "i", "upperRoman": "I"}
_PLACE = re.compile(r"%(\d)")
_MAX_BASES = 20


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """`level` is 1..6 for a heading; `number` is '' outside a list and '-' for a bullet at `depth` from 0."""

    level: int = 0
    depth: int = 0
    number: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    """One depth of a numbering: `text` has a %1 for the first depth's number, and so on."""

    style: str
    text: str
    start: int


@dataclass(slots=True)
class Styles:
    """The style sheet with the running numbers of all lists; paragraphs must be asked for in order."""

    names: Mapping[str, str]
    bases: Mapping[str, str]
    properties: Mapping[str, Any]
    default: str
    numberings: Mapping[str, Mapping[int, _Level]]
    abstracts: Mapping[str, str]
    counts: dict[str, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, styles: Any | None, numbering: Any | None) -> Styles:
        """Read styles.xml and numbering.xml, either of which may be missing."""
        names, bases, properties, default = {}, {}, {}, ""
        for style in styles.iter(f"{_W}style") if styles is not None else ():
            key = style.get(f"{_W}styleId", "")
            names[key] = _value(style.find(f"{_W}name")).lower()
            bases[key] = _value(style.find(f"{_W}basedOn"))
            properties[key] = style.find(f"{_W}pPr")
            if style.get(f"{_W}type") == "paragraph" and style.get(f"{_W}default") == "1":
                default = key
        numberings, abstracts = _numberings(numbering)
        return cls(names, bases, properties, default, numberings, abstracts)

    def of_paragraph(self, paragraph: Any) -> ParagraphStyle:
        """Return what a paragraph is, and count it if it is a numbered item."""
        own = paragraph.find(f"{_W}pPr")
        key = _value(own.find(f"{_W}pStyle")) if own is not None else ""
        chain = self._chain(key or self.default)
        level = self._heading_level(own, chain)
        depth, number = self._list_place(own, chain, max(0, level - 1))
        if level:
            return ParagraphStyle(level, 0, number)
        is_code = any(_CODE.search(self.names.get(base, "")) for base in chain)
        return ParagraphStyle(depth=depth, number=number, is_code=is_code and not number)

    def _chain(self, key: str) -> list[str]:
        chain: list[str] = []
        while key and key not in chain and len(chain) < _MAX_BASES:
            chain.append(key)
            key = self.bases.get(key, "")
        return chain

    def _heading_level(self, own: Any | None, chain: list[str]) -> int:
        for key in chain:
            name = self.names.get(key, "")
            match = _HEADING.match(name)
            if match:
                return min(6, int(match.group(1)) or 1)
            if name == "title":
                return 1
        for properties in (own, *(self.properties.get(key) for key in chain)):
            outline = _value(properties.find(f"{_W}outlineLvl")) if properties is not None else ""
            if outline.isdecimal():
                return min(6, int(outline) + 1) if int(outline) < 9 else 0
        return 0

    def _list_place(self, own: Any | None, chain: list[str], usual: int) -> tuple[int, str]:
        numbered = [p.find(f"{_W}numPr") for p in (own, *(self.properties.get(k) for k in chain)) if p is not None]
        properties = next((p for p in numbered if p is not None), None)
        name = next((match for key in chain if (match := _LIST.match(self.names.get(key, "")))), None)
        style_depth = int(name.group(2) or 1) - 1 if name else 0
        if properties is None:
            return (style_depth, "-") if name and name.group(1) != "continue" else (0, "")
        numbering = _value(properties.find(f"{_W}numId"))
        depth_text = _value(properties.find(f"{_W}ilvl"))
        depth = int(depth_text) if depth_text.isdecimal() else usual
        if numbering in {"", "0"}:
            return 0, ""
        number = self._next(numbering, min(depth, 8))
        return max(min(depth, 8), style_depth), number

    def _next(self, numbering: str, depth: int) -> str:
        levels = self.numberings.get(numbering, {})
        level = levels.get(depth)
        if level is None or level.style not in _FORMATS:
            return "-"
        counts = self.counts.setdefault(self.abstracts.get(numbering, numbering), {})
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [key for key in counts if key > depth]:
            del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            other = levels.get(at, level)
            return numeral(counts.get(at, other.start), _FORMATS.get(other.style, "1"))

        return _PLACE.sub(shown, level.text) or "-"


def _numberings(root: Any | None) -> tuple[dict[str, dict[int, _Level]], dict[str, str]]:
    """Return the depths of each numbering, and what counts together: one abstract numbering unless a start is given."""
    if root is None:
        return {}, {}
    abstract = {a.get(f"{_W}abstractNumId", ""): _levels(a) for a in root.iter(f"{_W}abstractNum")}
    numberings: dict[str, dict[int, _Level]] = {}
    counted: dict[str, str] = {}
    for number in root.iter(f"{_W}num"):
        key, base = number.get(f"{_W}numId", ""), _value(number.find(f"{_W}abstractNumId"))
        numberings[key] = abstract.get(base, {})
        restarts = next(number.iter(f"{_W}startOverride"), None) is not None
        counted[key] = f"{base}/{key}" if restarts else base
    return numberings, counted


def _levels(abstract: Any) -> dict[int, _Level]:
    levels: dict[int, _Level] = {}
    for level in abstract.iter(f"{_W}lvl"):
        depth, start = level.get(f"{_W}ilvl", "0"), _value(level.find(f"{_W}start"))
        style, text = _value(level.find(f"{_W}numFmt")), _value(level.find(f"{_W}lvlText"))
        if depth.isdecimal():
            levels[int(depth)] = _Level(style, text, int(start) if start.isdecimal() else 1)
    return levels


def _value(element: Any | None) -> str:
    return (element.get(f"{_W}val") or "") if element is not None else ""

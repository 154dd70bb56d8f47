"""What Word's styles and numbering say of a paragraph: heading level, list depth and number, code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.partition.numerals import word_numeral

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"heading (\d)$")
_CODE = re.compile(r"\b(?:code|html preformatted|macro|source|listing|verbatim|plain text)\b", re.IGNORECASE)
_LIST = re.compile(r"list (bullet|number|continue)(?: (\d))?$")
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
    """One depth of a numbering: `text` has a %1 for the first depth's number, and so on.

    A `legal` one shows all numbers in figures. Its count starts anew behind an item of a depth above it, or behind one
    of the first `restart` depths. `linked` is the paragraph style that it belongs to.
    """

    style: str
    text: str
    start: int
    legal: bool = False
    restart: int | None = None
    linked: str = ""


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
        if numbering in {"", "0"}:
            return 0, ""
        linked = (at for at, level in self.numberings.get(numbering, {}).items() if level.linked in chain)
        depth = int(depth_text) if depth_text.isdecimal() else next(linked, usual)
        number = self._next(numbering, min(depth, 8))
        return max(min(depth, 8), style_depth), number

    def _next(self, numbering: str, depth: int) -> str:
        levels = self.numberings.get(numbering, {})
        level = levels.get(depth)
        if level is None or level.style in {"", "bullet"}:
            return "-"
        counts = self.counts.setdefault(self.abstracts.get(numbering, numbering), {})
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [key for key in counts if key > depth]:
            restart = levels[deeper].restart if deeper in levels else None
            if restart is None or depth < restart:
                del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            other = levels.get(at, level)
            return word_numeral(counts.get(at, other.start), "decimal" if level.legal else other.style)

        return _PLACE.sub(shown, level.text) or "-"


def _numberings(root: Any | None) -> tuple[dict[str, dict[int, _Level]], dict[str, str]]:
    """Return the depths of each numbering, and what counts together: one abstract numbering unless a start is given."""
    if root is None:
        return {}, {}
    abstract = {a.get(f"{_W}abstractNumId", ""): _levels(a) for a in root.iter(f"{_W}abstractNum")}
    # A numbering may only name the style that another one defines.
    of_style = {
        _value(a.find(f"{_W}styleLink")): a.get(f"{_W}abstractNumId", "") for a in root.iter(f"{_W}abstractNum")
    }
    for each in root.iter(f"{_W}abstractNum"):
        link = _value(each.find(f"{_W}numStyleLink"))
        if link in of_style and link:
            abstract[each.get(f"{_W}abstractNumId", "")] = abstract[of_style[link]]
    numberings: dict[str, dict[int, _Level]] = {}
    counted: dict[str, str] = {}
    for number in root.iter(f"{_W}num"):
        key, base = number.get(f"{_W}numId", ""), _value(number.find(f"{_W}abstractNumId"))
        numberings[key] = _overridden(abstract.get(base, {}), number)
        restarts = next(number.iter(f"{_W}startOverride"), None) is not None
        counted[key] = f"{base}/{key}" if restarts else base
    return numberings, counted


def _overridden(levels: Mapping[int, _Level], number: Any) -> dict[int, _Level]:
    """Return the depths of a numbering with what it says itself: whole depths, or where they start."""
    own = {**levels, **_levels(number)}
    for override in number.iter(f"{_W}lvlOverride"):
        depth, start = override.get(f"{_W}ilvl", "0"), _value(override.find(f"{_W}startOverride"))
        if start.isdecimal() and depth.isdecimal() and int(depth) in own:
            own[int(depth)] = replace(own[int(depth)], start=int(start))
    return own


def _levels(abstract: Any) -> dict[int, _Level]:
    levels: dict[int, _Level] = {}
    for level in abstract.iter(f"{_W}lvl"):
        depth = level.get(f"{_W}ilvl", "0")
        if depth.isdecimal():
            levels[int(depth)] = _level(level)
    return levels


def _level(level: Any) -> _Level:
    start, restart = (_value(level.find(_W + name)) for name in ("start", "lvlRestart"))
    legal = level.find(f"{_W}isLgl")
    return _Level(
        _format(level),
        _value(level.find(f"{_W}lvlText")),
        int(start) if start.isdecimal() else 1,
        legal is not None and _value(legal) not in {"0", "false", "off"},
        int(restart) if restart.isdecimal() else None,
        _value(level.find(f"{_W}pStyle")),
    )


def _format(level: Any) -> str:
    """Return the format of a depth's numbers; newer ones stand in a wrapper with an old one to fall back to."""
    form = level.find(f"{_W}numFmt")
    form = next(level.iter(f"{_W}numFmt"), None) if form is None else form
    custom = (form.get(f"{_W}format") or "") if form is not None else ""
    is_padded = _value(form) == "custom" and custom.startswith("0")
    return "decimalZero" if is_padded else _value(form)


def _value(element: Any | None) -> str:
    return (element.get(f"{_W}val") or "") if element is not None else ""

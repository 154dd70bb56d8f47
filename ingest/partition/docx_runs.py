"""What Word's styles and run properties say of a run of text: raised, lowered, struck out, set in a symbol font."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.partition.line import PLAIN, Height, Look

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEIGHTS: dict[str, Height] = {"superscript": "raised", "subscript": "lowered", "baseline": "level"}
_OFF = frozenset({"0", "false", "off"})
_MAX_BASES = 20
# Half-points. Less than this only evens out fonts that stand beside each other.
_RAISED_BY = 4


@dataclass(frozen=True, slots=True)
class RunStyles:
    """The run properties of all styles, by the id of the style, and the style that each is based on."""

    properties: Mapping[str, Any]
    bases: Mapping[str, str]

    @classmethod
    def of(cls, styles: Any | None) -> RunStyles:
        """Read styles.xml, which may be missing."""
        found = list(styles.iter(f"{_W}style")) if styles is not None else []
        properties = {style.get(f"{_W}styleId", ""): style.find(f"{_W}rPr") for style in found}
        return cls(properties, {s.get(f"{_W}styleId", ""): _value(s.find(f"{_W}basedOn")) for s in found})

    def look(self, run: Any) -> Look:
        """Return how a `<w:r>` is set: by itself, by its character style, by the style of its paragraph."""
        own = run.find(f"{_W}rPr")
        chain = list(self._chain(run, own))
        if not chain:
            return PLAIN
        return Look(_height(chain), _is_struck(chain))

    def font(self, run: Any) -> str:
        """Return the font of a run, or '' where it is not said."""
        for properties in self._chain(run, run.find(f"{_W}rPr")):
            fonts = properties.find(f"{_W}rFonts")
            if fonts is not None:
                return fonts.get(f"{_W}ascii") or fonts.get(f"{_W}hAnsi") or ""
        return ""

    def _chain(self, run: Any, own: Any | None) -> Iterator[Any]:
        if own is not None:
            yield own
            yield from self._style(_value(own.find(f"{_W}rStyle")))
        paragraph = next(run.iterancestors(f"{_W}p"), None)
        properties = paragraph.find(f"{_W}pPr") if paragraph is not None else None
        if properties is not None:
            yield from self._style(_value(properties.find(f"{_W}pStyle")))

    def _style(self, key: str) -> Iterator[Any]:
        for _ in range(_MAX_BASES):
            if not key:
                return
            properties = self.properties.get(key)
            if properties is not None:
                yield properties
            key = self.bases.get(key, "")


def _height(chain: list[Any]) -> Height:
    for properties in chain:
        align = _value(properties.find(f"{_W}vertAlign"))
        if align in _HEIGHTS:
            return _HEIGHTS[align]
        position = _value(properties.find(f"{_W}position"))
        if position.lstrip("-").isdecimal() and abs(int(position)) >= _RAISED_BY:
            return "raised" if int(position) > 0 else "lowered"
    return "level"


def _is_struck(chain: list[Any]) -> bool:
    for properties in chain:
        for name in ("strike", "dstrike"):
            mark = properties.find(_W + name)
            if mark is not None:
                return mark.get(f"{_W}val", "true") not in _OFF
    return False


def _value(element: Any | None) -> str:
    return (element.get(f"{_W}val") or "") if element is not None else ""

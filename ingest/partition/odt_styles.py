"""What the styles of an OpenDocument text say of letters: raised, lowered, struck out, set in a symbol font."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ingest.partition.line import Height, Look

_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_MAX_PARENTS = 20


@dataclass(slots=True)
class TextStyles:
    """The text properties of each style, and the style that each is based on."""

    parents: dict[str, str] = field(default_factory=dict)
    _properties: dict[str, Any] = field(default_factory=dict)

    def read(self, root: Any) -> None:
        """Add the styles of a part; those of content.xml are read first and may be based on those of styles.xml."""
        for style in root.iter(f"{_STYLE}style"):
            name = style.get(f"{_STYLE}name", "")
            self.parents[name] = style.get(f"{_STYLE}parent-style-name", "")
            properties = style.find(f"{_STYLE}text-properties")
            if properties is not None:
                self._properties[name] = properties

    def look(self, name: str, outer: Look) -> Look:
        """Return how text in a style looks inside of text that looks like `outer`."""
        position, strike = self._of(name, "text-position"), self._strike(name)
        return Look(
            outer.height if position is None else _height(position),
            outer.is_struck if strike is None else strike not in {"none", ""},
        )

    def font(self, name: str, outer: str) -> str:
        """Return the font of a style, or the one around it."""
        return self._of(name, "font-name") or outer

    def _strike(self, name: str) -> str | None:
        style = self._of(name, "text-line-through-style")
        return self._of(name, "text-line-through-type") if style is None else style

    def _of(self, name: str, key: str) -> str | None:
        for _ in range(_MAX_PARENTS):
            if not name:
                return None
            value = self._properties[name].get(_STYLE + key) if name in self._properties else None
            if value is not None:
                return str(value)
            name = self.parents.get(name, "")
        return None


def _height(position: str) -> Height:
    """Return the height of `super 58%`, `-33% 58%`, `0% 100%`."""
    first = (position.split() or ["0%"])[0]
    if first in {"super", "sub"}:
        return "raised" if first == "super" else "lowered"
    number = first.rstrip("%")
    try:
        shift = float(number)
    except ValueError:
        return "level"
    return "raised" if shift > 0 else "lowered" if shift < 0 else "level"

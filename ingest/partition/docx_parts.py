"""The parts of a Word package beside its text: where links go, headers and footers, diagrams, and what is not read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ingest.partition.clean import clip, one_line
from ingest.partition.packages import Package

DOCUMENT = "word/document.xml"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
# What a header says that only counts pages: "Page 3 of 7", "- 2 -".
_COUNTING = re.compile(r"\b(?:page|pages|of|seite|von|pagina|página|di|de|sur|p)\b|[\W\d_]+", re.IGNORECASE)
_UNREAD = {"aFChunk": "embedded document", "package": "embedded file", "oleObject": "embedded object", "chart": "chart"}


class Parts:
    """Finds the parts that a part refers to."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._relations: dict[str, dict[str, Any]] = {}
        self._missing: list[str] = []

    def target(self, part: str, element: Any, name: str = "id") -> str:
        """Return the address that an element's relation leads to outside of the file, or ''."""
        relation = self._of(part).get(element.get(_R + name) or "")
        external = relation is not None and relation.get("TargetMode") == "External"
        return relation.get("Target", "") if external and relation is not None else ""

    def running(self) -> Iterator[tuple[str, str, Any]]:
        """Yield `header` or `footer`, the name and the root of each part that stands on the pages."""
        for relation in self._of(DOCUMENT).values():
            kind = _kind(relation)
            name = _member(DOCUMENT, relation)
            if kind in {"header", "footer"} and name in self._package.names:
                yield kind, name, self._package.xml(name)

    def diagram(self, part: str, element: Any) -> str:
        """Return the texts of the diagram that a `<dgm:relIds>` names, and remember one that is missing."""
        relation = self._of(part).get(element.get(f"{_R}dm") or "")
        name = _member(part, relation) if relation is not None else ""
        if name not in self._package.names:
            self._missing.append("the data of a diagram is missing in the file")
            return ""
        return diagram_text(self._package.xml(name))

    def unread(self) -> Iterator[str]:
        """Yield a warning for every part that may hold text and is not read."""
        yield from self._missing
        for relation in self._of(DOCUMENT).values():
            kind = _UNREAD.get(_kind(relation))
            if kind and relation.get("TargetMode") != "External":
                yield f"the {kind} {clip(_member(DOCUMENT, relation))!r} was not read"

    def _of(self, part: str) -> dict[str, Any]:
        if part not in self._relations:
            folder, _, name = part.rpartition("/")
            root = self._package.optional_xml(f"{folder}/_rels/{name}.rels")
            self._relations[part] = {e.get("Id", ""): e for e in root} if root is not None else {}
        return self._relations[part]


def diagram_text(root: Any) -> str:
    """Return the texts of a diagram's points in their order: `Receive; Check; Pay`."""
    points = ("".join(text.text or "" for text in point.iter(f"{_A}t")) for point in root.iter(f"{_DGM}t"))
    return "; ".join(filter(None, map(one_line, points)))


def running_text(texts: Iterable[str]) -> str:
    """Return the words of a header or footer, or '' where it only counts pages."""
    words = one_line(" ".join(texts))
    return words if _COUNTING.sub("", words) else ""


def _kind(relation: Any) -> str:
    return str(relation.get("Type", "")).rpartition("/")[2]


def _member(part: str, relation: Any) -> str:
    target = relation.get("Target", "")
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{posixpath.dirname(part)}/{target}")

"""Slides made plain before they are read: raised, struck and linked letters, formulas, shapes of newer versions.

The libraries that read slides give a paragraph's letters and nothing of their look, and pass over shapes that
PowerPoint wrapped for older versions. So the deck itself is changed, in memory, and read afterwards.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.partition.docx_parts import diagram_text
from ingest.partition.formulas import omml_text
from ingest.partition.layout import Piece
from ingest.partition.line import Height, Line, Look
from ingest.partition.links import address, address_behind
from ingest.partition.packages import parse_xml, plain_package
from ingest.partition.pptx_parts import number_points
from ingest.partition.symbols import is_symbol_font, symbol_text

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_A14 = "{http://schemas.microsoft.com/office/drawing/2010/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TYPES = "[Content_Types].xml"
_SLIDES = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_VARIANTS = (
    b"application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
    b"application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    b"application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
    b"application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
)


def open_deck(path: Path) -> Any:
    """Open a deck, also a template or a show: they are decks whose first part has another type."""
    from pptx import Presentation

    with plain_package(path) as file, zipfile.ZipFile(file) as package:
        types = package.read(_TYPES)
        if not any(variant in types for variant in _VARIANTS):
            file.seek(0)
            return Presentation(file)
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w") as other:
            for member in package.infolist():
                data = package.read(member)
                for variant in _VARIANTS if member.filename == _TYPES else ():
                    data = data.replace(variant, _SLIDES)
                other.writestr(member, data)
    copy.seek(0)
    return Presentation(copy)


def make_plain(deck: Any) -> bool:
    """Write looks, links and formulas of all slides and notes into their letters; return whether anything changed."""
    changed = False
    for slide in deck.slides:
        parts = [slide, slide.notes_slide] if slide.has_notes_slide else [slide]
        for part in parts:
            changed = _unwrap(part._element) or changed
            changed = number_points(part._element) or changed
            for paragraph in list(part._element.iter(f"{_A}p")):
                changed = _plain_paragraph(paragraph, part.part) or changed
    return changed


def diagrams(slide: Any, number: int) -> Iterator[Piece]:
    """Yield the texts of a slide's diagrams, which stand in parts of their own."""
    for reference in slide._element.iter(f"{_DGM}relIds"):
        relation = slide.part.rels.get(reference.get(f"{_R}dm") or "")
        words = diagram_text(parse_xml(relation.target_part.blob, "diagram")) if relation is not None else ""
        if words:
            yield Piece("paragraph", f"[diagram: {words}]", 0, number)


def unread(slide: Any, number: int) -> Iterator[str]:
    """Yield a warning for every embedded file of a slide."""
    for element in slide._element.iter(f"{_P}oleObj"):
        yield f"the embedded file {element.get('name') or element.get('progId') or ''!r} on slide {number} was not read"


def _unwrap(root: Any) -> bool:
    """Put shapes that hold text in the place of the wrappers that give older versions a picture of them."""
    changed = False
    for wrapper in list(root.iter(f"{_MC}AlternateContent")):
        choice = wrapper.find(f"{_MC}Choice")
        parent = wrapper.getparent()
        if choice is None or parent is None or next(choice.iter(f"{_A}t", f"{_M}t"), None) is None:
            continue
        at = parent.index(wrapper)
        parent.remove(wrapper)
        for shape in reversed(list(choice)):
            parent.insert(at, shape)
        changed = True
    return changed


def _plain_paragraph(paragraph: Any, part: Any) -> bool:
    if not any(_has_look(child) for child in paragraph):
        return False
    segment: list[Any] = []
    for child in [*paragraph, None]:
        if child is not None and child.tag in {f"{_A}r", f"{_A}fld", f"{_A14}m"}:
            segment.append(child)
        elif segment:
            _join(segment, part)
            segment = []
    return True


def _has_look(child: Any) -> bool:
    properties = child.find(f"{_A}rPr")
    if properties is None:
        return bool(child.tag == f"{_A14}m")
    is_set = properties.get("baseline", "0") not in {"0", "0%"} or properties.get("strike", "noStrike") != "noStrike"
    return is_set or properties.find(f"{_A}hlinkClick") is not None or is_symbol_font(_font(properties))


def _join(segment: list[Any], part: Any) -> None:
    """Make one run of runs that follow each other."""
    line = Line()
    for at, run in enumerate(segment):
        if run.tag == f"{_A14}m":
            line.add("; ".join(map(omml_text, run)))
            continue
        properties = run.find(f"{_A}rPr")
        text = run.findtext(f"{_A}t") or ""
        line.add(symbol_text(_font(properties), text) if properties is not None else text, _look(properties))
        target = _target(properties, part)
        if target and (at + 1 == len(segment) or _target(segment[at + 1].find(f"{_A}rPr"), part) != target):
            line.add(address_behind(line.tail(), target), _look(properties))
    first = segment[0].makeelement(f"{_A}r", None, None)
    letters = first.makeelement(f"{_A}t", None, None)
    letters.text = line.text()
    first.append(letters)
    parent = segment[0].getparent()
    parent.insert(parent.index(segment[0]), first)
    for run in segment:
        parent.remove(run)


def _look(properties: Any | None) -> Look:
    if properties is None:
        return Look()
    shift = properties.get("baseline", "0").rstrip("%")
    height: Height = "level" if not shift.strip("-0.") else "lowered" if shift.startswith("-") else "raised"
    return Look(height, properties.get("strike", "noStrike") != "noStrike")


def _font(properties: Any) -> str:
    font = properties.find(f"{_A}sym")
    font = properties.find(f"{_A}latin") if font is None else font
    return str(font.get("typeface") or "") if font is not None else ""


def _target(properties: Any | None, part: Any) -> str:
    """Return the address that a run links to, or '' where it leads to another slide."""
    link = properties.find(f"{_A}hlinkClick") if properties is not None else None
    relation = part.rels.get(link.get(f"{_R}id") or "") if link is not None else None
    return address(relation.target_ref) if relation is not None and relation.is_external else ""

"""What cells of a workbook show beside their values: raised and struck letters, struck cells, the targets of links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.line import PLAIN, Height, Line, Look
from ingest.partition.links import address_behind
from ingest.partition.packages import parse_xml

Place = tuple[int, int]
"""Row and column from 0."""

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")
_HEIGHTS: dict[str, Height] = {"superscript": "raised", "subscript": "lowered"}
_LINK_FORMULA = re.compile(
    rb'<(?:\w+:)?c\s[^>]*?\br="([A-Z]{1,3}\d{1,7})"[^>]*>\s*<(?:\w+:)?f[^>]*>\s*HYPERLINK\((?:"|&quot;)([^"<]+?)(?:"|&quot;)'
)
_LINK_PART = re.compile(rb"<(?:\w+:)?hyperlinks\b.*?</(?:\w+:)?hyperlinks>", re.DOTALL)
_LINK = re.compile(rb"<(?:\w+:)?hyperlink\s[^>]*>")
_ATTRIBUTE = re.compile(rb'([\w:]+)="([^"]*)"')
_INLINE_LOOKS = (b"vertAlign", b"<strike", b":strike")


def rich_text(value: Any) -> str:
    """Return the text of a cell whose letters differ in look: an openpyxl `CellRichText`."""
    line = Line()
    for part in value:
        font = getattr(part, "font", None)
        look = PLAIN if font is None else Look(_HEIGHTS.get(font.vertAlign or "", "level"), bool(font.strike))
        line.add(part if font is None else part.text or "", look)
    return one_line(line.text())


def struck_styles(workbook: Any) -> frozenset[int]:
    """Return the ids of the cell styles whose font is struck out."""
    fonts = [bool(font.strike) for font in workbook._fonts]
    return frozenset(at for at, style in enumerate(workbook._cell_styles) if style.fontId and fonts[style.fontId])


def struck(text: str) -> str:
    """Return the text of a cell that is struck out as a whole."""
    line = Line()
    line.add(text, Look(is_struck=True))
    return line.text()


def inline_texts(data: bytes, name: str) -> dict[Place, str]:
    """Return the texts that stand in a sheet and whose letters differ in look: openpyxl gives the letters only."""
    if not any(mark in data for mark in _INLINE_LOOKS):
        return {}
    found: dict[Place, str] = {}
    for cell in parse_xml(data, name).iter("{*}c"):
        runs = cell.findall("{*}is/{*}r")
        if runs:
            found[place(cell.get("r", ""))] = _run_text(runs)
    return found


def _run_text(runs: list[Any]) -> str:
    line = Line()
    for run in runs:
        align, strike = run.find("{*}rPr/{*}vertAlign"), run.find("{*}rPr/{*}strike")
        height = _HEIGHTS.get(align.get("val", ""), "level") if align is not None else "level"
        is_struck = strike is not None and strike.get("val", "1") not in {"0", "false"}
        line.add(run.findtext("{*}t") or "", Look(height, is_struck))
    return one_line(line.text())


def link_targets(data: bytes, relations: Mapping[str, str]) -> dict[Place, str]:
    """Return the addresses of the cells that are links; `relations` gives the target of each relation's id."""
    found = dict(_formula_links(data))
    part = _LINK_PART.search(data)
    for link in _LINK.findall(part.group()) if part else ():
        attributes = {
            key.rpartition(b":")[2].decode(): unescape(value.decode()) for key, value in _ATTRIBUTE.findall(link)
        }
        target = relations.get(attributes.get("id", ""), "")
        if target:
            found[place(attributes.get("ref", ""))] = target
    return found


def _formula_links(data: bytes) -> Iterator[tuple[Place, str]]:
    for cell, target in _LINK_FORMULA.findall(data):
        yield place(cell.decode()), unescape(target.decode("utf-8", "replace"))


def with_address(text: str, target: str) -> str:
    """Return the text of a cell with the address that it links to."""
    return text + address_behind(text, target)


def place(reference: str) -> Place:
    """Return the place of a cell's reference, of a range that of its first cell; (-1, -1) for what is none."""
    match = _REFERENCE.match(reference)
    if match is None:
        return -1, -1
    number = 0
    for letter in match.group(1):
        number = number * 26 + ord(letter) - 64
    return int(match.group(2)) - 1, number - 1

"""Excel workbooks: a heading for each visible sheet, tables between its empty rows, values as shown."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ingest.partition.clean import one_line
from ingest.partition.docx import core_title
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.packages import Package, open_package, plain_package
from ingest.partition.sheet_format import shown
from ingest.partition.sheets import sheet_pieces
from ingest.partition.xlsx_looks import (
    Place,
    inline_texts,
    link_targets,
    place,
    rich_text,
    struck,
    struck_styles,
    with_address,
)
from ingest.partition.xlsx_parts import Beside, beside
from rag.errors import DocumentError

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="(\$?[A-Z]{1,3}\$?\d{1,7}):(\$?[A-Z]{1,3}\$?\d{1,7})"')
_NO_VALUE = re.compile(rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^>]*)?/>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</(?:\w+:)?c>")
_MAX_ROWS = 200_000
_MAX_COVERED = 200_000


@dataclass(frozen=True, slots=True)
class _Raw:
    """What openpyxl does not tell of a sheet that it streams: merged cells, formulas that were never calculated.

    `covered` maps a cell to the first cell of the merged range that it is in. `texts` are those of cells whose letters
    differ in look, `links` the addresses of cells that are links.
    """

    covered: dict[Place, Place] = field(default_factory=dict)
    uncalculated: int = 0
    texts: dict[Place, str] = field(default_factory=dict)
    links: dict[Place, str] = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)


def partition_xlsx(path: Path) -> Content:
    """Partition a workbook; the text of a merged cell stands in every place that it covers."""
    with open_package(path) as package:
        title = core_title(package) or path.stem
        raw = _raw_sheets(package)
    warnings: list[str] = []
    with plain_package(path) as file:
        text, blocks = assemble(_sheets(file, raw, warnings))
    return Content(text, blocks, _MEDIA_TYPE, title=title, explicit_title=True, warnings=tuple(warnings))


def _raw_sheets(package: Package) -> dict[str, _Raw]:
    relations = package.optional_xml("xl/_rels/workbook.xml.rels")
    targets = {e.get("Id"): e.get("Target", "") for e in relations} if relations is not None else {}
    found: dict[str, _Raw] = {}
    for sheet in package.xml("xl/workbook.xml").iter("{*}sheet"):
        target = targets.get(sheet.get(_RELATION), "")
        member = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
        if member in package.names:
            data = package.read(member)
            found[sheet.get("name", "")] = _Raw(
                _covered(data),
                sum(1 for _ in _NO_VALUE.finditer(data)),
                inline_texts(data, member),
                link_targets(data, _relations(package, member)),
                beside(package, member, data),
            )
    return found


def _relations(package: Package, member: str) -> dict[str, str]:
    folder, _, name = member.rpartition("/")
    root = package.optional_xml(f"{folder}/_rels/{name}.rels")
    return {e.get("Id", ""): e.get("Target", "") for e in root} if root is not None else {}


def _covered(data: bytes) -> dict[Place, Place]:
    covered: dict[Place, Place] = {}
    for start, end in _MERGED.findall(data):
        first, last = place(start.decode()), place(end.decode())
        if (last[0] - first[0] + 1) * (last[1] - first[1] + 1) + len(covered) > _MAX_COVERED:
            continue
        for row in range(first[0], last[0] + 1):
            for column in range(first[1], last[1] + 1):
                covered[row, column] = first
    return covered


def _sheets(file: IO[bytes], raw: dict[str, _Raw], warnings: list[str]) -> Iterator[Piece]:
    from openpyxl import load_workbook

    workbook = load_workbook(file, read_only=True, data_only=True, rich_text=True)
    try:
        crossed = struck_styles(workbook)
        running: set[str] = set()
        for sheet in workbook.worksheets:
            if sheet.sheet_state != "visible":
                warnings.append(f"the hidden sheet {sheet.title!r} was left out")
                continue
            known = raw.get(sheet.title, _Raw())
            if known.uncalculated:
                warnings.append(
                    f"the sheet {sheet.title!r} has {known.uncalculated} formulas without a value, read as empty;"
                    " open the file in a spreadsheet program and save it"
                )
            warnings += known.beside.warnings
            yield Piece("heading", one_line(sheet.title), 1)
            yield from (piece for piece in known.beside.above if piece.text not in running)
            running |= {piece.text for piece in known.beside.above}
            yield from sheet_pieces(_rows(sheet, known, crossed))
            yield from known.beside.below
        for chart in workbook.chartsheets:
            known = raw.get(chart.title, _Raw())
            yield Piece("heading", one_line(chart.title) if known.beside.below else "", 1)
            yield from known.beside.below
    finally:
        workbook.close()


def _rows(sheet: Any, raw: _Raw, crossed: frozenset[int]) -> Iterator[list[str]]:
    sheet.reset_dimensions()
    origins: dict[Place, str] = {}
    wanted = set(raw.covered.values())
    for number, row in enumerate(sheet.iter_rows()):
        if number >= _MAX_ROWS:
            raise DocumentError(f"sheet {sheet.title!r} has more than {_MAX_ROWS} rows; export it as documents.jsonl")
        cells = [_shown(cell, (number, at), raw, crossed) for at, cell in enumerate(row)]
        origins |= {(number, at): cells[at] for at in range(len(cells)) if (number, at) in wanted}
        yield _filled(cells, number, raw, origins) if raw.covered else cells


def _shown(cell: Any, at: Place, raw: _Raw, crossed: frozenset[int]) -> str:
    """Return a cell's text with its look and the address that it links to."""
    value = cell.value
    if value is None:
        return ""
    text = rich_text(value) if isinstance(value, list) else raw.texts.get(at)
    if text is None:
        text = shown(value, cell.number_format or "")
    if cell._style_id in crossed:
        text = struck(text)
    return with_address(text, raw.links[at]) if at in raw.links else text


def _filled(cells: list[str], number: int, raw: _Raw, origins: dict[Place, str]) -> list[str]:
    """Put the text of merged cells where they cover others, unless a row holds nothing else (a title)."""
    own = [at for at, cell in enumerate(cells) if cell]
    places = [at for at in range(len(cells)) if (number, at) in raw.covered]
    if len(own) == 1 and raw.covered.get((number, own[0])) == (number, own[0]) and len(places) == len(cells):
        return cells
    return [
        cell or (origins.get(raw.covered[number, at], "") if (number, at) in raw.covered else "")
        for at, cell in enumerate(cells)
    ]

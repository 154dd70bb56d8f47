"""Word, PowerPoint and Excel files."""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ingest.clean import one_line, table_text
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.unstructured_elements import docx_pieces, pptx_pieces
from rag.errors import DocumentError

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
_CURRENCY = re.compile(r"\[\$([^\]-]+)|([$€£¥])")
_DECIMALS = re.compile(r"\.(0+)")
_MAX_UNPACKED = 2 * 1024**3
_MAX_ROWS = 200_000


def partition_docx(path: Path) -> Content:
    """Partition a Word document; headings come from its styles."""
    _check_package(path)
    text, blocks = assemble(docx_pieces(path))
    return Content(text, blocks, _OFFICE + "wordprocessingml.document", title=_core_title(path))


def partition_pptx(path: Path) -> Content:
    """Partition a slide deck; slide titles are headings, speaker notes follow their slide."""
    _check_package(path)
    text, blocks = assemble(pptx_pieces(path))
    return Content(text, blocks, _OFFICE + "presentationml.presentation", title=_core_title(path))


def partition_xlsx(path: Path) -> Content:
    """Partition a workbook: a heading for each visible sheet, tables between its empty rows, values as shown."""
    _check_package(path)
    warnings: list[str] = []
    text, blocks = assemble(_sheets(path, warnings))
    return Content(
        text,
        blocks,
        _OFFICE + "spreadsheetml.sheet",
        title=_core_title(path) or path.stem,
        explicit_title=True,
        warnings=tuple(warnings),
    )


def _check_package(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(8) == _OLE_SIGNATURE:
            raise DocumentError(
                "it is encrypted or of the old binary format; save it without a password as .docx/.xlsx/.pptx"
            )
    try:
        with zipfile.ZipFile(path) as package:
            size = sum(member.file_size for member in package.infolist())
    except zipfile.BadZipFile as error:
        raise DocumentError(f"it is no {path.suffix} file: {one_line(str(error))}") from error
    if size > _MAX_UNPACKED:
        raise DocumentError(f"it unpacks to {size // 1024**2} MB; that looks like a zip bomb")


def _core_title(path: Path) -> str:
    from lxml import etree

    with zipfile.ZipFile(path) as package:
        try:
            core = package.read("docProps/core.xml")
        except KeyError:
            return ""
    try:
        tree = etree.fromstring(core, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return ""
    title = one_line(tree.findtext("{http://purl.org/dc/elements/1.1/}title") or "")
    return "" if title in {"Word Document", "PowerPoint Presentation"} else title


def _sheets(path: Path, warnings: list[str]) -> Iterator[Piece]:
    from openpyxl import load_workbook

    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        for sheet in workbook.worksheets:
            if sheet.sheet_state != "visible":
                warnings.append(f"the hidden sheet {sheet.title!r} was left out")
                continue
            yield Piece("heading", one_line(sheet.title), 1)
            yield from _tables(_rows(sheet))
    finally:
        workbook.close()


def _rows(sheet: Any) -> Iterator[list[str]]:
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows()):
        if number >= _MAX_ROWS:
            raise DocumentError(f"sheet {sheet.title!r} has more than {_MAX_ROWS} rows; export it as documents.jsonl")
        yield [_shown(cell.value, getattr(cell, "number_format", "") or "") for cell in row]


def _tables(rows: Iterator[list[str]]) -> Iterator[Piece]:
    table: list[Sequence[str]] = []
    for row in rows:
        if any(row):
            table.append(row)
        elif table:
            yield _table(table)
            table = []
    if table:
        yield _table(table)


def _table(rows: Sequence[Sequence[str]]) -> Piece:
    filled = [[cell for cell in row if cell] for row in rows]
    if all(len(row) == 1 for row in filled) and len(rows) == 1:
        return Piece("paragraph", filled[0][0])
    return Piece("table", table_text(rows))


def _shown(value: Any, number_format: str) -> str:
    """Return a cell's value close to how the sheet shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, int | float):
        return _number(value, number_format)
    return one_line(str(value))


def _number(value: float, number_format: str) -> str:
    decimals = _DECIMALS.search(number_format)
    places = len(decimals.group(1)) if decimals else None
    if "%" in number_format:
        return f"{value * 100:.{places or 0}f}%"
    if places is not None:
        number = f"{value:,.{places}f}" if "," in number_format else f"{value:.{places}f}"
    else:
        number = f"{value:,.0f}" if "," in number_format else f"{value:.12g}"
    currency = _CURRENCY.search(number_format)
    return f"{currency.group(1) or currency.group(2)}{number}" if currency else number

"""PowerPoint decks: a heading for each slide, its points in reading order, its tables and charts, then its notes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.partition.clean import one_line, table_text
from ingest.partition.docx import core_title
from ingest.partition.grids import Cell, Item, list_pieces, table_piece
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.packages import open_package, plain_package
from ingest.partition.pptx_looks import diagrams, make_plain, open_deck, unread
from ingest.partition.pptx_parts import comments, running
from ingest.partition.unstructured_elements import slide_elements

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_DESCRIPTION = ".//{http://schemas.openxmlformats.org/presentationml/2006/main}cNvPr"
# What PowerPoint writes by itself when a picture was given no description.
_FILE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".emf", ".wmf", ".bmp", ".tiff")


def partition_pptx(path: Path) -> Content:
    """Partition a slide deck; hidden slides are part of it."""
    with open_package(path) as package:
        title = core_title(package)
    warnings: list[str] = []
    text, blocks = assemble(_slides(path, warnings))
    return Content(text, blocks, _MEDIA_TYPE, title=title, warnings=tuple(warnings))


def _slides(path: Path, warnings: list[str]) -> Iterator[Piece]:
    deck = open_deck(path)
    changed = make_plain(deck)
    file = io.BytesIO()
    if changed or path.suffix.lower() != ".pptx":
        deck.save(file)
    else:
        with plain_package(path) as plain:
            file = io.BytesIO(plain.read())
    file.seek(0)
    by_slide = slide_elements(file)
    is_titled = False
    seen: set[str] = set()
    for number, slide in enumerate(deck.slides, start=1):
        title = _title(slide)
        # Without a heading of its own a slide would stand under that of the slide before.
        yield Piece("heading", title or (f"Slide {number}" if is_titled else ""), 1, number)
        is_titled = is_titled or bool(title)
        told = [text for text in running(slide) if text not in seen]
        seen.update(told)
        yield from (Piece("paragraph", text, 0, number) for text in told)
        yield from _slide(slide, title, number, by_slide.get(number, []))
        yield from (Piece("paragraph", text, 0, number) for text in comments(slide))
        warnings += unread(slide, number)


def _title(slide: Any) -> str:
    shape = slide.shapes.title
    return one_line(shape.text_frame.text) if shape is not None else ""


def _slide(slide: Any, title: str, number: int, elements: list[Any]) -> Iterator[Piece]:
    shapes = list(_flattened(slide.shapes))
    tables = [shape.table for shape in _in_reading_order(shapes) if getattr(shape, "has_table", False)]
    yield from _points(elements, title, tables, number)
    for shape in _in_reading_order(shapes):
        yield from _chart(shape, number)
        description = _description(shape)
        if description:
            yield Piece("paragraph", f"[image: {description}]", 0, number)
    yield from diagrams(slide, number)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        for line in slide.notes_slide.notes_text_frame.text.splitlines():
            yield Piece("paragraph", one_line(line), 0, number)


def _points(elements: list[Any], title: str, tables: list[Any], number: int) -> Iterator[Piece]:
    """Yield the texts of a slide as a nested list, its tables in their places."""
    items: list[Item] = []
    waiting = iter(tables)
    for element in elements:
        if element.category != "Table":
            # unstructured calls every short line of a slide a title, every sentence a paragraph: all are points.
            if one_line(element.text) != title:
                items.append(Item(max(0, (element.metadata.category_depth or 0) - 1), "-", element.text))
            continue
        yield from list_pieces(items, number)
        items = []
        table = next(waiting, None)
        if table is not None:
            yield _table(table, number)
    yield from list_pieces(items, number)
    yield from (_table(table, number) for table in waiting)


def _table(table: Any, number: int) -> Piece:
    rows = []
    for row in table.rows:
        cells = [cell for cell in row.cells if not cell.is_spanned]
        rows.append([Cell(cell.text, *_spans(cell)) for cell in cells])
    return table_piece(rows, number)


def _spans(cell: Any) -> tuple[int, int]:
    return (cell.span_width, cell.span_height) if cell.is_merge_origin else (1, 1)


def _chart(shape: Any, number: int) -> Iterator[Piece]:
    """Yield a chart's title and its data as a table: the categories and a column for every series."""
    if not getattr(shape, "has_chart", False):
        return
    chart = shape.chart
    if chart.has_title and chart.chart_title.has_text_frame:
        yield Piece("paragraph", one_line(chart.chart_title.text_frame.text), 0, number)
    for plot in chart.plots:
        categories = [str(category) for category in plot.categories]
        series = [(one_line(str(each.name)), list(each.values)) for each in plot.series]
        rows = [["", *(name for name, _ in series)]]
        for at, category in enumerate(categories):
            rows.append([category, *(_value(values, at) for _, values in series)])
        yield Piece("table", table_text(rows), 0, number, head=int(any(rows[0])))


def _value(values: list[Any], at: int) -> str:
    return f"{values[at]:.12g}" if at < len(values) and isinstance(values[at], int | float) else ""


def _description(shape: Any) -> str:
    if not hasattr(shape, "image"):
        return ""
    properties = shape._element.find(_DESCRIPTION)
    text = one_line(properties.get("descr") or "") if properties is not None else ""
    return "" if text.lower().endswith(_FILE_ENDINGS) else text


def _flattened(shapes: Any) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _flattened(shape.shapes)
        else:
            yield shape


def _in_reading_order(shapes: list[Any]) -> list[Any]:
    return sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0))

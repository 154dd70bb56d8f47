"""OpenDocument texts, from their XML: headings, nested lists, tables, notes, comments; tracked deletions stay out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.docx_parts import running_text
from ingest.partition.formulas import mathml_text
from ingest.partition.grids import Cell, Item, cell_text, list_pieces, table_piece
from ingest.partition.layout import Content, Piece, assemble, flat_metadata, joined_code
from ingest.partition.line import PLAIN, Line, Look
from ingest.partition.links import address_behind
from ingest.partition.odt_numbers import Numbers
from ingest.partition.odt_styles import TextStyles
from ingest.partition.packages import Package, open_package
from ingest.partition.raised import note_mark, note_text
from ingest.partition.ruby import reading
from ingest.partition.symbols import symbol_text
from rag.errors import DocumentError
from rag.types import Metadata

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_OFFICE, _TEXT, _TABLE, _STYLE = (f"{{{_NS}{name}:1.0}}" for name in ("office", "text", "table", "style"))
_DC = "{http://purl.org/dc/elements/1.1/}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_MEDIA_TYPE = "application/vnd.oasis.opendocument.text"
# The deleted text of tracked changes, lists of contents (they repeat the headings), and declarations.
_SKIPPED = frozenset(
    """tracked-changes table-of-content illustration-index table-index object-index alphabetical-index sequence-decls
    variable-decls user-field-decls forms binary-data note-citation event-listeners scripts""".split()
)
_RUNNING = ("header", "header-first", "header-left", "footer", "footer-first", "footer-left")
_CODE_STYLES = ("preformatted", "code", "listing", "source")
_MAX_REPEATS = 1000


def partition_odt(path: Path) -> Content:
    """Partition an OpenDocument text; tracked insertions count, tracked deletions do not."""
    with open_package(path) as package:
        _check_password(package)
        root = package.xml("content.xml")
        body = root.find(f"{_OFFICE}body/{_OFFICE}text")
        if body is None:
            raise DocumentError("it is no text document (a sheet or slides?); save it as .odt, .xlsx or .pptx")
        styles = package.optional_xml("styles.xml")
        reader = _Reader(package, root, styles)
        pieces = list(joined_code(reader.pieces(body)))
        text, blocks = assemble([*reader.running(styles, pieces), *pieces])
        title, metadata = _properties(package)
        return Content(text, blocks, _MEDIA_TYPE, title=title, metadata=metadata, warnings=tuple(reader.warnings))


def _check_password(package: Package) -> None:
    manifest = package.optional_xml("META-INF/manifest.xml")
    if manifest is not None and any("encryption-data" in str(element.tag) for element in manifest.iter()):
        raise DocumentError("it is protected by a password; save it without one")


def _properties(package: Package) -> tuple[str, Metadata]:
    meta = package.optional_xml("meta.xml")
    if meta is None:
        return "", {}

    def of(name: str) -> str:
        return one_line(meta.findtext(f".//{_DC}{name}") or "")

    return of("title"), flat_metadata({"author": of("creator"), "language": of("language"), "date": of("date")})


class _Reader:
    def __init__(self, package: Package, *roots: Any | None) -> None:
        self.warnings: list[str] = []
        self._package = package
        self._numbers = Numbers()
        self._last: dict[str, int] = {}
        self._readings: list[str] = []
        self._styles = TextStyles()
        self._noted = 0
        self._notes: list[Piece] = []
        for root in roots:
            if root is not None:
                self._read_styles(root)

    def _read_styles(self, root: Any) -> None:
        self._styles.read(root)
        self._numbers.read(root)

    def running(self, styles: Any | None, pieces: list[Piece]) -> Iterator[Piece]:
        """Yield the headers and footers of the pages once each, unless the text says the same."""
        texts = {one_line(piece.text) for piece in pieces}
        for element in styles.iter(*(_STYLE + name for name in _RUNNING)) if styles is not None else ():
            words = running_text(piece.text for piece in self.pieces(element))
            if words and words not in texts:
                texts.add(words)
                yield Piece("paragraph", f"[{_local(element).partition('-')[0]}: {words}]")

    def pieces(self, parent: Any) -> Iterator[Piece]:
        """Yield the pieces below an element in order, each followed by its notes."""
        for element in parent:
            yield from self._element(element)
            notes, self._notes = self._notes, []
            yield from notes

    def _element(self, element: Any) -> Iterator[Piece]:
        name = _local(element)
        if not name or name in _SKIPPED:
            return
        if name == "h":
            yield self._heading(element)
        elif name == "p":
            yield from self._paragraph(element)
        elif name == "list":
            yield from list_pieces(self._items(element, 0, element.get(f"{_TEXT}style-name", "")))
        elif name == "table":
            head = sum(_in_head(row) for row in _rows(element))
            yield table_piece([self._cells(row) for row in _rows(element)], head=head or None)
        else:
            yield from self.pieces(element)

    def _heading(self, element: Any) -> Piece:
        depth = _integer(element, "outline-level")
        restart = _integer(element, "start-value") if element.get(f"{_TEXT}restart-numbering") == "true" else None
        words = one_line(self._words(element))
        is_header = element.get(f"{_TEXT}is-list-header") == "true"
        number = self._numbers.of_heading(depth - 1, restart) if words and not is_header else ""
        return Piece("heading", f"{number} {words}".strip(), min(6, depth))

    def _paragraph(self, element: Any) -> Iterator[Piece]:
        words = self._words(element)
        if self._is_code(element.get(f"{_TEXT}style-name", "")):
            yield Piece("code", words)
        else:
            yield Piece("paragraph", one_line(words))

    def _is_code(self, style: str) -> bool:
        for _ in range(20):
            if style.lower().startswith(_CODE_STYLES):
                return True
            style = self._styles.parents.get(style, "")
        return False

    def _words(self, element: Any) -> str:
        """Return the text of a paragraph; notes and comments in it are kept for after it."""
        line = Line()
        self._collect(element, line, PLAIN, "")
        return line.text()

    def _collect(self, element: Any, line: Line, look: Look, font: str) -> None:
        style = element.get(f"{_TEXT}style-name", "")
        look, font = self._styles.look(style, look), self._styles.font(style, font)
        line.add(symbol_text(font, element.text or ""), look)
        for child in element:
            self._inline(child, line, look, font)
            line.add(symbol_text(font, child.tail or ""), look)

    def _inline(self, child: Any, line: Line, look: Look, font: str) -> None:
        name = _local(child)
        if name in {"", *_SKIPPED}:
            return
        if name in {"s", "tab", "line-break"}:
            blank = {"s": " " * min(_integer(child, "c"), _MAX_REPEATS), "tab": "\t", "line-break": "\n"}[name]
            line.add(blank, look)
        elif name == "note":
            line.add(self._note(child))
        elif name == "annotation":
            self._comment(child)
        elif name == "ruby":
            self._ruby(child, line, look, font)
        elif name in {"title", "desc"}:
            line.add(f" [image: {one_line(child.text or '')}] " if child.tag.startswith(_SVG) else "")
        elif name == "object":
            line.add(self._object(child))
        else:
            self._collect(child, line, look, font)
            line.add(" " if name in {"p", "h"} else "")
            if name == "a":
                line.add(address_behind("".join(child.itertext()), child.get(_XLINK) or ""), look)

    def _ruby(self, element: Any, line: Line, look: Look, font: str) -> None:
        """Write annotated text, and behind the last of a row of it the readings of all."""
        for part in element:
            if _local(part) == "ruby-base":
                self._collect(part, line, look, font)
            elif _local(part) == "ruby-text":
                self._readings.append("".join(part.itertext()))
        following = element.getnext()
        if one_line(element.tail or "") or following is None or _local(following) != "ruby":
            line.add(reading(line.tail(), self._readings))
            self._readings = []

    def _object(self, element: Any) -> str:
        """Return an embedded formula as text; another kind of object is named in a warning."""
        inner = next((child for child in element if _local(child) == "math"), None)
        folder = posixpath.normpath(element.get(_XLINK) or "")
        if inner is None and f"{folder}/content.xml" in self._package.names:
            inner = self._package.xml(f"{folder}/content.xml")
        if inner is not None and _local(inner) == "math":
            return mathml_text(inner)
        self.warnings.append(f"the embedded object {folder!r} was not read")
        return ""

    def _note(self, note: Any) -> str:
        body = note.find(f"{_TEXT}note-body")
        self._noted += 1
        label = str(self._noted)
        if body is not None:
            self._notes.append(Piece("paragraph", one_line(note_text(label, self._words(body)))))
        return note_mark(label)

    def _comment(self, annotation: Any) -> str:
        author = one_line(annotation.findtext(f"{_DC}creator") or "")
        words = one_line(" ".join(self._words(p) for p in annotation.iter(f"{_TEXT}p")))
        self._notes.append(Piece("paragraph", f"[comment{' by ' + author if author else ''}: {words}]"))
        return ""

    def _items(self, element: Any, depth: int, style: str, above: Mapping[int, int] | None = None) -> Iterator[Item]:
        level = self._numbers.level(style, depth)
        goes_on = element.get(f"{_TEXT}continue-numbering") == "true" or element.get(f"{_TEXT}continue-list")
        counts = dict(above or {})
        number = self._last.get(style, level.start - 1) + 1 if goes_on and not depth else level.start
        for item in element:
            if _local(item) not in {"list-item", "list-header"}:
                continue
            number = _integer(item, "start-value", number)
            marker = "-"
            if level.form:
                counts[depth] = number
                marker = self._numbers.of_list(style, depth, counts) if _local(item) == "list-item" else ""
                number += _local(item) == "list-item"
            for part in item:
                if _local(part) == "list":
                    yield from self._items(part, depth + 1, part.get(f"{_TEXT}style-name") or style, counts)
                elif _local(part) in {"p", "h"}:
                    words = one_line(self._words(part))
                    if words:
                        yield Item(depth, marker, words)
                        marker = ""
                else:
                    yield Item(depth, marker, " ".join(one_line(piece.text) for piece in self._element(part)))
                    marker = ""
        if not depth:
            self._last[style] = number - 1

    def _cells(self, row: Any) -> list[Cell]:
        cells: list[Cell] = []
        for cell in row:
            name = _local(cell)
            if name not in {"table-cell", "covered-table-cell"}:
                continue
            # Covered cells are those that a merged one spans: its text is put there again.
            if name == "covered-table-cell":
                continue
            text = cell_text(piece for part in cell for piece in self._element(part))
            repeats = min(_integer(cell, "number-columns-repeated", table=True), _MAX_REPEATS)
            columns = _integer(cell, "number-columns-spanned", table=True)
            rows = _integer(cell, "number-rows-spanned", table=True)
            cells += [Cell(text, columns, rows)] * (repeats if text else min(repeats, 50))
        return cells


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        name = _local(child)
        if name == "table-row":
            yield child
        elif name in {"table-header-rows", "table-rows", "table-row-group"}:
            yield from _rows(child)


def _in_head(row: Any) -> bool:
    return any(_local(above) == "table-header-rows" for above in row.iterancestors(f"{_TABLE}table-header-rows"))


def _integer(element: Any, name: str, default: int = 1, *, table: bool = False) -> int:
    value = element.get((_TABLE if table else _TEXT) + name, "")
    return max(1, int(value)) if value.isdecimal() and len(value) < 10 else default


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""

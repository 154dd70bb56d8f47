"""Word documents, from their XML: tracked changes, notes, comments and text boxes are text too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.clean import one_line
from ingest.partition.docx_styles import ParagraphStyle, Styles
from ingest.partition.grids import Cell, Item, list_pieces, table_piece
from ingest.partition.layout import Content, Piece, assemble, joined_code
from ingest.partition.packages import Package, open_package
from rag.errors import DocumentError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_CORE_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_DEFAULT_TITLES = {"Word Document", "PowerPoint Presentation"}
# Deleted text, field codes, the fallback of a drawing that is read already, and the marks of ranges.
_SKIPPED = frozenset({"del", "moveFrom", "delText", "delInstrText", "instrText", "Fallback", "rPr", "pPr", "sdtPr"})
_NOTE_PARTS = {
    "footnoteReference": ("word/footnotes.xml", "footnote"),
    "endnoteReference": ("word/endnotes.xml", "endnote"),
    "commentReference": ("word/comments.xml", "comment"),
}
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}


def partition_docx(path: Path) -> Content:
    """Partition a Word document; headings come from its styles, tracked changes count as accepted."""
    with open_package(path) as package:
        root = package.xml("word/document.xml")
        if root.tag.startswith(f"{{{_STRICT}}}"):
            raise DocumentError("it is a Strict Open XML document; save it as an ordinary .docx")
        body = root.find(f"{_W}body")
        if body is None:
            raise DocumentError("it has no body; the file is damaged")
        text, blocks = assemble(joined_code(_Reader(package).pieces(body)))
        return Content(text, blocks, _MEDIA_TYPE, title=core_title(package))


def core_title(package: Package) -> str:
    """Return the title among an Office file's properties, or ''."""
    try:
        core = package.optional_xml("docProps/core.xml")
    except DocumentError:
        return ""
    title = one_line(core.findtext(_CORE_TITLE) or "") if core is not None else ""
    return "" if title in _DEFAULT_TITLES else title


@dataclass(slots=True)
class _Paragraph:
    """The text of a paragraph with what hangs on it: notes by number, comments, text boxes."""

    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)


class _Reader:
    def __init__(self, package: Package) -> None:
        self._package = package
        self._styles = Styles.of(package.optional_xml("word/styles.xml"), package.optional_xml("word/numbering.xml"))
        self._stories: dict[str, Mapping[str, Any]] = {}
        self._noted = 0
        self._items: list[Item] = []

    def pieces(self, body: Any) -> Iterator[Piece]:
        """Yield the pieces of a body, a cell or a text box in order."""
        # A note is read in the middle of a list: the list's items wait until it is done.
        outer, self._items = self._items, []
        for element in _blocks(body):
            if element.tag == f"{_W}p":
                yield from self._paragraph(element)
            else:
                yield from self._flush()
                yield from self._table(element)
        yield from self._flush()
        self._items = outer

    def _flush(self) -> Iterator[Piece]:
        items, self._items = self._items, []
        yield from list_pieces(items)

    def _paragraph(self, element: Any) -> Iterator[Piece]:
        found = _Paragraph()
        self._collect(element, found)
        text = "".join(found.words)
        style = self._styles.of_paragraph(element)
        if style.number and not style.level and one_line(text):
            self._items.append(Item(style.depth, style.number, text))
        elif one_line(text) or style.is_code:
            yield from self._flush()
            yield _plain_piece(text, style)
        if found.notes or found.boxes:
            yield from self._flush()
            yield from (Piece("paragraph", note) for note in found.notes)
            for box in found.boxes:
                yield from self.pieces(box)

    def _collect(self, element: Any, found: _Paragraph) -> None:
        for child in element:
            name = _local(child)
            if name in _SKIPPED:
                continue
            if name == "t":
                found.words.append(child.text or "")
            elif name in _MARKS:
                found.words.append(_MARKS[name])
            elif name == "txbxContent":
                found.boxes.append(child)
            elif name in _NOTE_PARTS:
                self._note(child, found)
            elif name == "docPr":
                description = one_line(child.get("descr") or "")
                found.words.append(f" [image: {description}] " if description else "")
            else:
                self._collect(child, found)

    def _note(self, reference: Any, found: _Paragraph) -> None:
        part, tag = _NOTE_PARTS[_local(reference)]
        if part not in self._stories:
            self._stories[part] = _by_id(self._package.optional_xml(part), tag)
        # Taken out, so that a note that refers to itself ends.
        story = dict(self._stories[part])
        note = story.pop(reference.get(f"{_W}id"), None)
        self._stories[part] = story
        if note is None:
            return
        text = one_line(" ".join(piece.text for piece in _Reader.pieces(self, note)))
        if tag == "comment":
            author = one_line(note.get(f"{_W}author") or "")
            found.notes.append(f"[comment{' by ' + author if author else ''}: {text}]")
            return
        self._noted += 1
        found.words.append(f"[{self._noted}]")
        found.notes.append(f"[{self._noted}] {text}")

    def _table(self, table: Any) -> Iterator[Piece]:
        rows: list[list[Cell]] = []
        above: dict[int, str] = {}
        notes: list[Piece] = []
        head = 0
        for row in _descend(table, "tr"):
            cells: list[Cell] = []
            column = _number(row.find(f"{_W}trPr/{_W}gridBefore"))
            cells += [Cell("")] * column
            for cell in _descend(row, "tc"):
                width = _number(cell.find(f"{_W}tcPr/{_W}gridSpan")) or 1
                merged = cell.find(f"{_W}tcPr/{_W}vMerge")
                if merged is not None and merged.get(f"{_W}val", "continue") == "continue":
                    text = above.get(column, "")
                else:
                    text, more = self._cell(cell)
                    notes += more
                above[column] = text
                cells.append(Cell(text, width))
                column += width
            if row.find(f"{_W}trPr/{_W}del") is None:
                head += head == len(rows) and _repeats(row)
                rows.append(cells)
        yield table_piece(rows, head=head or None)
        yield from notes

    def _cell(self, cell: Any) -> tuple[str, list[Piece]]:
        """Return a cell's text, and its notes, which stand below the table."""
        pieces = list(_Reader.pieces(self, cell))
        notes = [piece for piece in pieces if re.match(r"\[(?:\d+\] |comment\b)", piece.text)]
        return one_line(" ".join(piece.text for piece in pieces if piece not in notes)), notes


def _repeats(row: Any) -> bool:
    """Say whether a row is marked as the head that every page repeats."""
    mark = row.find(f"{_W}trPr/{_W}tblHeader")
    return mark is not None and mark.get(f"{_W}val", "true") not in {"0", "false", "off"}


def _plain_piece(text: str, style: ParagraphStyle) -> Piece:
    if style.level:
        number = f"{style.number} " if style.number not in {"", "-"} else ""
        return Piece("heading", one_line(number + text), style.level)
    return Piece("code", text) if style.is_code else Piece("paragraph", one_line(text))


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield paragraphs and tables, also those wrapped in content controls, insertions and custom XML."""
    for child in parent:
        if child.tag in {f"{_W}p", f"{_W}tbl"}:
            yield child
        elif _local(child) not in _SKIPPED:
            yield from _blocks(child)


def _descend(parent: Any, name: str) -> Iterator[Any]:
    """Yield rows of a table or cells of a row, also those in content controls, not those of tables inside."""
    for child in parent:
        if child.tag == _W + name:
            yield child
        elif _local(child) in {"sdt", "sdtContent", "ins", "customXml", "smartTag"}:
            yield from _descend(child, name)


def _by_id(part: Any | None, tag: str) -> dict[str, Any]:
    return {} if part is None else {note.get(f"{_W}id"): note for note in part.iter(_W + tag)}


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _number(element: Any | None) -> int:
    value = element.get(f"{_W}val", "") if element is not None else ""
    return min(int(value), 1000) if value.isdecimal() else 0

"""Word documents, from their XML: tracked changes, notes, comments and text boxes are text too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.docx_parts import DOCUMENT, Parts, running_text
from ingest.partition.docx_runs import RunStyles
from ingest.partition.docx_styles import ParagraphStyle, Styles
from ingest.partition.formulas import omml_text
from ingest.partition.grids import Cell, Item, cell_text, list_pieces, table_piece
from ingest.partition.layout import Content, Piece, assemble, joined_code
from ingest.partition.line import PLAIN, Line, Look
from ingest.partition.links import address_behind
from ingest.partition.packages import Package, open_package
from ingest.partition.raised import note_mark, note_text
from ingest.partition.ruby import reading
from ingest.partition.symbols import box, symbol, symbol_text
from rag.errors import DocumentError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_CORE_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_DEFAULT_TITLES = {"Word Document", "PowerPoint Presentation"}
# Deleted text, field codes, the fallback of a drawing that is read already, and the marks of ranges.
_SKIPPED = frozenset({"del", "moveFrom", "delText", "delInstrText", "Fallback", "rPr", "pPr", "sdtPr"})
_NOTE_PARTS = {
    "footnoteReference": ("word/footnotes.xml", "footnote"),
    "endnoteReference": ("word/endnotes.xml", "endnote"),
    "commentReference": ("word/comments.xml", "comment"),
}
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_NOTE = re.compile(r"\[(?:\^\d+\]: |(?:comment|diagram)\b)")
_LINK_FIELD = re.compile(r'\s*HYPERLINK\s+"([^"]+)"', re.IGNORECASE)
_OFF = frozenset({"0", "false", "off"})


def partition_docx(path: Path) -> Content:
    """Partition a Word document; headings come from its styles, tracked changes count as accepted."""
    with open_package(path) as package:
        root = package.xml("word/document.xml")
        if root.tag.startswith(f"{{{_STRICT}}}"):
            raise DocumentError("it is a Strict Open XML document; save it as an ordinary .docx")
        body = root.find(f"{_W}body")
        if body is None:
            raise DocumentError("it has no body; the file is damaged")
        reader = _Reader(package)
        pieces = list(joined_code(reader.pieces(body)))
        text, blocks = assemble([*reader.running(pieces), *pieces])
        return Content(text, blocks, _MEDIA_TYPE, title=core_title(package), warnings=reader.warnings())


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
    """The text of a paragraph with what hangs on it: notes by number, comments, text boxes, open fields."""

    line: Line = field(default_factory=Line)
    notes: list[str] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    readings: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, package: Package) -> None:
        styles = package.optional_xml("word/styles.xml")
        self._package = package
        self._parts = Parts(package)
        self._part = DOCUMENT
        self._styles = Styles.of(styles, package.optional_xml("word/numbering.xml"))
        self._runs = RunStyles.of(styles)
        self._stories: dict[str, Mapping[str, Any]] = {}
        self._noted = 0
        self._items: list[Item] = []
        self._unknown: set[str] = set()

    def running(self, pieces: list[Piece]) -> Iterator[Piece]:
        """Yield the headers and footers of the pages once each, unless the text says the same."""
        texts = {one_line(piece.text) for piece in pieces}
        for kind, part, root in self._parts.running():
            self._part = part
            words = running_text(piece.text for piece in self.pieces(root))
            if words and words not in texts:
                texts.add(words)
                yield Piece("paragraph", f"[{kind}: {words}]")

    def warnings(self) -> tuple[str, ...]:
        """Return what of the file holds text and was not read."""
        fonts = (f"signs of the font {font!r} are not known and were left out" for font in sorted(self._unknown))
        return (*self._parts.unread(), *fonts)

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
        self._collect(element, found, PLAIN)
        text = found.line.text()
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

    def _collect(self, element: Any, found: _Paragraph, look: Look) -> None:
        for child in element:
            name = _local(child)
            handler = _INLINE.get(name)
            if name in _SKIPPED:
                continue
            if name == "t":
                found.line.add(child.text or "", look)
            elif name in _MARKS:
                found.line.add(_MARKS[name])
            elif name == "r" and child.tag == f"{_W}r":
                self._run(child, found)
            elif handler is not None:
                handler(self, child, found)
            else:
                self._collect(child, found, look)

    def _run(self, run: Any, found: _Paragraph) -> None:
        look, font = self._runs.look(run), self._runs.font(run)
        for child in run:
            if child.tag == f"{_W}t":
                found.line.add(symbol_text(font, child.text or ""), look)
            elif child.tag == f"{_W}sym":
                self._symbol(child, found, look)
            else:
                self._collect((child,), found, look)

    def _symbol(self, element: Any, found: _Paragraph, look: Look) -> None:
        font, code = element.get(f"{_W}font") or "", element.get(f"{_W}char") or ""
        sign = symbol(font, int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{1,6}", code) else ""
        found.line.add(sign, look)
        if not sign:
            self._unknown.add(font)

    def _formula(self, element: Any, found: _Paragraph) -> None:
        found.line.add(omml_text(element))

    def _ruby(self, element: Any, found: _Paragraph) -> None:
        """Write annotated text, and behind the last of a row of it the readings of all."""
        for base in element.iterchildren(f"{_W}rubyBase"):
            self._collect(base, found, PLAIN)
        found.readings += [
            "".join(text.text or "" for text in rt.iter(f"{_W}t")) for rt in element.iterchildren(f"{_W}rt")
        ]
        following = element.getparent().getnext()
        if following is None or following.find(f"{_W}ruby") is None:
            found.line.add(reading(found.line.tail(), found.readings))
            found.readings = []

    def _box(self, element: Any, found: _Paragraph) -> None:
        found.boxes.append(element)

    def _picture(self, element: Any, found: _Paragraph) -> None:
        description = one_line(element.get("descr") or "")
        found.line.add(f" [image: {description}] " if description else "")

    def _diagram(self, element: Any, found: _Paragraph) -> None:
        words = self._parts.diagram(self._part, element)
        if words:
            found.notes.append(f"[diagram: {words}]")

    def _link(self, element: Any, found: _Paragraph) -> None:
        self._collect(element, found, PLAIN)
        words = "".join(text.text or "" for text in element.iter(f"{_W}t"))
        found.line.add(address_behind(words, self._parts.target(self._part, element)))

    def _simple_field(self, element: Any, found: _Paragraph) -> None:
        self._collect(element, found, PLAIN)
        found.line.add(_field_address(element.get(f"{_W}instr") or "", found))

    def _field_code(self, element: Any, found: _Paragraph) -> None:
        if found.fields:
            found.fields[-1] += element.text or ""

    def _field(self, element: Any, found: _Paragraph) -> None:
        """Follow a field from its begin to its end; the words of a link stand between."""
        kind = element.get(f"{_W}fldCharType")
        if kind == "begin":
            found.fields.append("")
            check = element.find(f"{_W}ffData/{_W}checkBox")
            if check is not None:
                found.line.add(box(_is_checked(check)))
        elif kind == "end" and found.fields:
            found.line.add(_field_address(found.fields.pop(), found))

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
        outer, self._part = self._part, part
        text = one_line(" ".join(piece.text for piece in _Reader.pieces(self, note)))
        self._part = outer
        if tag == "comment":
            author = one_line(note.get(f"{_W}author") or "")
            found.notes.append(f"[comment{' by ' + author if author else ''}: {text}]")
            return
        self._noted += 1
        found.line.add(note_mark(str(self._noted)))
        found.notes.append(note_text(str(self._noted), text))

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
        notes = [piece for piece in pieces if _NOTE.match(piece.text)]
        return cell_text(piece for piece in pieces if piece not in notes), notes


_INLINE: dict[str, Callable[[_Reader, Any, _Paragraph], None]] = {
    **dict.fromkeys(("oMath", "oMathPara"), _Reader._formula),
    **dict.fromkeys(_NOTE_PARTS, _Reader._note),
    "ruby": _Reader._ruby,
    "txbxContent": _Reader._box,
    "docPr": _Reader._picture,
    "relIds": _Reader._diagram,
    "hyperlink": _Reader._link,
    "fldSimple": _Reader._simple_field,
    "instrText": _Reader._field_code,
    "fldChar": _Reader._field,
}


def _field_address(code: str, found: _Paragraph) -> str:
    match = _LINK_FIELD.match(code)
    return address_behind(found.line.tail(), match.group(1)) if match else ""


def _is_checked(check: Any) -> bool:
    """Say whether the check box of an old form is ticked; without a state of its own it has its default."""
    mark = check.find(f"{_W}checked")
    if mark is None:
        return (check.find(f"{_W}default") is not None) and _value(check.find(f"{_W}default")) not in _OFF
    return mark.get(f"{_W}val", "true") not in _OFF


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


def _value(element: Any | None) -> str:
    return element.get(f"{_W}val", "") if element is not None else ""


def _number(element: Any | None) -> int:
    value = element.get(f"{_W}val", "") if element is not None else ""
    return min(int(value), 1000) if value.isdecimal() else 0

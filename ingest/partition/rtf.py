"""Rich Text Format: paragraphs, headings, tables, lists, notes, links; the control words stay out.

Follows the Rich Text Format Specification 1.9.1 as far as text needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.partition.clean import one_line
from ingest.partition.docx_parts import running_text
from ingest.partition.grids import Cell, Item, list_pieces, table_piece
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.line import Height, Line, Look
from ingest.partition.links import address_behind
from ingest.partition.raised import note_mark, note_text
from ingest.partition.rtf_codes import CHARSETS, SIGNS, SKIPPED, code_page
from ingest.partition.symbols import symbol_text
from rag.errors import DocumentError

SIGNATURE = b"{\\rtf"
_MEDIA_TYPE = "application/rtf"
_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])"
    r"|(?P<brace>[{}])|[\r\n]+|(?P<text>[^\\{}\r\n]+)|\\"
)
_HEADING = re.compile(r"\s*(?:heading|überschrift|titre)\s+(\d)", re.IGNORECASE)
_LINK = re.compile(r'\s*HYPERLINK\s+"([^"]+)"', re.IGNORECASE)
_STORIES = {
    **dict.fromkeys(("header", "headerl", "headerr", "headerf"), "header"),
    **dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "footer"),
    **dict.fromkeys(("footnote", "annotation", "shptxt"), ""),
}
_MAX_GROUPS = 2000


@dataclass(frozen=True, slots=True)
class _State:
    """What holds until its group ends; `into` names a part that is needed but is no text of the page, as a title."""

    look: Look = Look()
    page: str = "cp1252"
    font: str = ""
    hidden: bool = False
    skipped: bool = False
    fallback: int = 1
    into: str = ""
    opens: str = ""  # what the group itself is, told when it ends


@dataclass(slots=True)
class _Story:
    """A run of paragraphs: the text itself, a header, a note, a text box."""

    kind: str = ""
    pieces: list[Piece] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    merge: str = ""
    line: Line = field(default_factory=Line)
    cell: list[str] = field(default_factory=list)
    after: list[Piece] = field(default_factory=list)
    marker: str = ""
    level: int = 0
    in_table: bool = False

    def end_paragraph(self) -> None:
        """Write the line as what it is: a part of a cell, an item, a heading, a paragraph."""
        text = one_line(self.line.text())
        self.line.clear()
        if self.in_table:
            self.cell.append(text)
            return
        self.end_table()
        if self.marker and text and not self.level:
            marker = one_line(self.marker)
            self.items.append(Item(0, marker if any(map(str.isalnum, marker)) else "-", text))
        elif text:
            self.end_list()
            number = f"{one_line(self.marker)} " if self.marker else ""
            self.pieces.append(Piece("heading" if self.level else "paragraph", number + text, self.level))
        self.marker = ""
        if self.after:
            self.end_list()
            self.pieces += self.after
            self.after = []

    def end_cell(self) -> None:
        self.in_table = True
        self.end_paragraph()
        self.cells.append(one_line(" ".join(self.cell)))
        self.cell = []

    def end_row(self) -> None:
        """Close a row; a merged cell has the text of the one that it goes on with."""
        row: list[Cell] = []
        for at, text in enumerate(self.cells):
            merge = self.merged[at] if at < len(self.merged) else ""
            if merge == "left" and row:
                text = row[-1].text
            elif merge == "above" and self.rows and at < len(self.rows[-1]):
                text = self.rows[-1][at].text
            row.append(Cell(text))
        self.rows += [row] if row else []
        self.cells, self.cell = [], []

    def end_table(self) -> None:
        if self.cells or self.cell:
            self.cells += [one_line(" ".join(self.cell))] if any(self.cell) else []
            self.end_row()
        if self.rows:
            self.end_list()
            self.pieces.append(table_piece(self.rows))
            self.rows = []
            self.pieces += self.after
            self.after = []

    def end_list(self) -> None:
        self.pieces += list_pieces(self.items)
        self.items = []

    def end(self) -> list[Piece]:
        """Close what is open, and return all pieces."""
        self.in_table = self.in_table and bool(self.cells or self.rows)
        self.end_paragraph()
        self.end_table()
        self.end_list()
        return [*self.pieces, *self.after]


def partition_rtf(path: Path) -> Content:
    """Partition a Rich Text document, whatever its name ends in.

    Raises:
        DocumentError: it has no RTF signature.
    """
    data = path.read_bytes()
    if not data.lstrip().startswith(SIGNATURE):
        raise DocumentError("it is no RTF: it does not begin with {\\rtf; save it anew as .rtf or .docx")
    reader = _Reader(data.decode("latin-1"))
    text, blocks = assemble(reader.pieces())
    return Content(text, blocks, _MEDIA_TYPE, title=one_line(reader.title), warnings=reader.warnings())


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._state = _State()
        self._stack: list[_State] = []
        self._stories = [_Story()]
        self._pending = bytearray()
        self._to_skip = 0
        self._ends = 0
        self._fonts: dict[int, tuple[str, str]] = {}
        self._font, self._style = 0, 0
        self._names: dict[int, str] = {}
        self._words = {"title": "", "field": "", "author": "", "marker": ""}
        self._running: dict[str, None] = {}
        self._noted = self._objects = 0

    @property
    def title(self) -> str:
        """The title among the properties."""
        return self._words["title"]

    def warnings(self) -> tuple[str, ...]:
        """Return what may hold text and was not read."""
        return (f"{self._objects} embedded objects were not read",) if self._objects else ()

    def pieces(self) -> Iterator[Piece]:
        """Yield headers and footers once each, then the text."""
        position = 0
        while match := _TOKEN.match(self._source, position):
            position = match.end()
            if match["word"] == "bin":
                position += max(0, int(match["number"] or 0))
            self._token(match)
        self._flush()
        while len(self._stories) > 1:
            self._close_story()
        body = self._stories[0].end()
        said = {piece.text for piece in body}
        yield from (Piece("paragraph", words) for words in self._running if words not in said)
        yield from body

    @property
    def _story(self) -> _Story:
        return self._stories[-1]

    def _token(self, match: re.Match[str]) -> None:
        if match["brace"] == "{":
            self._open()
        elif match["brace"]:
            self._close()
        elif match["hex"]:
            self._bytes(bytes([int(match["hex"], 16)]))
        elif match["text"]:
            self._bytes(match["text"].encode("latin-1"))
        elif match["sign"]:
            self._sign(match["sign"])
        elif match["word"]:
            self._control(match["word"], match["number"])

    def _open(self) -> None:
        self._flush()
        if len(self._stack) >= _MAX_GROUPS:
            raise DocumentError("its groups are nested too deeply; save it anew as .docx")
        self._stack.append(self._state)
        self._state = replace(self._state, opens="")

    def _close(self) -> None:
        self._flush()
        self._to_skip = 0
        opened = self._state.opens
        if self._stack:
            self._state = self._stack.pop()
        if opened == "story":
            self._close_story()
        elif opened == "field":
            found = _LINK.match(self._words["field"])
            if found and not self._state.skipped:
                self._story.line.add(address_behind(self._story.line.tail(), found.group(1)), self._state.look)
            self._words["field"] = ""
        elif opened == "marker":
            self._story.marker, self._words["marker"] = self._words["marker"], ""

    def _close_story(self) -> None:
        story = self._stories.pop()
        words = one_line(" ".join(piece.text for piece in story.end()))
        outer = self._story
        if story.kind in {"header", "footer"}:
            shown = running_text([words])
            self._running |= {f"[{story.kind}: {shown}]": None} if shown else {}
        elif story.kind == "annotation":
            author = one_line(self._words["author"])
            outer.after.append(Piece("paragraph", f"[comment{' by ' + author if author else ''}: {words}]"))
            self._words["author"] = ""
        elif story.kind == "footnote" and words:
            self._noted += 1
            outer.line.add(note_mark(str(self._noted)))
            outer.after.append(Piece("paragraph", note_text(str(self._noted), words)))
        else:
            outer.after += story.pieces

    def _bytes(self, data: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        self._pending += data

    def _flush(self) -> None:
        if self._pending:
            text = self._pending.decode(self._state.page, errors="replace")
            self._pending.clear()
            self._add(text)

    def _add(self, text: str) -> None:
        into = self._state.into
        if into == "fonttbl":
            _, page = self._fonts.get(self._font, ("", ""))
            self._fonts[self._font] = (text.strip().rstrip(";"), page)
        elif into == "stylesheet":
            self._names[self._style] = self._names.get(self._style, "") + text
        elif into:
            self._words[into] += text
        elif not (self._state.skipped or self._state.hidden):
            self._story.line.add(symbol_text(self._state.font, text), self._state.look)

    def _sign(self, sign: str) -> None:
        if sign == "*":
            # An extension that a reader may not know: what is known undoes this.
            self._state = replace(self._state, skipped=True, opens="*")
        elif sign in "\\{}":
            self._bytes(sign.encode())
        elif sign in "~_-":
            self._flush()
            self._add({"~": " ", "_": "-", "-": ""}[sign])
        elif sign in "\r\n":
            self._control("par", None)

    def _control(self, word: str, number: str | None) -> None:
        value = int(number) if number else None
        if word == "u":
            self._unicode(value or 0)
            return
        self._flush()
        self._to_skip = 0
        is_extension = self._state.opens == "*"
        if word in SIGNS:
            self._add(SIGNS[word])
        elif word in SKIPPED:
            self._state = replace(self._state, skipped=True)
            self._objects += word == "objdata"
        elif word in _STORIES and not (self._is_skipped_outside() if is_extension else self._state.skipped):
            self._stories.append(_Story(_STORIES[word] or word))
            self._state = replace(self._state, skipped=False, into="", opens="story", look=Look())
        elif word in _GROUPS:
            kept = word in _SHOWN_GROUPS and not self._is_skipped_outside()
            self._state = replace(self._state, into=_GROUPS[word], opens=_OPENS.get(word, ""), skipped=not kept)
        elif word in _CONTROLS:
            _CONTROLS[word](self, value)

    def _is_skipped_outside(self) -> bool:
        return bool(self._stack) and self._stack[-1].skipped

    def _unicode(self, code: int) -> None:
        if self._to_skip == 0 or self._pending:
            self._flush()
        code &= 0xFFFF
        # Characters beyond the first plane come as two halves: collected as UTF-16, they join when both are there.
        high, self._ends = self._ends, code if 0xD800 <= code < 0xDC00 else 0
        if high and 0xDC00 <= code < 0xE000:
            self._add(chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00))
        elif not 0xD800 <= code < 0xE000:
            self._add(chr(code - 0xF000 if 0xF020 <= code < 0xF100 and self._state.font else code))
        self._to_skip = self._state.fallback

    def _paragraph(self, _: int | None) -> None:
        if not (self._state.skipped or self._state.into):
            self._story.end_paragraph()

    def _plain_paragraph(self, _: int | None) -> None:
        self._story.in_table, self._story.level = False, 0

    def _level(self, value: int | None) -> None:
        self._story.level = min(6, value + 1) if value is not None and 0 <= value < 9 else 0

    def _use_style(self, value: int | None) -> None:
        if self._state.into == "stylesheet":
            self._style = value or 0
            return
        heading = _HEADING.match(self._names.get(value or 0, ""))
        self._story.level = min(6, int(heading.group(1))) if heading else self._story.level

    def _use_font(self, value: int | None) -> None:
        self._font = value or 0
        if self._state.into != "fonttbl":
            name, page = self._fonts.get(self._font, ("", ""))
            symbolic = name if symbol_text(name, "W") != "W" else ""
            self._state = replace(self._state, font=symbolic, page=page or self._page)

    _page = "cp1252"

    def _charset(self, value: int | None) -> None:
        name, _ = self._fonts.get(self._font, ("", ""))
        self._fonts[self._font] = (name, CHARSETS.get(value or 0, ""))

    def _code_page(self, value: int | None) -> None:
        self._page = code_page(value or 1252)
        self._state = replace(self._state, page=self._page)

    def _height(self, height: Height) -> None:
        self._state = replace(self._state, look=Look(height, self._state.look.is_struck))

    def _struck(self, value: int | None) -> None:
        self._state = replace(self._state, look=Look(self._state.look.height, value != 0))

    def _hidden(self, value: int | None) -> None:
        self._state = replace(self._state, hidden=value != 0)

    def _plain(self, _: int | None) -> None:
        self._state = replace(self._state, look=Look(), hidden=False, font="", page=self._page)

    def _fallback(self, value: int | None) -> None:
        self._state = replace(self._state, fallback=max(0, value if value is not None else 1))

    def _row_begins(self, _: int | None) -> None:
        self._story.merged, self._story.merge = [], ""

    def _cell_merges(self, how: str) -> None:
        self._story.merge = how

    def _cell_defined(self, _: int | None) -> None:
        self._story.merged.append(self._story.merge)
        self._story.merge = ""


_GROUPS = {
    "fonttbl": "fonttbl",
    "stylesheet": "stylesheet",
    "title": "title",
    "fldinst": "field",
    "atnauthor": "author",
    "listtext": "marker",
    "pntext": "marker",
    "shpinst": "",
    "field": "",
    "fldrslt": "",
}
_SHOWN_GROUPS = frozenset({"shpinst", "field", "fldrslt"})
_OPENS = {"field": "field", "listtext": "marker", "pntext": "marker"}
_CONTROLS: dict[str, Callable[[_Reader, int | None], None]] = {
    **dict.fromkeys(("par", "sect", "page"), _Reader._paragraph),
    "pard": _Reader._plain_paragraph,
    "outlinelevel": _Reader._level,
    "s": _Reader._use_style,
    "f": _Reader._use_font,
    "fcharset": _Reader._charset,
    "ansicpg": _Reader._code_page,
    "mac": lambda reader, _: reader._code_page(10000),
    "pc": lambda reader, _: reader._code_page(437),
    "pca": lambda reader, _: reader._code_page(850),
    "super": lambda reader, _: reader._height("raised"),
    "sub": lambda reader, _: reader._height("lowered"),
    "up": lambda reader, value: reader._height("level" if value == 0 else "raised"),
    "dn": lambda reader, value: reader._height("level" if value == 0 else "lowered"),
    "nosupersub": lambda reader, _: reader._height("level"),
    **dict.fromkeys(("strike", "striked", "deleted"), _Reader._struck),
    "v": _Reader._hidden,
    "plain": _Reader._plain,
    "uc": _Reader._fallback,
    "trowd": _Reader._row_begins,
    "clmrg": lambda reader, _: reader._cell_merges("left"),
    "clvmrg": lambda reader, _: reader._cell_merges("above"),
    "cellx": _Reader._cell_defined,
    "cell": lambda reader, _: reader._story.end_cell(),
    "nestcell": lambda reader, _: reader._story.line.add("; "),
    "nestrow": lambda reader, _: reader._story.line.add(" "),
    "row": lambda reader, _: reader._story.end_row(),
    "intbl": lambda reader, _: setattr(reader._story, "in_table", True),
}

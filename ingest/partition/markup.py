"""An HTML tree becomes pieces: headings, paragraphs, nested lists, tables, code as it stands, captions, image texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ingest.partition.callouts import is_callout_title
from ingest.partition.clean import one_line, trim_lines
from ingest.partition.formulas import mathml_text
from ingest.partition.grids import Cell, Item, cell_text, list_pieces, numeral, table_piece
from ingest.partition.layout import Piece
from ingest.partition.line import PLAIN, Line, Look
from ingest.partition.links import address_behind
from ingest.partition.markup_notes import Notes, drop_back_links
from ingest.partition.raised import note_mark
from ingest.partition.ruby import reading
from ingest.partition.symbols import box
from ingest.partition.web_collapsed import has_words_beside
from rag.types import BlockKind

_BLOCKS = frozenset(
    """address article aside blockquote body center details dialog div fieldset figcaption figure footer form header
    hgroup hr html legend main menuitem nav optgroup option p search section summary caption tbody td tfoot th thead
    template tr""".split()
)
_SILENT = frozenset("head script style del title textarea select".split())
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_NOT_IN_DATA = ("table", "pre", *sorted(_HEADINGS))
_LINE_NUMBERS = re.compile(
    r"(?:^|\s)(?:linenos?|linenodiv|gutter|line-numbers-rows|line-number)(?:\s|$)", re.IGNORECASE
)
_PERMALINKS = {"¶", "#", "§", "🔗", "\uf0c1"}  # the last is the sign of a link in a font of icons
_STRUCK = re.compile(r"line-through", re.IGNORECASE)
_NUMBERED = re.compile(r"list-style(?:-type)?\s*:[^;]*?\b((?:lower|upper)-(?:alpha|latin|roman))\b", re.IGNORECASE)
_FORMS = {"lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A", "lower-roman": "i",
          "upper-roman": "I"}  # fmt: skip
_LIFTED = re.compile(r"vertical-align\s*:\s*(super|sub)\b", re.IGNORECASE)


def markup_pieces(root: Any) -> list[Piece]:
    """Return the pieces below an element in reading order."""
    walker = _Walker(Notes.of(root))
    drop_back_links(root)
    walker.block(root)
    return walker.pieces


def flat_text(element: Any, notes: Notes | None = None, *, has_links: bool = False) -> str:
    """Return all text of an element as one line; `has_links` adds the addresses of its links."""
    walker = _Walker(notes or Notes({}), has_links=has_links)
    walker.block(element)
    return cell_text(walker.pieces) or walker.lone_mark


class _Walker:
    """Collects inline text until a block begins or ends; inside a list it collects items until the list is done."""

    def __init__(self, notes: Notes, *, has_links: bool = True) -> None:
        self.pieces: list[Piece] = []
        self._notes = notes
        self._has_links = has_links
        self._line = Line()
        self._look = PLAIN
        self._label = ""
        self._mark_alone = ""
        self._readings: list[str] = []
        self._items: list[Item] = []
        self._depth = 0
        self._marker = ""

    @property
    def lone_mark(self) -> str:
        """The mark of a note that no text follows: all that a cell of a table holds."""
        return note_mark(self._mark_alone)

    def block(self, element: Any) -> None:
        """Walk an element whose text stands apart from what is around it."""
        self._flush()
        self._label = self._notes.label(element) or self._label
        self._walk(element)
        self._flush()

    def _walk(self, element: Any) -> None:
        outer, self._look = self._look, _styled(element, self._look)
        self._line.add(element.text or "", self._look)
        for child in element:
            tag = child.tag
            if isinstance(tag, str) and tag not in _SILENT:
                if tag in _BLOCKS:
                    self.block(child)
                else:
                    _HANDLERS.get(tag.rpartition(":")[2], _Walker._walk)(self, child)
            self._line.add(child.tail or "", self._look)
        self._look = outer

    def _flush(self) -> None:
        text = one_line(self._line.text())
        self._line.clear()
        # A note's number may stand in a block of its own before the text.
        if not text or self._notes.is_own_number(self._label, text):
            return
        text, self._label = self._notes.labelled(self._label, text), ""
        if self._depth:
            self._items.append(Item(self._depth - 1, self._marker, text))
            self._marker = ""
        else:
            self.pieces.append(Piece("paragraph", text))

    def _add(self, piece: Piece) -> None:
        """Add a block that is no text of a list item: the items before it end here."""
        self._flush()
        self.pieces += list_pieces(self._items)
        self._items.clear()
        if piece.text.strip():
            self.pieces.append(piece)

    def _heading(self, element: Any) -> None:
        for link in list(element.iter("a")):
            if one_line("".join(link.itertext())) in _PERMALINKS:
                link.drop_tree()
        kind: BlockKind = "paragraph" if is_callout_title(element) else "heading"
        self._add(Piece(kind, flat_text(element, self._notes), int(element.tag[1]) if kind == "heading" else 0))

    def _code(self, element: Any) -> None:
        line = Line()
        _collect_code(element, line, PLAIN)
        self._add(Piece("code", trim_lines(line.text())))

    def _list(self, element: Any) -> None:
        self._flush()
        self._depth += 1
        step = -1 if element.get("reversed") is not None else 1
        number = _integer(element.get("start"), 1 if step > 0 else len(element.findall("li")))
        style = _NUMBERED.search(element.get("style") or "")
        form = _FORMS[style.group(1).lower()] if style else element.get("type", "1")
        for child in element:
            if child.tag == "li":
                number = _integer(child.get("value"), number)
                self._marker = f"{numeral(number, form)}." if element.tag == "ol" else "-"
                # The mark of a note takes the place of the item's number.
                self._marker = "-" if self._notes.label(child) else self._marker
                self.block(child)
                number += step
            elif isinstance(child.tag, str) and child.tag not in _SILENT:
                self._within(child)
        self._marker = ""
        self._depth -= 1
        if not self._depth:
            self.pieces += list_pieces(self._items)
            self._items.clear()

    def _within(self, child: Any) -> None:
        """Walk what stands in a list beside its items: a list without an item of its own, or stray text."""
        handler: Callable[[_Walker, Any], None] = _HANDLERS.get(child.tag, _Walker.block)
        handler(self, child)

    def _definitions(self, element: Any) -> None:
        """Make a list item of every term with its definition."""
        self._flush()
        self._depth += 1
        terms: list[str] = []
        for part in element.iter("dt", "dd"):
            if next(part.iterancestors("dl")) is not element:
                continue
            if part.tag == "dt" and self._notes.label(part):
                self._label = self._notes.label(part)
            elif part.tag == "dt":
                terms.append(flat_text(part, self._notes, has_links=self._has_links))
            else:
                self._marker = "-"
                self._line.add(f"{', '.join(terms)}: " if terms else "")
                self._walk(part)
                self._flush()
                terms = []
        if terms:
            self._items.append(Item(self._depth - 1, "-", ", ".join(terms)))
        self._marker = ""
        self._depth -= 1
        if not self._depth:
            self.pieces += list_pieces(self._items)
            self._items.clear()

    def _table(self, element: Any) -> None:
        caption = element.find("caption")
        rows = list(_rows(element))
        if self._notes.label(element) or _is_layout(element, rows):
            self.block(element)
            return
        if caption is not None:
            self._add(Piece("paragraph", self._flat(caption)))
        self._add(table_piece([self._cells(row) for row in rows], head=_head(rows)))

    def _cells(self, row: Any) -> list[Cell]:
        cells = row.iterchildren("td", "th")
        return [
            Cell(self._flat(cell), _integer(cell.get("colspan"), 1), _integer(cell.get("rowspan"), 1))
            for cell in cells
            if not _LINE_NUMBERS.search(cell.get("class") or "")
        ]

    def _flat(self, element: Any) -> str:
        return flat_text(element, self._notes, has_links=self._has_links)

    def _image(self, element: Any) -> None:
        text = one_line(element.get("alt") or "")
        if text:
            self._line.add(f" [image: {text}] ")

    def _break(self, _: Any) -> None:
        self._line.add(" ")

    def _raised(self, element: Any) -> None:
        if self._notes.is_mark(element):
            self._mark(element)
        else:
            self._within_look(element, Look("raised", self._look.is_struck))

    def _lowered(self, element: Any) -> None:
        self._within_look(element, Look("lowered", self._look.is_struck))

    def _struck(self, element: Any) -> None:
        self._within_look(element, Look(self._look.height, is_struck=True))

    def _within_look(self, element: Any, look: Look) -> None:
        outer, self._look = self._look, look
        self._walk(element)
        self._look = outer

    def _mark(self, element: Any) -> None:
        """Write the mark of a note; at the start of a block it belongs to the note itself."""
        label = one_line("".join(element.itertext()))
        if not self._line.is_blank:
            self._line.add(label, Look("note"))
        elif self._mark_alone and note_mark(self._mark_alone) != note_mark(label):
            # Marks of several notes are no number of one.
            self._line.add(note_mark(self._mark_alone) + note_mark(label))
            self._label = self._mark_alone = ""
        else:
            self._mark_alone = label
            self._label = self._label or label

    def _link(self, element: Any) -> None:
        if self._notes.is_back_link(element) or _is_permalink(element):
            return
        if self._notes.is_mark(element):
            self._mark(element)
            return
        if self._line.is_blank:
            self._label = self._notes.label(element) or self._label
        self._walk(element)
        # A link around whole blocks has no words of its own to stand behind.
        if self._has_links and not self._line.is_blank:
            self._line.add(address_behind("".join(element.itertext()), element.get("href") or ""), self._look)

    def _formula(self, element: Any) -> None:
        self._line.add(mathml_text(element), self._look)

    def _ruby(self, element: Any) -> None:
        """Walk annotated text, and write the readings of all that follows without a gap behind the last."""
        self._walk(element)
        following = element.getnext()
        if one_line(element.tail or "") or following is None or following.tag != "ruby":
            self._line.add(reading(self._line.tail(), self._readings))
            self._readings = []

    def _reading(self, element: Any) -> None:
        self._readings.append("".join(element.itertext()))

    def _button(self, element: Any) -> None:
        """Walk a button: a word of its sentence, or a title of its own."""
        if has_words_beside(element):
            self._walk(element)
        else:
            self.block(element)

    def _input(self, element: Any) -> None:
        """Show the boxes of a check list; those of forms that wait for a reader say nothing."""
        is_box = (element.get("type") or "").lower() in {"checkbox", "radio"}
        if is_box and (element.get("disabled") is not None or "task" in (element.get("class") or "")):
            self._line.add(f"{box(element.get('checked') is not None)} ")


_HANDLERS: dict[str, Callable[[_Walker, Any], None]] = {
    **dict.fromkeys(_HEADINGS, _Walker._heading),
    **dict.fromkeys(("pre", "listing", "xmp"), _Walker._code),
    **dict.fromkeys(("ul", "ol", "menu", "dir"), _Walker._list),
    "dl": _Walker._definitions,
    "table": _Walker._table,
    "img": _Walker._image,
    "br": _Walker._break,
    "wbr": lambda walker, element: None,
    "sup": _Walker._raised,
    "sub": _Walker._lowered,
    **dict.fromkeys(("s", "strike"), _Walker._struck),
    "a": _Walker._link,
    "ruby": _Walker._ruby,
    **dict.fromkeys(("rt", "rtc"), _Walker._reading),
    "rp": lambda walker, element: None,
    "math": _Walker._formula,
    "button": _Walker._button,
    "input": _Walker._input,
    "li": _Walker.block,
}


def _styled(element: Any, look: Look) -> Look:
    """Return the look of an element's text: inline styles say what tags say elsewhere."""
    style = element.get("style")
    if not style:
        return look
    lifted = _LIFTED.search(style)
    height = look.height if lifted is None else "raised" if lifted.group(1).lower() == "super" else "lowered"
    return Look(height, look.is_struck or bool(_STRUCK.search(style)))


def _is_permalink(link: Any) -> bool:
    return one_line("".join(link.itertext())) in _PERMALINKS and (link.get("href") or "").startswith("#")


def _collect_code(element: Any, line: Line, look: Look) -> None:
    line.add(element.text or "", look)
    for child in element:
        if child.tag == "br":
            line.add("\n")
        elif isinstance(child.tag, str) and not _LINE_NUMBERS.search(child.get("class") or ""):
            inner: dict[str, Look] = {"sup": Look("raised"), "sub": Look("lowered")}
            _collect_code(child, line, inner.get(child.tag, look))
        line.add(child.tail or "", look)


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from child.iterchildren("tr")


def _is_layout(table: Any, rows: list[Any]) -> bool:
    """Say whether a table only places things on the page."""
    cells = [cell for row in rows for cell in row.iterchildren("td", "th")]
    if table.get("role") in {"presentation", "none"} or len(cells) < 2:
        return True
    if any(cell.tag == "th" for cell in cells):
        return False
    if any(next(cell.iterdescendants("table"), None) is not None for cell in cells):
        return True
    if _is_grid(rows):
        return any(_is_section(cell) for cell in cells)
    return any(next(cell.iterdescendants(*_NOT_IN_DATA), None) is not None for cell in cells)


def _is_grid(rows: list[Any]) -> bool:
    """Say whether there are rows of as many cells each, and more than one of both."""
    widths = {sum(_integer(cell.get("colspan"), 1) for cell in row.iterchildren("td", "th")) for row in rows}
    return len(rows) > 1 and len(widths) == 1 and min(widths) > 1


def _is_section(cell: Any) -> bool:
    """Say whether a cell holds a heading with text below it."""
    heading = next(cell.iterdescendants(*_HEADINGS), None)
    return heading is not None and one_line("".join(heading.itertext())) != one_line("".join(cell.itertext()))


def _head(rows: list[Any]) -> int | None:
    """Return how many first rows are marked as the head, 0 where each row names itself, None without a mark."""
    marked = 0
    for row in rows:
        cells = [cell.tag for cell in row.iterchildren("td", "th")]
        if not (row.getparent().tag == "thead" or (cells and set(cells) == {"th"})):
            break
        marked += 1
    if marked:
        return marked if marked < len(rows) else None
    own = [[cell.tag for cell in row.iterchildren("td", "th")] for row in rows]
    return 0 if own and all(len(tags) == 2 and tags == ["th", "td"] for tags in own) else None


def _integer(value: str | None, default: int) -> int:
    text = (value or "").strip()
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else default

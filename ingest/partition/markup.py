"""An HTML tree becomes pieces: headings, paragraphs, nested lists, tables, code as it stands, captions, image texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ingest.clean import one_line, trim_lines
from ingest.partition.grids import Cell, Item, list_pieces, numeral, table_piece
from ingest.partition.layout import Piece

_BLOCKS = frozenset(
    """address article aside blockquote body center details dialog div fieldset figcaption figure footer form header
    hgroup hr html legend main menuitem nav optgroup option p search section summary caption tbody td tfoot th thead
    tr""".split()
)
_SILENT = frozenset("head script style template del title input textarea select".split())
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_NOT_IN_DATA = ("table", "pre", *sorted(_HEADINGS))
_LINE_NUMBERS = re.compile(
    r"(?:^|\s)(?:linenos?|linenodiv|gutter|line-numbers-rows|line-number)(?:\s|$)", re.IGNORECASE
)
_PERMALINKS = {"¶", "#", "§", "🔗"}
_POWER = re.compile(r"[-+−]?\d+\Z|[-+−]?[nkxi]\Z")


def markup_pieces(root: Any) -> list[Piece]:
    """Return the pieces below an element in reading order."""
    walker = _Walker()
    walker.block(root)
    return walker.pieces


def flat_text(element: Any) -> str:
    """Return all text of an element as one line."""
    return one_line(" ".join(piece.text for piece in markup_pieces(element)))


class _Walker:
    """Collects inline text until a block begins or ends; inside a list it collects items until the list is done."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._words: list[str] = []
        self._items: list[Item] = []
        self._depth = 0
        self._marker = ""

    def block(self, element: Any) -> None:
        """Walk an element whose text stands apart from what is around it."""
        self._flush()
        self._walk(element)
        self._flush()

    def _walk(self, element: Any) -> None:
        self._words.append(element.text or "")
        for child in element:
            tag = child.tag
            if isinstance(tag, str) and tag not in _SILENT:
                if tag in _BLOCKS:
                    self.block(child)
                else:
                    _HANDLERS.get(tag, _Walker._walk)(self, child)
            self._words.append(child.tail or "")

    def _flush(self) -> None:
        text = one_line("".join(self._words))
        self._words.clear()
        if not text:
            return
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
        self._add(Piece("heading", flat_text(element), int(element.tag[1])))

    def _code(self, element: Any) -> None:
        self._add(Piece("code", trim_lines("".join(_code_text(element)))))

    def _list(self, element: Any) -> None:
        self._flush()
        self._depth += 1
        number = _integer(element.get("start"), 1)
        for child in element:
            if child.tag == "li":
                number = _integer(child.get("value"), number)
                self._marker = f"{numeral(number, element.get('type', '1'))}." if element.tag == "ol" else "-"
                self.block(child)
                number += 1
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
            if part.tag == "dt":
                terms.append(flat_text(part))
            else:
                self._marker = "-"
                self._words.append(f"{', '.join(terms)}: " if terms else "")
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
        if _is_layout(element, rows):
            self.block(element)
            return
        if caption is not None:
            self._add(Piece("paragraph", flat_text(caption)))
        self._add(table_piece([_cells(row) for row in rows], head=_head(rows)))

    def _image(self, element: Any) -> None:
        text = one_line(element.get("alt") or "")
        if text:
            self._words.append(f" [image: {text}] ")

    def _break(self, _: Any) -> None:
        self._words.append(" ")

    def _raised(self, element: Any) -> None:
        """Set apart what a line of plain text would glue to the number before it: powers and footnote marks."""
        text = one_line("".join(element.itertext()))
        link = next(element.iter("a"), None)
        if link is not None and (link.get("href") or "").startswith("#"):
            self._words.append(f"[{text.strip('[]')}]")
        elif _POWER.match(text):
            self._words.append(f"^{text}")
        else:
            self._walk(element)


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
    "li": _Walker.block,
}


def _code_text(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == "br":
            yield "\n"
        elif isinstance(child.tag, str) and not _LINE_NUMBERS.search(child.get("class") or ""):
            yield from _code_text(child)
        yield child.tail or ""


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


def _cells(row: Any) -> list[Cell]:
    cells = row.iterchildren("td", "th")
    return [
        Cell(flat_text(cell), _integer(cell.get("colspan"), 1), _integer(cell.get("rowspan"), 1))
        for cell in cells
        if not _LINE_NUMBERS.search(cell.get("class") or "")
    ]


def _integer(value: str | None, default: int) -> int:
    text = (value or "").strip()
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else default

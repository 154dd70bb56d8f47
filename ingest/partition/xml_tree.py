"""XML of any kind: documents as headings, paragraphs, lists and tables, data as `name: value` lines and tables.

DocBook, DITA, TEI, JATS and their like are told by their text: words beside elements, or elements named as paragraphs.
All else is data, and is written as JSON is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest.partition.callouts import CALLOUTS
from ingest.partition.clean import one_line, trim_lines
from ingest.partition.grids import Cell, Item, cell_text, list_pieces, table_piece
from ingest.partition.json_tree import Pairs, pairs_pieces
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.links import address_behind
from ingest.partition.packages import parse_xml
from ingest.partition.web import html_pieces, page_content
from rag.errors import DocumentError

_TITLES = frozenset("title head heading caption subtitle bridgehead h1 h2 h3 h4 h5 h6".split())
_TEXTS = frozenset("para p simpara shortdesc formalpara note l lg ab quote blockquote abstract warning tip".split())
_PARAGRAPHS = frozenset("para p simpara shortdesc l ab".split())
_CODE = frozenset("programlisting screen codeblock literallayout pre synopsis screenco verbatim eg".split())
_LISTS = frozenset("itemizedlist orderedlist ul ol steps procedure list simplelist choices substeps".split())
_ITEMS = frozenset("listitem li step item member choice substep".split())
_ROWS = frozenset("row tr strow sthead".split())
_CELLS = frozenset("entry td th stentry cell".split())
_TABLES = frozenset("table informaltable simpletable tgroup".split())
_SECTIONS = frozenset("section chapter sect1 sect2 topic concept task reference article book div sec body".split())
_BLOCKS = _TITLES | _TEXTS | _CODE | _LISTS | _ITEMS | _ROWS | _TABLES | _SECTIONS
_LINKS = frozenset("url href".split())
_WORDS = frozenset({"http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2001/XMLSchema-instance"})
_OFFICE = re.compile(r"microsoft\.com/office|openxmlformats|opendocument", re.IGNORECASE)
_XHTML = "{http://www.w3.org/1999/xhtml}html"
_MARKUP = re.compile(r"</?(?:p|div|br|a|ul|ol|li|b|strong|em|i|span|h[1-6]|table|img)\b[^>]*>", re.IGNORECASE)
_MAX_DEPTH = 200


def partition_xml(path: Path) -> Content:
    """Partition an XML file; comments, processing instructions and names of elements in prose are left out.

    Raises:
        DocumentError: it is no XML, an office document in one file, or nested too deeply.
    """
    data = path.read_bytes()
    root = parse_xml(data, path.name)
    if root.tag == _XHTML:
        from lxml.etree import tostring

        return page_content(tostring(root, encoding="unicode"))
    if _OFFICE.search(root.tag):
        raise DocumentError("it is an office document in one XML file; save it as .docx, .xlsx, .pptx or .odt")
    if max((len(list(e.iterancestors())) for e in root.iter() if not len(e)), default=0) > _MAX_DEPTH:
        raise DocumentError(f"its elements are nested more than {_MAX_DEPTH} deep; export it as .json or .html")
    is_prose = _is_prose(root)
    text, blocks = assemble(_Prose().pieces(root) if is_prose else pairs_pieces(_value(root)))
    # A title of one part of the data is no title of all.
    title = one_line(_words(next((e for e in root if _name(e) == "title"), None))) if is_prose else ""
    return Content(text, blocks, "application/xml", title=title)


def _is_prose(root: Any) -> bool:
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if _name(element) in _PARAGRAPHS and one_line(element.text or ""):
            return True
        if _is_mixed(element):
            return True
    return False


def _is_mixed(element: Any) -> bool:
    """Say whether words stand beside child elements."""
    return len(element) > 0 and bool(one_line(f"{element.text or ''}{''.join(child.tail or '' for child in element)}"))


def _value(element: Any) -> Pairs | str:
    """Return an element of data as JSON would have it: its text, or its attributes and children as members."""
    members = [(_bare(key), value) for key, value in element.attrib.items() if _space(key) not in _WORDS]
    children = [child for child in element if isinstance(child.tag, str)]
    text = _plain(element.text or "")
    if not children and (text or not members):
        told = ", ".join(f"{key}: {value}" for key, value in members)
        return f"{text} ({told})" if told else text
    names = dict.fromkeys(map(_name, children))
    groups = {name: [_value(child) for child in children if _name(child) == name] for name in names}
    members += [(name, values if len(values) > 1 else values[0]) for name, values in groups.items()]
    return (*members, ("text", text)) if text else tuple(members)


def _plain(text: str) -> str:
    """Return the text of an element; feeds carry HTML in it, of which the words count."""
    if not _MARKUP.search(text):
        return one_line(text)
    return "\n".join(piece.text for piece in html_pieces(text))


class _Prose:
    """Walks a document; what stands between blocks is collected into one paragraph."""

    def __init__(self) -> None:
        self._line: list[str] = []

    def pieces(self, element: Any, level: int = 1) -> Iterator[Piece]:
        """Yield the pieces of an element in order."""
        yield from self._flush()
        self._line.append(element.text or "")
        for child in element:
            yield from self._child(child, level)
            self._line.append(child.tail or "")
        yield from self._flush()

    def _flush(self) -> Iterator[Piece]:
        text = _plain("".join(self._line))
        self._line = []
        if text:
            yield Piece("paragraph", text)

    def _child(self, child: Any, level: int) -> Iterator[Piece]:
        if not isinstance(child.tag, str):
            return
        name = _name(child)
        handler = _HANDLERS.get(name)
        if handler is not None:
            yield from self._flush()
            yield from handler(self, child, level)
        elif name in _BLOCKS or any(_name(inner) in _BLOCKS for inner in child.iterdescendants("{*}*")):
            yield from self.pieces(child, min(6, level + (name in _SECTIONS or _has_title(child))))
        elif self._is_field(child) and len(child) and not _is_mixed(child):
            yield from self.pieces(child, level)
        elif self._is_field(child):
            text = one_line(_words(child))
            yield Piece("list_item", f"{name}: {text}" if text else "")
        else:
            self._line.append(_words(child) if _is_mixed(child.getparent()) else f" {_words(child)} ")

    def _is_field(self, child: Any) -> bool:
        """Say whether an element stands alone among others, as metadata does, so that its name says what it is."""
        parent = child.getparent()
        return not _is_mixed(parent) and _name(parent) not in _TEXTS | _ITEMS | _CELLS

    def _title(self, element: Any, level: int) -> Iterator[Piece]:
        is_box = _name(element.getparent()) in CALLOUTS
        yield Piece("paragraph" if is_box else "heading", one_line(_words(element)), 0 if is_box else level)

    def _code(self, element: Any, _: int) -> Iterator[Piece]:
        yield Piece("code", trim_lines("".join(element.itertext())))

    def _list(self, element: Any, _: int) -> Iterator[Piece]:
        yield from list_pieces(self._items(element, 0))

    def _items(self, element: Any, depth: int) -> Iterator[Item]:
        number = 0
        for item in element:
            if not isinstance(item.tag, str):
                continue
            number += 1
            marker = f"{number}." if _name(element) in {"orderedlist", "ol", "steps", "procedure"} else "-"
            inner = [e for e in item.iterdescendants("{*}*") if _name(e) in _LISTS]
            outer = [e for e in inner if not any(other in inner for other in e.iterancestors())]
            yield Item(min(depth, 8), marker, _words(item, frozenset(outer)))
            for nested in outer:
                yield from self._items(nested, depth + 1)

    def _table(self, element: Any, level: int) -> Iterator[Piece]:
        title = next((child for child in element if _name(child) in _TITLES), None)
        if title is not None:
            yield Piece("paragraph", one_line(_words(title)))
        rows = [row for row in element.iter("{*}*") if _name(row) in _ROWS and _nearest_table(row) is element]
        head = sum(_name(row) == "sthead" or _name(row.getparent()) == "thead" for row in rows)
        cells = [[self._cell(cell) for cell in row if _name(cell) in _CELLS] for row in rows]
        if any(cells):
            yield table_piece(cells, head=head or None)
        else:
            yield from self.pieces(element, level)

    def _cell(self, cell: Any) -> Cell:
        rows = cell.get("rowspan") or cell.get("morerows", "")
        more = int(rows) if rows.isdecimal() and len(rows) < 4 else 0
        columns = cell.get("colspan", "1")
        width = int(columns) if columns.isdecimal() and len(columns) < 4 else 1
        return Cell(cell_text(_Prose().pieces(cell)), width, more + (cell.get("rowspan") is None))


_HANDLERS: dict[str, Callable[[_Prose, Any, int], Iterator[Piece]]] = {
    **dict.fromkeys(_TITLES, _Prose._title),
    **dict.fromkeys(_CODE, _Prose._code),
    **dict.fromkeys(_LISTS, _Prose._list),
    **dict.fromkeys(_TABLES, _Prose._table),
}


def _nearest_table(row: Any) -> Any:
    outer = [above for above in row.iterancestors() if _name(above) in _TABLES]
    # A DocBook table holds its rows in a group, which is a table of its own only where it stands alone.
    while len(outer) > 1 and outer[0].getparent() is outer[1] and _name(outer[0]) == "tgroup":
        outer.pop(0)
    return outer[0] if outer else None


def _has_title(element: Any) -> bool:
    return any(_name(child) in _TITLES for child in element)


def _words(element: Any | None, without: frozenset[Any] = frozenset()) -> str:
    """Return the text of an element on one line, the addresses of links behind their words."""
    if element is None:
        return ""
    parts = [element.text or ""]
    is_mixed = _is_mixed(element)
    for child in element:
        if isinstance(child.tag, str) and child not in without:
            gap = "" if is_mixed and _name(child) not in _BLOCKS else " "
            parts += (gap, _words(child, without), gap)
        parts.append(child.tail or "")
    text = "".join(parts)
    target = next((value for key, value in element.attrib.items() if _bare(key) in _LINKS), "")
    return text + address_behind(text, target) if target else text


def _name(element: Any) -> str:
    return _bare(element.tag) if isinstance(element.tag, str) else ""


def _bare(name: str) -> str:
    return name.rpartition("}")[2]


def _space(name: str) -> str:
    return name[1:].partition("}")[0] if name[:1] == "{" else ""

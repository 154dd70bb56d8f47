"""JSON and JSON lines: objects are sections of `name: value` lines, lists of flat objects are tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.partition.clean import clip, one_line, table_text
from ingest.partition.encodings import read_text
from ingest.partition.layout import Content, Piece, assemble
from rag.errors import DocumentError
from rag.types import BlockKind

_SECTION_DEPTH = 4
_SHORT_CHARS = 80
_LABELS = ("title", "name", "label", "id", "key")
_TITLES = ("title", "name")

Pairs = tuple[tuple[str, Any], ...]
"""An object as its members in order: JSON allows a name twice, and none of them may get lost."""


def partition_json(path: Path) -> Content:
    """Partition a JSON document, or a file with one on each line; numbers stay as they are written."""
    text, warnings = read_text(path)
    try:
        value = _parse(text)
        clean, blocks = assemble(_pieces("", value, (), 0))
    except RecursionError as error:
        raise DocumentError("its objects are nested too deeply; split the file or flatten it") from error
    title = next((v for key in _TITLES for k, v in _members(value) if k == key and isinstance(v, str)), "")
    return Content(clean, blocks, "application/json", title=title, explicit_title=bool(title), warnings=warnings)


def pairs_pieces(value: Any) -> Iterator[Piece]:
    """Yield the pieces of data in the form of JSON: objects as `Pairs`, lists, and texts."""
    yield from _pieces("", value, (), 0)


def _parse(text: str) -> Any:
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        rows = [line for line in text.split("\n") if line.strip()]
        if len(rows) < 2 or error.msg != "Extra data":
            raise DocumentError(f"it is no JSON: {one_line(str(error))}") from error
    values = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                values.append(_loads(line))
            except json.JSONDecodeError as error:
                raise DocumentError(f"line {number} is no JSON: {one_line(str(error))}") from error
    return values


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str)


def _members(value: Any) -> Pairs:
    return value if isinstance(value, tuple) else ()


def _pieces(name: str, value: Any, prefix: tuple[str, ...], depth: int) -> Iterator[Piece]:
    """Yield the pieces of a value; `prefix` is the path that has no heading of its own."""
    if isinstance(value, tuple):
        yield from _object(name, value, prefix, depth)
    elif isinstance(value, list):
        yield from _array(name, value, prefix, depth)
    else:
        yield _line((*prefix, name), _shown(value))


def _object(name: str, value: Pairs, prefix: tuple[str, ...], depth: int) -> Iterator[Piece]:
    inner, opened = _opened(name, prefix, depth)
    yield from opened
    if not value and name:
        yield _line((*prefix, name), "{}")
    for key, member in _lines_first(value):
        yield from _pieces(key, member, inner, depth + 1)


def _array(name: str, value: list[Any], prefix: tuple[str, ...], depth: int) -> Iterator[Piece]:
    if all(_is_scalar(item) for item in value):
        yield from _scalars(name, value, prefix)
    elif len(value) > 1 and all(_is_flat(item) for item in value):
        yield from _opened(name, prefix, depth)[1]
        if name and depth > _SECTION_DEPTH:
            yield Piece("paragraph", ".".join((*prefix, name)) + ":")
        yield Piece("table", _table(value), head=1)
    else:
        named = ((_element_name(name, number, item), item) for number, item in enumerate(value, start=1))
        for shown, item in _lines_first(tuple(named)):
            yield from _pieces(shown, item, prefix, depth)


def _lines_first(members: Pairs) -> Iterator[tuple[str, Any]]:
    """Yield what becomes lines before what opens a section: below the section's heading it would belong to that."""
    yield from (member for member in members if not _opens_section(member[1]))
    yield from (member for member in members if _opens_section(member[1]))


def _opens_section(value: Any) -> bool:
    return not _is_scalar(value) and not (isinstance(value, list) and all(_is_scalar(item) for item in value))


def _element_name(name: str, number: int, item: Any) -> str:
    label = _label(item)
    return f"{name or 'item'} {number}" + (f": {label}" if label else "")


def _opened(name: str, prefix: tuple[str, ...], depth: int) -> tuple[tuple[str, ...], list[Piece]]:
    """Return the prefix inside a section and its heading; a deep one has none, its name goes into the prefix."""
    if not name:
        return prefix, []
    if depth > _SECTION_DEPTH:
        return (*prefix, name), []
    return (), [Piece("heading", one_line(name), max(1, min(6, depth)))]


def _scalars(name: str, value: list[Any], prefix: tuple[str, ...]) -> Iterator[Piece]:
    shown = [_shown(item) for item in value]
    if all(len(item) <= _SHORT_CHARS and "\n" not in item for item in shown):
        yield _line((*prefix, name), ", ".join(shown) if shown else "[]")
        return
    for number, item in enumerate(shown, start=1):
        yield _line((*prefix, f"{name} {number}".strip()), item)


def _line(path: tuple[str, ...], text: str) -> Piece:
    name = one_line(".".join(part for part in path if part))
    # Long texts are paragraphs with their own line breaks, short values are lines of a list.
    kind: BlockKind = "paragraph" if len(text) > 2 * _SHORT_CHARS or "\n" in text else "list_item"
    return Piece(kind, f"{name}: {text}" if name else text)


def _table(rows: list[Any]) -> str:
    names = list(dict.fromkeys(key for row in rows for key, _ in row))
    cells = ([", ".join(_cell(v) for k, v in row if k == name) for name in names] for row in rows)
    return table_text([names, *cells])


def _cell(value: Any) -> str:
    return ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)


def _label(item: Any) -> str:
    members = dict(_members(item))
    return next((clip(_shown(members[key]), _SHORT_CHARS) for key in _LABELS if _is_scalar(members.get(key, ()))), "")


def _is_flat(item: Any) -> bool:
    """Say whether a value is an object whose members fit into cells."""
    return isinstance(item, tuple) and bool(item) and all(_fits_cell(value) for _, value in item)


def _fits_cell(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 10 and all(_is_scalar(item) and _fits_cell(item) for item in value)
    return _is_scalar(value) and not (isinstance(value, str) and ("\n" in value or len(value) > 5 * _SHORT_CHARS))


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, tuple | list)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

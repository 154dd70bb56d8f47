"""Notebooks (Jupyter): text cells as Markdown is read, code as code, printed outputs; pictures are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.partition.clean import one_line, trim_lines
from ingest.partition.encodings import read_text
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.plain import markdown_pieces
from ingest.partition.web import html_pieces
from rag.errors import DocumentError

_TEXTS = ("text/markdown", "text/html", "text/plain")


def partition_notebook(path: Path) -> Content:
    """Partition a notebook.

    Raises:
        DocumentError: it is no notebook.
    """
    text, warnings = read_text(path)
    try:
        book = json.loads(text)
        cells = book["cells"] if "cells" in book else [c for sheet in book["worksheets"] for c in sheet["cells"]]
        pieces = [piece for cell in cells for piece in _cell(cell)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DocumentError(f"it is no notebook: {one_line(str(error))}; export it anew, or as .md") from error
    clean, blocks = assemble(pieces)
    metadata = book.get("metadata")
    title = metadata.get("title") if isinstance(metadata, dict) else ""
    named = title if isinstance(title, str) else ""
    return Content(clean, blocks, "application/x-ipynb+json", title=named, warnings=warnings)


def _cell(cell: dict[str, Any]) -> Iterator[Piece]:
    kind, source = cell.get("cell_type"), _text(cell.get("source", cell.get("input", "")))
    if kind == "code":
        yield Piece("code", trim_lines(source))
        for output in cell.get("outputs") or ():
            yield from _output(output)
    elif kind == "heading":
        yield Piece("heading", one_line(source), min(6, int(cell.get("level", 1))))
    else:
        yield from markdown_pieces(source)


def _output(output: dict[str, Any]) -> Iterator[Piece]:
    """Yield what a cell printed; of several forms of one result the first that is text."""
    if output.get("output_type") in {"error", "pyerr"}:
        yield Piece("code", one_line(f"{output.get('ename', '')}: {output.get('evalue', '')}"))
        return
    data = output.get("data")
    forms = {kind: _text(data[kind]) for kind in _TEXTS if kind in data} if isinstance(data, dict) else {}
    if "text/html" in forms:
        yield from html_pieces(forms["text/html"])
    elif "text/markdown" in forms:
        yield from markdown_pieces(forms["text/markdown"])
    else:
        yield Piece("code", trim_lines(forms.get("text/plain") or _text(output.get("text", ""))))


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)

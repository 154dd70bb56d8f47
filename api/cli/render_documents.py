"""Documents and their chunks as a person reads them in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from api.cli.output import fields, table
from api.cli.render import WIDTH
from rag.state.listing import DocumentRow
from rag.types import Chunk, Document

_SNIPPET = 160
_INDENT = " " * 5


def documents_text(rows: Sequence[DocumentRow]) -> str:
    """Return one line a document."""
    if not rows:
        return "No documents."
    cells = [(row.chunks, row.chars, row.doc_id, row.title) for row in rows]
    total = f"{len(rows)} documents, {sum(row.chunks for row in rows)} chunks"
    return f"{table(('CHUNKS', 'CHARACTERS', 'DOCUMENT', 'TITLE'), cells)}\n{total}"


def document_text(document: Document) -> str:
    """Return what is known of a document, then its clean text as it stands."""
    known = {"document": document.doc_id, "title": document.title, "uri": document.uri, "type": document.media_type}
    told = {key: value if isinstance(value, str) else ", ".join(value) for key, value in document.metadata.items()}
    warnings = [f"warning: {warning}" for warning in document.warnings]
    head = [fields({**known, "characters": len(document.text)}), *([fields(told)] if told else []), *warnings]
    return "\n".join([*head, "", document.text.rstrip("\n")])


def chunks_text(doc_id: str, chunks: Sequence[Chunk]) -> str:
    """Return for each chunk its range, size and headings, and how it starts."""
    if not chunks:
        return f"{doc_id} has no chunks: all of it is front matter or margins of pages."
    return "\n".join([f"{doc_id}: {len(chunks)} chunks", *map(_chunk_text, chunks)])


def _chunk_text(chunk: Chunk) -> str:
    page = f" page {chunk.page}" if chunk.page is not None else ""
    place = f"[{chunk.span.start}:{chunk.span.end}]{page} {chunk.tokens} tokens"
    headings = " > ".join(chunk.headings) or "(no heading)"
    start = textwrap.shorten(chunk.text, _SNIPPET, placeholder=" …")
    shown = textwrap.fill(start, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return f"{place}  {headings}\n{shown}"

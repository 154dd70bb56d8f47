"""Documents as they are read and cut: offsets, layout, chunks, and the generation that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""A `(n, d) float32` matrix; every embedder L2-normalises its rows."""

Metadata = Mapping[str, str | tuple[str, ...]]
"""What filters match of a document: a field is one string or a list of them (`tags`, `acl`)."""


def as_metadata(fields: Mapping[str, str | Sequence[str]]) -> Metadata:
    """Return metadata that came out of JSON, its lists as tuples."""
    return {key: value if isinstance(value, str) else tuple(value) for key, value in fields.items()}


BlockKind = Literal["heading", "paragraph", "list_item", "table", "code", "front_matter", "margin"]

NOT_CHUNKED: frozenset[BlockKind] = frozenset({"front_matter", "margin"})
"""What stays in the clean text but is no part of any chunk: front matter, and pages' running headers and footers."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A non-empty range `[start, end)` of code points in one document's clean text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span needs 0 <= start < end, got [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Say whether the two ranges share at least one character."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: Span) -> bool:
        """Say whether `other` lies wholly inside this range."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page that holds the characters `[start, end)` of the clean text: a line, or a table's cell.

    `page` counts from 1; the sides are in points (1/72 inch) from the page's upper left corner.
    """

    page: int
    left: float
    top: float
    right: float
    bottom: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Head:
    """The rows that name a table's columns: where they stand in the clean text, and their text."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one table, one a line, and the head that names their columns (None: no row does).

    The head may stand inside `span` or before it. `column` is the column of the first cell, above 0 where `span` starts
    inside a row.
    """

    span: Span
    head: Head | None = None
    column: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A layout unit of a document: a paragraph, a list item, a whole table, a heading.

    `headings` is the path of headings above the block, outermost first; for a heading it includes the heading itself.
    `level` is 1..6 for headings and 0 otherwise; `page` counts from 1 and is None where the format has no pages.
    `boxes` says where its lines stand, in reading order; it is empty where the format has no pages.
    `head` is how many rows of a table its format declares to be the head, None where the format does not say.
    """

    kind: BlockKind
    span: Span
    headings: tuple[str, ...] = ()
    level: int = 0
    page: int | None = None
    boxes: tuple[Box, ...] = ()
    head: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One source document as clean text plus its layout.

    `source_hash` is the sha256 of the bytes it was read from, and of the metadata that stands beside them (sidecars).
    `metadata` are the fields that filters match (front matter, sidecar, format). `warnings` says what was dropped or
    guessed on the way.
    """

    doc_id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    source_hash: str
    uri: str = ""
    media_type: str = "text/plain"
    metadata: Metadata = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def indexed_text(header: str, text: str) -> str:
    """Return what the embedder and the keyword index see of a chunk: header, newline, text."""
    return f"{header}\n{text}" if header else text


@dataclass(frozen=True, slots=True)
class Chunk:
    """A retrievable piece of a document: `document.text[start:end] == text`.

    `chunk_id` is stable: the same document id, range and text give the same id in every generation and on every
    machine, so it breaks ties. `pk` is the catalogue's integer key, unique for each stored copy (0 until stored).
    `header` is the contextual header (title > headings, as far as it fits) that is embedded and indexed with the text
    but is no part of its span. `boxes` are the lines of the page that it covers; `parent` is the larger range around it
    that the context shows in its place (None: the chunk itself). `tables` are the parts of tables in that range, or in
    the chunk where it has no parent, in order; None means that the chunk was stored before tables were known.
    """

    chunk_id: str
    doc_id: str
    span: Span
    text: str
    title: str = ""
    headings: tuple[str, ...] = ()
    page: int | None = None
    header: str = ""
    tokens: int = 0
    uri: str = ""
    metadata: Metadata = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    parent: Span | None = None
    tables: tuple[Table, ...] | None = None
    pk: int = 0

    @property
    def indexed_text(self) -> str:
        """What the embedder and the keyword index see: header, newline, text."""
        return indexed_text(self.header, self.text)


@dataclass(frozen=True, slots=True)
class Generation:
    """One published, immutable view of a corpus. `index_id` names the shard and segments that hold its chunks."""

    id: int
    corpus: str
    index_id: int
    settings: str
    published_at: str | None = None

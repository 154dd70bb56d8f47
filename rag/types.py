"""Values that cross package borders: frozen, hashable where they can be, no behaviour beyond arithmetic.

Offsets are `[start, end)` in Unicode code points of a document's clean text, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter

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
class Block:
    """A layout unit of a document: a paragraph, a list item, a whole table, a heading.

    `headings` is the path of headings above the block, outermost first; for a heading it includes the heading itself.
    `level` is 1..6 for headings and 0 otherwise; `page` counts from 1 and is None where the format has no pages.
    `boxes` says where its lines stand, in reading order; it is empty where the format has no pages.
    """

    kind: BlockKind
    span: Span
    headings: tuple[str, ...] = ()
    level: int = 0
    page: int | None = None
    boxes: tuple[Box, ...] = ()


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
    that the context shows in its place (None: the chunk itself).
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


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and cost of one generation; `cost_usd` is None when the model's price is not configured."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A further form of a question that is searched beside it, by one retriever only if `retriever` names it."""

    text: str
    retriever: str = ""


@dataclass(frozen=True, slots=True)
class StepTrace:
    """What one query step did: the text that is searched after it, and what it added or replaced.

    `note` says why it did nothing; `prompt` is NAME@VERSION where a language model was asked.
    """

    name: str
    text: str
    added: tuple[str, ...] = ()
    note: str = ""
    prompt: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Query:
    """A question against one generation, to be answered from the documents that satisfy `filter`.

    `text` is what is searched. Query steps may change it; then `typed` is the question as it came and `asked` the
    question that they made of it, without the words that they only added for the search. `terms` are weighted keyword
    terms on top of the text's own.
    """

    text: str
    generation: Generation
    top_k: int
    filter: Filter = ()
    history: tuple[Turn, ...] = ()
    typed: str = ""
    asked: str = ""
    terms: Mapping[str, float] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    steps: tuple[StepTrace, ...] = ()

    @property
    def question(self) -> str:
        """The question itself: what an answer must answer."""
        return self.asked or self.text


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk (by catalogue key) with one stage's score; higher is better."""

    pk: int
    score: float


@dataclass(frozen=True, slots=True)
class StageScore:
    """Where one stage put a chunk: `rank` counts from 1, `score` is in the stage's own scale, higher is better."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk with the trace of the stages it went through (`dense`, `bm25`, `fused`, `reranked`)."""

    chunk: Chunk
    rank: int
    score: float
    stages: Mapping[str, StageScore]


UnitKind = Literal["sentence", "heading", "header", "row", "rule"]
"""What a unit of compression is; `header` is a table's first row, `rule` the line of dashes below it."""


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A sentence or table row and how close it is to the question, 0..1; `value` is what it is worth in a context."""

    span: Span
    score: float
    kind: UnitKind = "sentence"
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Selection:
    """What compression kept of a hit: ordered, disjoint ranges inside the hit's span.

    `units` are the kept sentences and table rows that the spans were merged from, with their scores, in order.
    """

    hit: Hit
    spans: tuple[Span, ...]
    units: tuple[ScoredSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A tagged piece of the final context. `text` is its spans' texts, joined by ' … ' where they are not adjacent.

    `units` are its sentences and table rows as compression scored them, in order; `headings` is the heading path of
    its first hit.
    """

    tag: int
    doc_id: str
    title: str
    uri: str
    text: str
    spans: tuple[Span, ...]
    tokens: int
    units: tuple[ScoredSpan, ...] = ()
    headings: tuple[str, ...] = ()

    @property
    def start(self) -> int:
        """First character of the passage in its document."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """One past the last character of the passage in its document."""
        return self.spans[-1].end


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hit, or part of one, that did not reach the context, and why; what a knapsack left out has tokens and value."""

    doc_id: str
    span: Span
    reason: Literal["near_duplicate", "max_per_document", "compressed_away", "budget", "max_passages"]
    tokens: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the prompt will hold: passages in its order, tagged 1..n by rank, their tokens, and what was left out."""

    passages: tuple[Passage, ...]
    tokens: int
    budget_tokens: int
    tokenizer: str
    dropped: tuple[Dropped, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message of a rendered prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt with the name and version of the file it came from."""

    name: str
    version: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator returned, before its citations were checked. `abstained` drafts have an empty text."""

    text: str
    model: str
    usage: Usage = Usage()
    abstained: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Support:
    """A verifier's finding on a claim and its evidence: `score` in 0..1, higher is better supported."""

    score: float
    supported: bool


@dataclass(frozen=True, slots=True)
class Citation:
    """One checked citation: `quote` equals the document's clean text at `[start, end)`.

    `boxes` says where the quote stands on the pages; it is empty where the format has no pages.
    """

    tag: int
    doc_id: str
    title: str
    uri: str
    span: Span
    quote: str
    support: Support
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer at `[start, end)` of the answer's text, with its citations."""

    text: str
    start: int
    end: int
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced an answer, enough to produce it again."""

    generation: int
    settings: str
    prompt_name: str
    prompt_version: str
    model: str
    release: str | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Ranked hits of one question, what query steps made of it, and the time each stage took, in milliseconds."""

    question: str
    generation: Generation
    settings: str
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    steps: tuple[StepTrace, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextResult:
    """Hits, the context packed from the first `packed_from` of the ranking, and the prompt that would be sent."""

    search: SearchResult
    context: Context
    prompt: Prompt
    timings_ms: Mapping[str, float]
    packed_from: int = 0


@dataclass(frozen=True, slots=True)
class Answerability:
    """Whether a context can carry an answer: `reason` says why not, None that it can.

    `probability` (0..1) is the estimate behind it, None where a rule decided.
    """

    reason: str | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer. `text` is empty when `abstained`; `reason` then says why.

    `answerability` (0..1) is the gate's estimate that the context can carry an answer, None where it made none.
    """

    text: str
    sentences: tuple[Sentence, ...]
    abstained: bool
    reason: str | None
    context: ContextResult
    provenance: Provenance
    usage: Usage
    timings_ms: Mapping[str, float]
    answerability: float | None = None

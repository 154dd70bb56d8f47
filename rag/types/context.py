"""What is kept of the hits, packed into a context, and the prompt made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rag.types.documents import Span, Table, Vectors
from rag.types.loss import DropReason
from rag.types.search import Hit, Query, SearchResult

UnitKind = Literal["sentence", "heading", "header", "row", "rule"]
"""What a unit of compression is; `header` is a table's first row, `rule` the line of dashes below it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How close a sentence or table row is to the question (-1..1, higher is closer), and what it is about.

    `close` is the question as it is embedded: what is shown and judged by. `chosen` is the question as an encoder reads
    it that was trained for passages, the headings above counting too: what to choose by. `vector` is the mean of its
    token vectors, `(d,)` and L2-normalised, None where the model saw nothing of it.
    """

    close: float = 0.0
    chosen: float = 0.0
    vector: Vectors | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A sentence or table row and how close it is to the question, 0..1; `value` is what it is worth in a context."""

    span: Span
    score: float
    kind: UnitKind = "sentence"
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Selection:
    """What compression kept of a hit: ordered, disjoint ranges inside its span, and heads of its tables before it.

    `units` are the kept sentences and table rows that the spans were merged from, with their scores, in order.
    """

    hit: Hit
    spans: tuple[Span, ...]
    units: tuple[ScoredSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A range of a document and the heading path above it, outermost first; `title`: it is a heading itself."""

    span: Span
    headings: tuple[str, ...]
    title: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A tagged piece of the final context. `text` is its spans' texts, joined by ' … ' where they are not adjacent.

    `units` are its sentences and table rows as compression scored them, in order; `headings` is the heading path of
    its first hit, `sections` has that of every block in it; `tables` are the parts of tables in it (None: nobody knows,
    so they are guessed from the text).
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
    tables: tuple[Table, ...] | None = None
    sections: tuple[Section, ...] = ()

    @property
    def start(self) -> int:
        """First character of the passage in its document."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """One past the last character of the passage in its document."""
        return self.spans[-1].end

    def headings_at(self, position: int) -> tuple[str, ...]:
        """Return the heading path above a character of the document; that of the first hit where none is known."""
        section = self._section_at(position)
        return section.headings if section else self.headings

    def is_title(self, position: int) -> bool:
        """Say whether a character of the document is known to stand in a heading."""
        section = self._section_at(position)
        return section is not None and section.title

    def title_above(self, position: int) -> int:
        """Return where the last heading begins that stands before a character in the passage; 0 for none."""
        return max((s.span.start for s in self.sections if s.title and s.span.start <= position), default=0)

    def _section_at(self, position: int) -> Section | None:
        return next((each for each in self.sections if each.span.start <= position < each.span.end), None)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hit, or part of one, that did not reach the context, and why; what a knapsack left out has tokens and value."""

    doc_id: str
    span: Span
    reason: DropReason
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
class ContextResult:
    """Hits, the context packed from the first `packed_from` of the ranking, and the prompt that would be sent."""

    search: SearchResult
    context: Context
    prompt: Prompt
    timings_ms: Mapping[str, float]
    packed_from: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole ranking of a question, best first, and the context packed from its head."""

    query: Query
    hits: tuple[Hit, ...]
    context: ContextResult

"""A question on its way through the stages of a search, and what each stage found."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rag.conditions import Condition, Filter
from rag.types.documents import Chunk, Generation


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one corpus; None means the setting's value.

    `filter` is a mapping of fields to the values they must have, or a list of conditions (`rag.conditions`).
    `top_k` is how many hits are returned; the context is packed from the best `context.max_hits`, whatever it is.
    """

    question: str
    corpus: str
    top_k: int | None = None
    budget_tokens: int | None = None
    filter: Mapping[str, str] | Sequence[Condition] = ()
    history: tuple[Turn, ...] = ()
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and cost of one generation; `cost_usd` is None when the model's price is not configured.

    Tokens that an endpoint did not count are None, and so is their cost: nobody knows them. 0 is what nobody used.
    """

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cost_usd: float | None = None


UNCOUNTED = Usage(None, None)
"""What a model used whose endpoint does not count tokens."""


def total_usage(parts: Sequence[Usage]) -> Usage:
    """Return the sum; tokens and cost are unknown when those of any part that used tokens are."""
    used = [part for part in parts if part.input_tokens != 0 or part.output_tokens != 0]
    costs = [part.cost_usd for part in used]
    known = [cost for cost in costs if cost is not None]
    cost = math.fsum(known) if costs and len(known) == len(costs) else None
    return Usage(_sum(part.input_tokens for part in used), _sum(part.output_tokens for part in used), cost)


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


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
    terms on top of the text's own. `left_out` is the part of the filter that the settings ask for, not the caller.
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
    left_out: Filter = ()

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


@dataclass(frozen=True, slots=True)
class Ranking:
    """The hits of a query, best first. Equal keys mean equal rankings; None says nothing."""

    query: Query
    hits: tuple[Hit, ...]
    key: Hashable = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Ranked hits of one question, what query steps made of it, and the time each stage took, in milliseconds."""

    question: str
    generation: Generation
    settings: str
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    steps: tuple[StepTrace, ...] = ()

"""What a generator wrote, and the answer that is left after its citations were checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.types.context import ContextResult
from rag.types.documents import Box, Span
from rag.types.search import Usage


@dataclass(frozen=True, slots=True)
class Taken:
    """A sentence that a generator took from a passage: its citation is known, so its text is never searched for tags.

    `text` is how it is shown, the tag `[n]` of its passage included, `gap` the white space before it. `claim` is what
    it says, as its source writes it. `span` is its place in the passage's document.
    """

    gap: str
    text: str
    claim: str
    tag: int
    span: Span


CutReason = Literal["length", "content_filter"]
"""Why an endpoint ended a reply before the model did: its limit of tokens, or a filter."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator returned, before its citations were checked. `abstained` drafts have an empty text.

    `taken` are its sentences where all of them were taken from passages; together they are its text. `cut` says why
    the model broke off before its end; None where it did not.
    """

    text: str
    model: str
    usage: Usage = Usage()
    abstained: bool = False
    reason: str | None = None
    taken: tuple[Taken, ...] = ()
    cut: CutReason | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a stream that broke off before the model was done."""

    reason: CutReason


Piece = str | Taken | Cut | Usage
"""What a generator streams: text that a model wrote, or sentences taken from passages, then how they ended and cost."""


def draft_of(pieces: Sequence[Piece], model: str) -> Draft:
    """Return the draft that the pieces of a stream make; it is `taken` where all of its text is.

    The last usage counts. Text that a model wrote has no white space around it.
    """
    said = [piece for piece in pieces if isinstance(piece, str | Taken)]
    cut = next((piece.reason for piece in pieces if isinstance(piece, Cut)), None)
    spent = [piece for piece in pieces if isinstance(piece, Usage)]
    usage = spent[-1] if spent else Usage()
    taken = tuple(piece for piece in said if isinstance(piece, Taken))
    text = "".join(map(text_of, said))
    if len(taken) == len(said):
        return Draft(text, model, usage, taken=taken, cut=cut)
    return Draft(text.strip(), model, usage, cut=cut)


def text_of(piece: str | Taken) -> str:
    """Return what a piece adds to the answer's text."""
    return piece if isinstance(piece, str) else piece.gap + piece.text


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
    """One sentence of an answer at `[start, end)` of the answer's text, with its citations.

    `claim` is what it says, without tags; empty where nobody kept it apart.
    """

    text: str
    start: int
    end: int
    citations: tuple[Citation, ...] = ()
    claim: str = ""


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
    `warnings` say what a reader must know of it.
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
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A step of a streamed answer: the context, then text as it comes, then the checked answer."""

    kind: Literal["context", "delta", "answer"]
    text: str = ""
    context: ContextResult | None = None
    answer: Answer | None = None

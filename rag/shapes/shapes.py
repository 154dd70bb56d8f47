"""The shapes of the JSON: what is documented in the API's schema."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class JsonShape(BaseModel):
    """What all shapes share: a field that is not documented is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StageScoreJson(JsonShape):
    """Where one stage put a hit; higher scores are better, each stage has its own scale."""

    rank: int
    score: float


class BoxJson(JsonShape):
    """A rectangle on a page, in points (1/72 inch) from its upper left corner; `page` counts from 1."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


class HitJson(JsonShape):
    """One retrieved chunk with the trace of the stages it went through.

    `boxes` are the lines and table cells that it covers, for highlighting; empty where the format has no pages.
    """

    rank: int
    score: float
    doc_id: str
    chunk_id: str
    start: int
    end: int
    text: str
    title: str
    headings: list[str]
    page: int | None
    boxes: list[BoxJson] = []
    stages: dict[str, StageScoreJson]


class UsageJson(JsonShape):
    """Tokens and cost; `cost_usd` is null when the model's price is not configured.

    Tokens are null where the model's endpoint did not count them.
    """

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


class QueryStepJson(JsonShape):
    """What one query step did: the `text` that is searched after it, and what it added or replaced.

    `note` says why it did nothing; `prompt` and `usage` are of the language model, where one was asked.
    """

    name: str
    text: str
    added: list[str]
    note: str
    prompt: str
    usage: UsageJson


class SearchJson(JsonShape):
    """Ranked hits of one question, from one index generation; `query_steps` is empty unless steps are configured."""

    question: str
    corpus: str
    generation: int
    settings: str
    hits: list[HitJson]
    query_steps: list[QueryStepJson] = []
    timings_ms: dict[str, float]


class PassageJson(JsonShape):
    """A tagged piece of the context; `text` is its spans joined by " … " where they are not adjacent."""

    tag: int
    doc_id: str
    title: str
    start: int
    end: int
    text: str
    spans: list[tuple[int, int]]
    tokens: int


class LostJson(JsonShape):
    """What did not reach the context, and why."""

    doc_id: str
    start: int
    end: int
    reason: str


class DroppedJson(LostJson):
    """What did not reach the context, and why; what a knapsack left out for its budget has tokens and value."""

    tokens: int | None = None
    value: float | None = None


class MessageJson(JsonShape):
    """One chat message of the rendered prompt."""

    role: str
    content: str


class PromptJson(JsonShape):
    """The prompt as the model would read it."""

    name: str
    version: str
    messages: list[MessageJson]


class ContextJson(SearchJson):
    """The hits, the context packed from them and the prompt made of it."""

    passages: list[PassageJson]
    tokens: int
    budget_tokens: int
    tokenizer: str
    dropped: list[DroppedJson]
    prompt: PromptJson


class QuotedJson(JsonShape):
    """One checked citation; `quote` equals the document's clean text at `[start, end)`."""

    tag: int
    doc_id: str
    title: str
    uri: str
    start: int
    end: int
    quote: str
    support_score: float
    supported: bool


class CitationJson(QuotedJson):
    """One checked citation; `quote` equals the document's clean text at `[start, end)`.

    `page` and `boxes` say where the quote stands; null and empty where the format has no pages.
    """

    page: int | None = None
    boxes: list[BoxJson] = []


class SentenceJson(JsonShape):
    """One sentence at `[start, end)` of the answer."""

    text: str
    start: int
    end: int
    citations: list[CitationJson]


class PromptRefJson(JsonShape):
    """The prompt file that was used."""

    name: str
    version: str


class ProvenanceJson(JsonShape):
    """What produced the answer, enough to produce it again."""

    generation: int
    settings: str
    prompt: PromptRefJson
    model: str
    release: str | None


class AnswerJson(JsonShape):
    """A checked answer; when `abstained`, `answer` is empty and `reason` says why.

    `warnings` say what a reader must know of it, such as that the model was cut off.
    """

    answer: str
    sentences: list[SentenceJson]
    abstained: bool
    reason: str | None
    context: ContextJson
    provenance: ProvenanceJson
    usage: UsageJson
    timings_ms: dict[str, float]
    warnings: list[str] = []


class CorpusJson(JsonShape):
    """One corpus and its live generation."""

    name: str
    generation: int
    settings: str
    published_at: str | None


class CorporaJson(JsonShape):
    """Every corpus that can be asked."""

    corpora: list[CorpusJson]


class DocumentJson(JsonShape):
    """A document as the live generation sees it; `text` is the clean text that all offsets speak of."""

    doc_id: str
    corpus: str
    generation: int
    title: str
    uri: str
    media_type: str
    source_hash: str
    metadata: dict[str, str | tuple[str, ...]]
    warnings: list[str]
    text: str


class VerdictJson(JsonShape):
    """How well the evidence of a row supports its claim, 0..1; `method` is the verifier that said so."""

    id: str | int
    score: float
    supported: bool
    method: str


class VerdictsJson(JsonShape):
    """The verdicts of all rows, in the order they were sent."""

    rows: list[VerdictJson]

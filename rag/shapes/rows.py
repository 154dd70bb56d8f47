"""One line of `rows.jsonl`: everything a reader needs to judge a case without running it again.

A row is written by one version of the program and read by others. So a key that this version does not know is kept,
and a key that is missing has a default. The exceptions are the few on which a gate decides: without them a row is
damaged, because a default could let a candidate pass.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rag.shapes.shapes import JsonShape, LostJson, QuotedJson, UsageJson

_KEPT = ConfigDict(extra="allow", frozen=True)
"""Keys of other versions stay."""


class RowPart(JsonShape):
    """What the parts of a row share."""

    model_config = _KEPT


class RowTurnJson(RowPart):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: str


class RowHitJson(RowPart):
    """A hit by its place; `score` is that of the last stage, higher is better."""

    doc_id: str
    start: int
    end: int
    score: float


class RowPassageJson(RowPart):
    """A passage of the context; `PassageJson` in the order in which rows have always named its keys."""

    tag: int
    doc_id: str
    title: str
    start: int
    end: int
    spans: list[tuple[int, int]]
    text: str
    tokens: int


class RowDroppedJson(LostJson):
    """What did not reach the context, and why."""

    model_config = _KEPT


class RowContextJson(RowPart):
    """The packed context and its ledger."""

    passages: list[RowPassageJson]
    tokens: int | None
    dropped: list[RowDroppedJson] = []


class RowCitationJson(QuotedJson):
    """One checked citation; `quote` equals the document's clean text at `[start, end)`."""

    model_config = _KEPT


class RowSentenceJson(RowPart):
    """One sentence at `[start, end)` of the answer."""

    text: str
    start: int
    end: int
    citations: list[RowCitationJson]


class RowGoldSpanJson(RowPart):
    """A passage that answers the question, at `[start, end)` of its document."""

    doc_id: str
    start: int
    end: int
    text: str


class RowGoldJson(RowPart):
    """What people said about the case: reference answers, documents and passages."""

    answers: list[str] = []
    documents: list[str] = []
    spans: list[RowGoldSpanJson] = []


class RowSourceJson(RowPart):
    """Part of a document's clean text that begins at `start`: where gold and citations stand."""

    doc_id: str
    start: int
    text: str


class RowUsageJson(UsageJson):
    """Tokens and cost; `cost_usd` is null when the model's price is not configured."""

    model_config = _KEPT


class RowJson(RowPart):
    """A case of a run: the question, what people said about it, what the system did, and the values of all metrics.

    `status` is ok, error, abstained or not_applicable. `broken` names the first stage that broke (`eval.failures`).
    `hits` is the ranking, of which the context was packed from the first `hits_used` (null: no answer was asked for).
    An unmeasured metric is null in `metrics`, `unmeasured` has its reason, and `not_applicable` names those of them
    that do not apply to the case. Times are in milliseconds by stage.
    """

    id: str
    status: Literal["ok", "error", "abstained", "not_applicable"] = "ok"
    error: str | None = None
    question: str = ""
    kind: str = "golden"
    expect: str = "answer"
    answerable: bool = True
    cluster: str
    tags: list[str]
    split: str | None = None
    history: list[RowTurnJson] = []
    rubrics: dict[str, str] = {}
    broken: str | None
    generation: int | None = None
    hits: list[RowHitJson] = []
    hits_used: int | None = None
    context: RowContextJson | None = None
    answer: str = ""
    abstained: bool | None = None
    reason: str | None = None
    answerability: float | None = None
    sentences: list[RowSentenceJson] = []
    gold: RowGoldJson = Field(default_factory=RowGoldJson)
    sources: list[RowSourceJson] = []
    metrics: dict[str, float | None]
    unmeasured: dict[str, str] = {}
    not_applicable: list[str] = []
    usage: RowUsageJson | None = None
    timings_ms: dict[str, float] = {}

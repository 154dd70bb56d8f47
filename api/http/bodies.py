"""What users send: one strict schema for HTTP bodies and for the options of the command line."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from api.errors import InvalidRequestError
from rag.answer.batch import ClaimRow
from rag.conditions import Condition, as_conditions, parse_condition
from rag.errors import ConfigError
from rag.explain.values import PassageRef
from rag.pipeline import Request
from rag.types import Span, Turn

MAX_TOP_K = 1000
MAX_BUDGET_TOKENS = 1_000_000
MAX_TURNS = 100
MAX_TURN_CHARS = 50_000
MAX_CONDITIONS = 100
MAX_FILTER_CHARS = 50_000
MAX_NAME_CHARS = 200
MAX_ID_CHARS = 4096
MAX_OFFSET = 2**40
MAX_VERIFIED_ROWS = 1000
MAX_CLAIM_CHARS = 50_000
MAX_EVIDENCE_CHARS = 500_000
MAX_EVIDENCE_PARTS = 1000
_MAX_FIELDS = 50  # a body with more is refused as one problem, not as one for each field


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("surrogates", "must be valid Unicode text, without lone surrogates") from error
    if "\0" in text:  # no database keeps it
        raise PydanticCustomError("nul", "must not hold the character NUL (U+0000)")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
NonBlank = Annotated[Text, AfterValidator(_not_blank)]
Name = Annotated[NonBlank, Field(max_length=MAX_NAME_CHARS)]
DocId = Annotated[NonBlank, Field(max_length=MAX_ID_CHARS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, given: object) -> object:
        if isinstance(given, dict) and len(given) > _MAX_FIELDS:
            known = ", ".join(cls.model_fields)
            raise PydanticCustomError("fields", "has too many fields; the valid ones are {known}", {"known": known})
        return given


class TurnBody(_Body):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: Annotated[NonBlank, Field(max_length=MAX_TURN_CHARS)]


def _conditions(given: object, parse_mapping: ValidatorFunctionWrapHandler) -> tuple[Condition, ...]:
    if isinstance(given, dict | list | tuple) and len(given) > MAX_CONDITIONS:
        raise PydanticCustomError("conditions", "must have at most {most} conditions", {"most": MAX_CONDITIONS})
    if not isinstance(given, list | tuple):
        return as_conditions(parse_mapping(given))
    if sum(len(item) for item in given if isinstance(item, str)) > MAX_FILTER_CHARS:
        raise PydanticCustomError("conditions", "must have at most {most} characters", {"most": MAX_FILTER_CHARS})
    found = []
    for item in given:
        if not isinstance(item, str):
            raise PydanticCustomError("condition", "must be conditions like 'key=value' or 'date>=2024-01-31'")
        try:
            found.append(parse_condition(_encodable(item)))
        except ConfigError as error:
            raise PydanticCustomError("condition", "{problem}", {"problem": str(error)}) from error
    return tuple(found)


_FILTER_SCHEMA = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": MAX_CONDITIONS},
        {"type": "array", "items": {"type": "string"}, "maxItems": MAX_CONDITIONS},
    ],
    "default": {},
    "description": "metadata fields that must all be equal, or hold the value in a list; or conditions such as"
    " 'date>=2024-01-31', 'lang!=de', 'tags in [a, b]', all of which must be met",
}


def _conditions_schema(_source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    return core_schema.no_info_wrap_validator_function(_conditions, handler(dict[Text, Text]))


Conditions = Annotated[
    tuple[Condition, ...], GetPydanticSchema(_conditions_schema), WithJsonSchema(_FILTER_SCHEMA, mode="validation")
]


class SearchBody(_Body):
    """A question to one corpus; what is left out takes the value of the service's settings."""

    question: NonBlank
    corpus: Name
    top_k: int | None = Field(default=None, ge=1, le=MAX_TOP_K)
    filter: Conditions = ()


class ContextBody(SearchBody):
    """A question whose context is wanted, with the tokens it may take."""

    budget_tokens: int | None = Field(default=None, ge=1, le=MAX_BUDGET_TOKENS)


class AnswerBody(ContextBody):
    """A question to answer; `stream` asks for server-sent events, `prompt` is NAME@VERSION."""

    history: list[TurnBody] = Field(default_factory=list, max_length=MAX_TURNS)
    stream: bool = False
    prompt: Name | None = None


class PassageBody(_Body):
    """A range `[start, end)` of a document's clean text; without `start` and `end` the whole document."""

    doc_id: DocId
    start: int | None = Field(default=None, ge=0, le=MAX_OFFSET)
    end: int | None = Field(default=None, ge=1, le=MAX_OFFSET)

    @model_validator(mode="after")
    def _is_a_range(self) -> PassageBody:
        given = (self.start is not None) + (self.end is not None)
        if given == 1 or (self.start is not None and self.end is not None and self.start >= self.end):
            raise PydanticCustomError("range", "needs start and end with start < end, or neither")
        return self


class ExplainBody(ContextBody):
    """A question and the passage whose way to its context is wanted."""

    passage: PassageBody
    history: list[TurnBody] = Field(default_factory=list, max_length=MAX_TURNS)


def _joined(given: object) -> object:
    """Write several pieces of evidence as one text, each a paragraph."""
    if isinstance(given, list):
        if len(given) > MAX_EVIDENCE_PARTS or not all(isinstance(part, str) for part in given):
            raise PydanticCustomError(
                "evidence", "must be a text or at most {most} texts", {"most": MAX_EVIDENCE_PARTS}
            )
        return "\n\n".join(given)
    return given


_EVIDENCE_SCHEMA = {
    "anyOf": [
        {"type": "string", "maxLength": MAX_EVIDENCE_CHARS},
        {"type": "array", "items": {"type": "string"}, "maxItems": MAX_EVIDENCE_PARTS},
    ],
    "description": "what has to support the claim: a text, or several that count together",
}
Evidence = Annotated[
    Text,
    Field(max_length=MAX_EVIDENCE_CHARS),
    BeforeValidator(_joined),
    WithJsonSchema(_EVIDENCE_SCHEMA, mode="validation"),
]
RowId = Annotated[Text, Field(max_length=MAX_ID_CHARS)] | Annotated[int, Field(ge=-MAX_OFFSET, le=MAX_OFFSET)]


class ClaimBody(_Body):
    """A claim and its evidence; `id` comes back with the verdict."""

    id: RowId
    claim: Annotated[Text, Field(max_length=MAX_CLAIM_CHARS)]
    evidence: Evidence


class VerifyBody(_Body):
    """Claims to verify; `method` names a verifier, by default that of the service's settings."""

    rows: list[ClaimBody] = Field(max_length=MAX_VERIFIED_ROWS)
    method: Name | None = None


def claim_row(body: ClaimBody) -> ClaimRow:
    """Return the row that verifiers take."""
    return ClaimRow(body.id, body.claim, body.evidence)


def passage_of(body: ExplainBody) -> PassageRef:
    """Return the passage that is asked about."""
    asked = body.passage
    span = Span(asked.start, asked.end) if asked.start is not None and asked.end is not None else None
    return PassageRef(asked.doc_id, span)


def request_of(body: SearchBody, max_question_chars: int) -> Request:
    """Return the pipeline's request.

    Raises:
        InvalidRequestError: the question is longer than the settings allow.
    """
    if len(body.question) > max_question_chars:
        raise InvalidRequestError(
            f"the question has {len(body.question)} characters, at most {max_question_chars} are allowed"
            " (serve.max_question_chars); shorten it"
        )
    fields: dict[str, Any] = {name: value for name, value in body if name not in {"stream", "passage"}}
    turns = tuple(Turn(turn.role, turn.text) for turn in fields.pop("history", ()))
    return Request(history=turns, **fields)

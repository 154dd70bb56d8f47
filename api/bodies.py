"""What users send: one strict schema for HTTP bodies and for the options of the command line."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from api.errors import InvalidRequestError
from rag.conditions import Condition, as_conditions, parse_condition
from rag.errors import ConfigError
from rag.pipeline import Request
from rag.types import Turn

MAX_TOP_K = 1000
MAX_BUDGET_TOKENS = 1_000_000
MAX_TURNS = 100


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("surrogates", "must be valid Unicode text, without lone surrogates") from error
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
NonBlank = Annotated[Text, AfterValidator(_not_blank)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TurnBody(_Body):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: NonBlank


def _conditions(given: object, parse_mapping: ValidatorFunctionWrapHandler) -> tuple[Condition, ...]:
    if not isinstance(given, list | tuple):
        return as_conditions(parse_mapping(given))
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
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": {"type": "string"}},
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
    corpus: NonBlank
    top_k: int | None = Field(default=None, ge=1, le=MAX_TOP_K)
    filter: Conditions = ()


class ContextBody(SearchBody):
    """A question whose context is wanted, with the tokens it may take."""

    budget_tokens: int | None = Field(default=None, ge=1, le=MAX_BUDGET_TOKENS)


class AnswerBody(ContextBody):
    """A question to answer; `stream` asks for server-sent events, `prompt` is NAME@VERSION."""

    history: list[TurnBody] = Field(default_factory=list, max_length=MAX_TURNS)
    stream: bool = False
    prompt: NonBlank | None = None


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
    fields: dict[str, Any] = {name: value for name, value in body if name != "stream"}
    turns = tuple(Turn(turn.role, turn.text) for turn in fields.pop("history", ()))
    return Request(history=turns, **fields)

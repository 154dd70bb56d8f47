import pytest

from rag.errors import GeneratorError
from rag.llm.base import ChatModel, ChatRequest, Completion, Delta, JsonReply, completion_of, text_of
from rag.types import Message, Usage
from tests.fakes import FakeChatModel

ASKED = (Message("system", "Be brief."), Message("user", "Why?"))


def test_what_is_not_set_is_not_sent() -> None:
    body = ChatRequest(ASKED, take=(1, 2), deadline_s=3.0).body("m")
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
    }


def test_what_is_set_is_sent_as_chat_completions_write_it() -> None:
    body = ChatRequest(ASKED, 0.0, 9, JsonReply(), seed=0).body("m")
    assert {key: body[key] for key in ("temperature", "max_tokens", "response_format", "seed")} == {
        "temperature": 0.0,
        "max_tokens": 9,
        "response_format": {"type": "json_object"},
        "seed": 0,
    }
    schema = {"type": "object"}
    form = ChatRequest(ASKED, reply=JsonReply(schema, "verdict")).body("m")["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema, "strict": True}}


def test_the_last_piece_of_a_stream_carries_what_is_no_text() -> None:
    pieces = [Delta("Be"), Delta("cause."), Delta("", None, "stop", Usage(1, 2))]
    assert completion_of(pieces) == Completion("Because.", None, "stop", Usage(1, 2))
    assert completion_of([]) == Completion("")


async def test_a_text_is_stripped_and_an_empty_one_is_an_error() -> None:
    model = FakeChatModel("  Because. \n")
    assert isinstance(model, ChatModel)
    assert (await text_of(model, ChatRequest(ASKED))).text == "Because."
    with pytest.raises(GeneratorError, match="'fake-model' returned an empty answer") as caught:
        await text_of(FakeChatModel(" \n"), ChatRequest(ASKED))
    assert caught.value.brief == "empty answer"

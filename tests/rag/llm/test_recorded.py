"""Kept replies: found by all that was sent and by nothing else, in files that older releases wrote too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.errors import ConfigError, GeneratorError
from rag.llm.base import ChatRequest, Completion, Delta, JsonReply, completion_of
from rag.llm.metered import Metered, Prices
from rag.llm.recorded import Ask, Cassettes, HeldReplies, Recorded, Replies
from rag.types import Message, Usage
from tests.fakes import FakeChatModel

ASKED = ChatRequest((Message("user", "Is it é?"),), 0.0, 1024, JsonReply(), take=(0, 1))
# a file as the release before wrote it, and the name that it had
OLD_NAME = "6ee18858bb5f69cc6f828b8bf76e287fc0d0e2e18317deedc542d4465f2d3eb4"
OLD = {
    "request": {
        "model": "big",
        "messages": [{"role": "user", "content": "Is it é?"}],
        "temperature": 0.0,
        "max_tokens": 1024,
        "response_format": {"type": "json_object"},
    },
    "take": [0, 1],
    "reply": {"text": "yes", "refusal": None, "finish_reason": "stop", "input_tokens": 3, "output_tokens": 1},
}


async def test_a_cassette_of_an_older_release_is_found_and_a_new_one_is_the_same_file(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / OLD_NAME[:2]).mkdir(parents=True)
    (old / OLD_NAME[:2] / f"{OLD_NAME}.json").write_text(json.dumps(OLD, indent=1) + "\n")
    kept = await Recorded("big", None, Cassettes(old)).complete(ASKED)
    assert kept == Completion("yes", None, "stop", Usage(3, 1))
    await Recorded("big", FakeChatModel("yes", "big", Usage(3, 1)), Cassettes(new)).complete(ASKED)
    (path,) = new.rglob("*.json")
    assert path.name == f"{OLD_NAME}.json" and path.read_text() == json.dumps(OLD, indent=1) + "\n"


@pytest.mark.parametrize("missing", ["input_tokens", "output_tokens"])
async def test_a_reply_with_half_a_count_has_none(missing: str, tmp_path: Path) -> None:
    path = tmp_path / OLD_NAME[:2] / f"{OLD_NAME}.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**OLD, "reply": {**OLD["reply"], missing: None}}))  # type: ignore[dict-item]
    assert (await Recorded("big", None, Cassettes(tmp_path)).complete(ASKED)).usage is None


@pytest.mark.parametrize("kind", ["held", "files"])
def test_the_key_holds_everything_that_was_sent(kind: str, tmp_path: Path) -> None:
    replies: Replies = HeldReplies() if kind == "held" else Cassettes(tmp_path)
    body = {"model": "m", "messages": [{"role": "user", "content": "\ud800 é"}], "temperature": 0.0}
    reply = Completion("yes", None, "stop", Usage(3, 1))
    replies.put(Ask(body), reply)
    assert replies.get(Ask(dict(reversed(list(body.items()))))) == reply
    for other in (Ask(body, (1, 0)), Ask(body, (0, 1)), Ask(body | {"model": "n"}), Ask(body | {"temperature": 1.0})):
        assert replies.get(other) is None


def test_a_damaged_cassette_is_named(tmp_path: Path) -> None:
    replies, ask = Cassettes(tmp_path), Ask({"model": "m"})
    replies.put(ask, Completion("yes"))
    (path,) = tmp_path.rglob("*.json")
    path.write_text("{")
    with pytest.raises(ConfigError, match=f"the cassette {path} is damaged"):
        replies.get(ask)


@pytest.mark.parametrize("kind", ["held", "files"])
async def test_a_stream_and_a_whole_reply_share_what_is_kept(kind: str, tmp_path: Path) -> None:
    replies: Replies = HeldReplies() if kind == "held" else Cassettes(tmp_path)
    inner = FakeChatModel("It is so. [1]", "big", Usage(3, 1))
    model = Recorded("big", Metered(inner, Prices(1e6, 1e6)), replies)
    first = completion_of([piece async for piece in model.stream(ASKED)])
    again = await model.complete(ASKED)
    played = [piece async for piece in model.stream(ASKED)]
    assert first.usage == Usage(3, 1, 4.0) and again.usage == Usage(3, 1), "what is kept was paid"
    assert (again.text, again.finish_reason) == (first.text, first.finish_reason) == ("It is so. [1]", "stop")
    assert played == [Delta("It is so. [1]"), Delta("", None, "stop", Usage(3, 1))]
    assert len(inner.requests) == 1 and model.replayed == 2


async def test_a_stream_that_is_left_early_is_not_kept() -> None:
    replies = HeldReplies()
    model = Recorded("big", FakeChatModel("one two three", "big"), replies)
    pieces = model.stream(ASKED)
    assert (await anext(pieces)).text == "one "
    await pieces.aclose()
    assert replies.get(Ask(ASKED.body("big"), ASKED.take)) is None


async def test_a_replay_names_what_was_never_recorded() -> None:
    model = Recorded("big", None, HeldReplies())
    with pytest.raises(GeneratorError, match="no cassette"):
        await model.complete(ASKED)
    with pytest.raises(GeneratorError, match="no cassette"):
        await anext(model.stream(ASKED))
    assert model.missing == [OLD_NAME] * 2 and model.replayed == 0

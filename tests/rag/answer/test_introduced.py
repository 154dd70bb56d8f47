"""A sentence that ends in a colon is said with what it introduces, or not at all; nobody says half a fenced block."""

from __future__ import annotations

import pytest

from rag.answer.extractive import ExtractiveGenerator
from rag.context.citations import cite, located_at
from rag.context.tags import fences
from rag.types import Context, Draft, Message, Passage, Prompt, Span

INTRO = "To start the mill set these variables:"
ASKED = "Which variables do I set to start the mill?"
AFTER = "The weather was fine that day."

BLOCKS = {
    "bullets": "- MILL_PORT, the port\n- MILL_HOME, the folder\n  of its data",
    "stars": "* MILL_PORT, the port\n\n* MILL_HOME, the folder",
    "round bullets": "• MILL_PORT, the port\n• MILL_HOME, the folder",
    "numbers": "1. MILL_PORT, the port\n2. MILL_HOME, the folder\n\n   It holds data.",
    "letters": "a) MILL_PORT, the port\nb) MILL_HOME, the folder",
    "table": "| name | holds |\n|---|---|\n| MILL_PORT | the port |\n| MILL_HOME | the folder |",
    "definitions": "MILL_PORT\n: the port\n\nMILL_HOME\n: the folder\n: of its data",
    "fence": "```bash\nexport MILL_PORT=1. x\n\nexport MILL_HOME=2\n```",
    "tildes": "~~~\nexport MILL_PORT=1\nexport MILL_HOME=2\n~~~",
    "indented": "    export MILL_PORT=1\n\n    export MILL_HOME=2",
    "fence in a list": "- Type:\n  ```\n  export MILL_PORT=1\n  ```\n- then MILL_HOME",
    "sentence": "MILL_PORT and MILL_HOME.",
}


def context(text: str) -> Context:
    return Context((Passage(1, "d", "Mill", "", text, (Span(40, 40 + len(text)),), 1),), 1, 100, "fake")


async def draft(question: str, text: str, sentences: int = 1) -> Draft:
    prompt = Prompt("p", "1", (Message("user", question),))
    return await ExtractiveGenerator(sentences).generate(question, context(text), prompt)


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
@pytest.mark.parametrize("block", BLOCKS)
async def test_a_colon_is_said_with_what_it_introduces(block: str, gap: str) -> None:
    if gap == "\n" and block in ("indented", "table", "definitions", "sentence"):
        pytest.skip("in the same paragraph that is no block")
    text = f"{INTRO}{gap}{BLOCKS[block]}\n\n{AFTER}"
    found = await draft(ASKED, text)
    assert "MILL_PORT" in found.text and "MILL_HOME" in found.text and AFTER not in found.text
    assert found.text.startswith(INTRO) and found.text.endswith("[1]")
    (taken,) = found.taken
    place = located_at(taken.span, context(text).passages[0])
    assert place.quote == text[taken.span.start - 40 : taken.span.end - 40] == f"{INTRO}{gap}{BLOCKS[block]}"


@pytest.mark.parametrize(
    "rest", ["", "\n\n## Then\n\nMore.", "\n```bash\nexport MILL_PORT=1", "\n~~~\nexport A=1\nB=2"]
)
async def test_a_colon_is_not_said_alone(rest: str) -> None:
    found = await draft(ASKED, f"{AFTER} {INTRO}{rest}")
    assert INTRO not in found.text and "```" not in found.text and "~~~" not in found.text


@pytest.mark.parametrize("mark", ["```", "~~~", "````"])
async def test_a_fenced_block_is_said_as_a_whole_and_what_follows_keeps_its_citations(mark: str) -> None:
    code = f"{mark}sh\nmill start --grain wheat\n\nmill stop. Now.\n{mark}"
    text = f"{code}\n\nWheat stays dry in wind."
    found = await draft("mill start --grain wheat", text, 3)
    assert code in found.text and fences(found.text), found.text
    cited = cite(f"{found.text}\n\nWind turns the mill [1].", {1})
    assert [sentence.tags for sentence in cited.sentences if "Wind" in sentence.claim] == [(1,)]
    assert [sentence.tags for sentence in cited.sentences if "mill stop" in sentence.claim] == [(1,)]


async def test_a_long_list_is_cut_behind_a_line() -> None:
    items = [f"- MILL_{n}, the variable of number {n}" for n in range(200)]
    found = await draft(ASKED, "\n".join([INTRO, *items]))
    shown = found.text.removesuffix(" [1]").split("\n")
    assert shown == [INTRO, *items[: len(shown) - 1]] and 20 < len(shown) < 60


def test_an_answer_of_a_model_keeps_the_citations_of_a_list() -> None:
    cited = cite("Set these [1]:\n\n- PORT [1]\n- HOME [2]\n\nThen start it [3].", {1, 2, 3})
    assert [sentence.tags for sentence in cited.sentences] == [(1,), (1,), (2,), (3,)]

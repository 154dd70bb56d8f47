from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.context.citations import cite, cite_taken, locate, located_at
from rag.context.pack import JOINT
from rag.context.tags import source_brackets, tag_groups, untagged
from rag.types import Passage, Span, Taken

DOCUMENT = "Refunds take five days. Fees are two percent. It may vary.\n\nPlan | Price\nPro | 10\nTeam | 25"


def _known(text: str) -> object:
    return cite(text, {1})


def _cpu_s(work: Callable[[str], object], text: str) -> float:
    times = []
    for _ in range(3):
        start = time.thread_time()
        work(text)
        times.append(time.thread_time() - start)
    return min(times)


def passage(*spans: tuple[int, int], text: str = DOCUMENT) -> Passage:
    ranges = tuple(Span(*span) for span in spans)
    return Passage(1, "doc", "Terms", "", JOINT.join(text[s.start : s.end] for s in ranges), ranges, 1)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Yes [1].", [(1,)]),
        ("Yes [1][2].", [(1,), (2,)]),
        ("Yes [1, 3].", [(1, 3)]),
        ("Yes [1-3] and [2–4].", [(1, 2, 3), (2, 3, 4)]),
        ("In `a[1]` and\n```\nb[2]\n```\nonly [3].", [(3,)]),
        ("See [1](http://x.org) and http://x.org/[2] but [3].", [(3,)]),
        ("In [2024] and [1-900] and [a] and [3-1].", []),
        ("```\nnever closed [1]", [(1,)]),
        ("Run:\n```bash\nmake up\n```\n[2] and more [3].", [(2,), (3,)]),
        ("Run:\n~~~\nmake up\n~~~ [2]\nIt starts [1].", [(2,), (1,)]),
        ("Run:\n````\n```\na[3]\n```\n````\nIt starts [1].", [(1,)]),
        ("Run:\n```bash\nmake up  [2]\nx = [1]\nreturn [1]\nf(a, [1])\n[1]\n```\n", [(2,)]),
        ("- Run:\n  ```\n  x[1]\n  ```\n  It starts [1].\n1. ~~~\n   y[2]\n   ~~~\n   Then [2].", [(1,), (2,)]),
        ("> ```\n> x[1]\n> ```\n> It starts [1].", [(1,)]),
        ("```python\nx = 1\n\nIt was never closed [1]. Neither was this [2].", [(1,), (2,)]),
        ("~~~\nx = 1\nIt was never closed [1].\n\n```\ny[2]\n```\nClosed [3].", [(1,), (3,)]),
        ("Say ```x[1]``` in a line [2].", [(2,)]),
    ],
)
def test_tags_are_found_where_they_are_citations(text: str, tags: list[tuple[int, ...]]) -> None:
    assert [group.tags for group in tag_groups(text)] == tags


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One is [1]. Two is [2].", [("One is.", (1,)), ("Two is.", (2,))]),
        ("One is. [1] Two is. [2][3]", [("One is.", (1,)), ("Two is.", (2, 3))]),
        ("One is.[1] Two is.[2]", [("One is.", (1,)), ("Two is.", (2,))]),
        ("[1] One is. Two is not", [("One is.", (1,)), ("Two is not", ())]),
        ("One is [1]\n\nTwo is [2]", [("One is", (1,)), ("Two is", (2,))]),
        (
            "Set these [1]:\n```sh\nA=1. B\n\nC=2\n```\n[2]\nThen wait [1].",
            [("Set these:", (1,)), ("A=1. B\n\nC=2", (2,)), ("Then wait.", (1,))],
        ),
        ("Run it.\n~~~\nmake up\n~~~ [2]\n\nDone [1].", [("Run it.", ()), ("make up", (2,)), ("Done.", (1,))]),
        ("- Run:\n  ```\n  make up\n  ```\n- Done [1].", [("- Run:", ()), ("make up", ()), ("- Done.", (1,))]),
        ("```\nx = 1\n\nNever closed [1]. Done [2].", [("x = 1", ()), ("Never closed.", (1,)), ("Done.", (2,))]),
        ("The U.S. [1] rule holds [2].", [("The U.S. rule holds.", (1, 2))]),
    ],
)
def test_sentences_get_their_tags(text: str, found: list[tuple[str, tuple[int, ...]]]) -> None:
    cited = cite(text, {1, 2, 3})
    assert [(s.claim, s.tags) for s in cited.sentences] == found
    assert cited.text == text


def test_unknown_tags_are_removed_and_reported() -> None:
    cited = cite("One [1, 9]. Two [7].", {1, 2})
    assert cited.text == "One [1]. Two."
    assert cited.unknown == (9, 7)
    assert [s.tags for s in cited.sentences] == [(1,), ()]


@given(st.text(alphabet="aB .!?\n[]1239,-`(", max_size=60))
def test_sentences_cover_the_answer_in_order(text: str) -> None:
    cited = cite(text, {1, 2})
    assert all(tag in (1, 2) for s in cited.sentences for tag in s.tags)
    position = 0
    for sentence in cited.sentences:
        assert not cited.text[position : sentence.start].strip()
        assert position <= sentence.start < sentence.end <= len(cited.text)
        position = sentence.end
    rest = cited.text[position:].strip()
    assert not rest or not any(c.isalpha() for c in rest)


def test_tags_that_open_a_line_belong_to_its_first_sentence_only() -> None:
    cited = cite("Zero is.\n[1] One is. Two is.", {1})
    assert [(s.claim, s.tags) for s in cited.sentences] == [("Zero is.", ()), ("One is.", (1,)), ("Two is.", ())]


ENDLESS = [
    "[1] ",
    "[1]",
    "a. [1] ",
    "A b. ",
    "a",
    "[",
    "[1",
    "[1,",
    "[1]:",
    "`",
    "```\n",
    "[a](",
    "a-",
    "x://",
    "\n[1] A. ",
    '." ',
]


@pytest.mark.parametrize("piece", ENDLESS)
@pytest.mark.parametrize("work", [_known, tag_groups, source_brackets, untagged], ids=lambda work: work.__name__)
def test_the_work_grows_with_the_text_and_no_faster(piece: str, work: Callable[[str], object]) -> None:
    """Four times the text takes about four times as long; sixteen times would be quadratic."""
    short, long = (_cpu_s(work, piece * (n // len(piece))) for n in (10_000, 40_000))
    assert long < 10 * short + 0.01


def test_of_an_endless_answer_only_so_much_is_checked() -> None:
    tags = cite("[1] " * 250_000, {1})
    assert len(tag_groups(tags.text)) == 400 and len(tags.text) <= 50_002
    sentences = cite("A b [1]. " * 100_000, {1})
    assert sum(len(s.tags) for s in sentences.sentences) == 400 and len(tag_groups(sentences.text)) == 400
    assert cite("word " * 200_000, {1}).text.endswith("word …")
    assert len(cite("A " + "[1-50]" * 100, range(1, 51)).sentences[0].tags) == 50


def test_a_taken_sentence_keeps_its_place_where_its_text_stands_twice() -> None:
    text = "It may vary. Fees are two percent. It may vary."
    cited = cite_taken([Taken("", "It may vary. [1]", "It may vary.", 1, Span(35, 47))])
    found = located_at(cited.sentences[0].span or Span(0, 1), passage((0, 47), text=text))
    assert (found.span, found.quote) == (Span(35, 47), "It may vary.")
    with pytest.raises(ValueError, match="does not hold"):
        located_at(Span(40, 60), passage((0, 47), text=text))


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("Refunds take five days.", "Refunds take five days."),
        ("refunds TAKE five\ndays", "Refunds take five days"),
        ("You get your refunds in five days at most.", "Refunds take five days."),
        ("Plan: Team; Price: 25.", "Team | 25"),
        ("Refunds take five days and fees are two percent.", "Refunds take five days. Fees are two percent."),
    ],
)
def test_a_claim_is_located_in_the_source(claim: str, quote: str) -> None:
    found = locate(claim, passage((0, 58), (60, 91)))
    assert found.quote == quote
    assert DOCUMENT[found.span.start : found.span.end] == quote


def test_evidence_brings_the_header_row_and_the_title() -> None:
    found = locate("Plan: Team; Price: 25.", passage((60, 91)))
    assert found.evidence == "Terms\nPlan | Price\n--- | ---\nTeam | 25"


@given(st.text(alphabet="abc RTF125.|\n", min_size=1, max_size=40))
def test_every_located_quote_is_the_documents_text(claim: str) -> None:
    found = locate(claim, passage((0, 23), (46, 58), (60, 91)))
    assert found.quote == DOCUMENT[found.span.start : found.span.end]
    assert any(Span(*s).contains(found.span) for s in ((0, 23), (46, 58), (60, 91)))

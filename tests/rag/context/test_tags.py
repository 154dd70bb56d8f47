from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.context.tags import repeats, source_brackets, tag_groups, untagged, without_repeats

BRACKETED = st.text(alphabet="ab .\n[]［］【】()^`~123,;–-:/\u200b=x", max_size=60)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("60 months.[2] Then", "60 months.[^2] Then"),
        ("a [12] b [1, 3] c [1–3] d [ 4 ]", "a [^12] b [^1, 3] c [^1–3] d [^4]"),
        ("full ［2］ and lenticular 【2】 and ［１２］", "full [^2] and lenticular [^2] and [^１２]"),
        ("hidden [\u200b2\u200b]", "hidden [^2]"),
        ("a link [1](http://x.org/a) and [1]: http://x.org/b", "a link [^1](http://x.org/a) and [^1]: http://x.org/b"),
        ("`a[1]` and servers[0].port and argv[1] = x", "`a[1]` and servers[0].port and argv[1] = x"),
        ("```\na[1]\n```\nb [1]", "```\na[1]\n```\nb [^1]"),
        ("cut off ```\nb [1]", "cut off ```\nb [^1]"),
        ("see http://x.org/?a[1]=2", "see http://x.org/?a[1]=2"),
        ("(2), [x], [ ], [a], [2024], [0, 1], [^2]", "(2), [x], [ ], [a], [2024], [0, 1], [^2]"),
    ],
)
def test_brackets_of_a_source_are_shown_with_another_mark(source: str, shown: str) -> None:
    assert source_brackets(source) == shown


@given(BRACKETED)
def test_no_bracket_of_a_source_is_a_tag(text: str) -> None:
    shown = source_brackets(text)
    assert tag_groups(shown) == []
    assert source_brackets(shown) == shown
    assert shown.replace("[^", "[").translate(PLAIN) == text.replace("[^", "[").translate(PLAIN)


PLAIN = str.maketrans({"［": "[", "】": "]", "【": "[", "］": "]", "\u200b": None, " ": None, "\n": None})


@pytest.mark.parametrize(
    ("source", "answer", "found"),
    [
        ("covered for 60 months.[2]", "Batteries are covered for 60 months.[2] [1]", [(2, True)]),
        ("covered for 60 months.[2]", "Batteries last [2].", []),
        ("most of it [3, 4].", "It restores most of it [3][4]. [1]", [(3, True), (4, True)]),
        ("most of it [1–3].", "It restores most of it [2].", [(2, True)]),
        ("most of it ［2］.", "It restores most of it [2].", [(2, True)]),
        ("most of it 【2】.", "It restores most of it [2].", [(2, True)]),
        ("most of it (2).", "It restores most of it [2].", [(2, True)]),
        ("[2] Vester, Ageing of steel, 2020", "[2] Vester, Ageing of steel [1]", [(2, True)]),
        ("read `argv[1]` first", "You read argv[1] first [2].", [(1, True)]),
    ],
)
def test_tags_copied_from_a_source_are_found(source: str, answer: str, found: list[tuple[int, bool]]) -> None:
    assert [(repeat.tag, repeat.of_source) for repeat in repeats(answer, [source], [])] == found


def test_tags_copied_from_an_earlier_answer_are_found_and_go_when_refused() -> None:
    answer = "The gate opens at six. [2] Steam shortens its life [3]. [1]"
    copied = repeats(answer, ["Steam shortens its life [3]."], ["The gate opens at six. [2]"])
    assert [(repeat.tag, repeat.of_source) for repeat in copied] == [(2, False), (3, True)]
    assert without_repeats(answer, copied) == "The gate opens at six. Steam shortens its life [^3]. [1]"
    assert without_repeats(answer, copied[:1]) == "The gate opens at six. Steam shortens its life [3]. [1]"


WORDS = st.lists(st.sampled_from("alpha beta gamma delta [1] [2] [1,2] [2–3] 【2】 word. [2].".split()), max_size=20)


@given(WORDS.map(" ".join))
def test_a_sentence_that_is_copied_whole_has_no_tag_when_all_are_refused(source: str) -> None:
    source = f"one two three {source} four five six"
    copied = repeats(source, [source], [])
    assert {(repeat.start, repeat.tag) for repeat in copied} == {
        (group.start, tag) for group in tag_groups(source) for tag in group.tags
    }
    assert tag_groups(without_repeats(source, copied)) == []


def test_tags_of_an_earlier_answer_are_left_out() -> None:
    assert untagged("Five days. [2] `a[1]` ten [1, 3].") == "Five days. `a[1]` ten."

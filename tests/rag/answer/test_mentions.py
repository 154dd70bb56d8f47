"""A name is said to be nowhere only if it is: the claim "the corpus does not mention X" rests on `absent`."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answer.mentions import absent, names_in

SHAPES = [
    "T-250",
    "D-4",
    "S-12",
    "M-9",
    "PN-137",
    "0x80070005",
    "AB/12-34",
    "v1.10",
    "ISO 9001:2015",
    "RFC 2119",
    "E_42",
    "a.b.c",
    "#123",
    "GPL-3.0",
    "12.4.1",
    "4711",
    "NL91ABNA0417164300",
    "file_name.py",
    "C++",
    ".NET",
    "Wohngebäudeschutz",
    "iPhone14",
    "x86_64",
]
FRAMES = [
    "The part {} was painted in May.",
    "| {} | high | Anna |",
    "# {}\n\nText.",
    "pre-{}-based works",
    "({}), see “{}”.",
    "**{}**: new",
    "die{}liste",
    "see{}",
    "型号{}的",
    "{}¹ and {}'s",
    "old\\{}",
]
QUESTIONS = ["When was {} painted?", "Who owns ticket {}?", "{}: what does it cost?", "Is “{}” the one in May?"]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_stands_in_a_text_is_not_absent(shape: str) -> None:
    for frame, question in product(FRAMES, QUESTIONS):
        text = frame.replace("{}", shape) + " May."
        assert absent(names_in(question.replace("{}", shape)), [text]) == [], (frame, question)


@pytest.mark.parametrize("shape", SHAPES)
def test_other_hyphens_widths_and_invisible_characters_are_no_difference(shape: str) -> None:
    marks = product("\u2010\u2011\u2013\u2212\uff0d", "\u00ad\u200b\u2060")
    written = [invisible.join(shape.replace("-", hyphen)).swapcase() for hyphen, invisible in marks]
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in shape)
    for text in (*written, wide):
        assert absent(names_in(f"Who has {shape}?"), [f"We found {text} here."]) == []
        assert absent(names_in(f"Who has {text}?"), [f"We found {shape} here."]) == []


_PIECES = st.text("ABCDEFGHabcdefghißé0123456789", min_size=1, max_size=6)
_CODES = st.lists(_PIECES, min_size=1, max_size=4).flatmap(
    lambda pieces: st.lists(st.sampled_from(["-", "_", ".", "/", ":", ""]), min_size=3, max_size=3).map(
        lambda signs: "".join(a + b for a, b in zip(pieces, [*signs, ""], strict=False))
    )
)


@settings(max_examples=400, deadline=None)
@given(code=_CODES, frame=st.sampled_from(FRAMES), question=st.sampled_from(QUESTIONS))
def test_whatever_its_shape(code: str, frame: str, question: str) -> None:
    if frame.startswith(("die", "see")) and (code[0].isdigit() or code.isalpha()):
        return  # `see12` mentions 12, but whether `3` + `12` does is another question; `sap` is no part of `disappear`
    text = "May: " + frame.replace("{}", code)
    assert absent(names_in(question.replace("{}", code)), [text]) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("T-25", "T-250, T-251 and XT-2599 are open; 25 more wait"),
        ("T-900", "| T-250 | low |\n| T-90 | high |"),
        ("Slack", "The box talks to mail and chat."),
        ("SAP", "Some of them disappear."),
        ("v1.1", "v1.10 came after v1.9"),
        ("QP-4471", "QP-447, P-4471 and QP 44"),
    ],
)
def test_what_does_not_is(name: str, text: str) -> None:
    assert absent(names_in(f"Who knows of {name} here?"), ["nothing", text]) == [name]


def test_inflected_and_compound_words_are_mentions() -> None:
    assert absent(["Invoices", "Gebäude", "Happy"], ["one invoice", "Wohngebaudeschutz", "more happiness"]) == []


def test_an_identifier_is_a_mention_with_other_signs_between_its_parts() -> None:
    for text in ("T 250", "T250", "T-\n250", "T\\-250", "T/250", "t_250"):
        assert absent(["T-250"], [f"see {text}, please"]) == []


def test_what_is_too_long_to_read_proves_nothing() -> None:
    texts = ["x" * 60, "x" * 60]
    assert absent(["Slack"], texts, most=120) == ["Slack"] and absent(["Slack"], texts, most=119) == []


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who owns ticket T-250?", ["T-250"]),
        ("T-250: who owns it?", ["T-250"]),
        ("Does Fort-Worth's GPL-3.0 cover “AB/12-34” (v1.10)?", ["Fort-Worth", "GPL-3.0", "AB/12-34", "v1.10"]),
        ("What weighs 20kg on the 3rd floor in 2023?", []),
        ("How does the box talk to Slack?", ["Slack"]),
    ],
)
def test_names_are_whole(question: str, names: list[str]) -> None:
    assert names_in(question) == names

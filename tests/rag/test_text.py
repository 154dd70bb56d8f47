import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import sentences, words


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith went home. He slept.", ["Dr. Smith went home.", "He slept."]),
        ("Version 4.2.1 is out. Install it!", ["Version 4.2.1 is out.", "Install it!"]),
        ("See fig. 3 and sec. 4 below. Done.", ["See fig. 3 and sec. 4 below.", "Done."]),
        ("The answer is no. Next one.", ["The answer is no.", "Next one."]),
        ("wrapped over\ntwo lines. End", ["wrapped over\ntwo lines.", "End"]),
        ("# Title\nText.", ["# Title", "Text."]),
        ("- one\n- two", ["- one", "- two"]),
        ("1. Open it.\n2. Close it.", ["1. Open it.", "2. Close it."]),
        ("Plan | Price\nBasic | 5\n\nAfter.", ["Plan | Price", "Basic | 5", "After."]),
        ("日本語。次の文！", ["日本語。", "次の文！"]),
        ('He said "go." Then left.', ['He said "go."', "Then left."]),
        ("It weighs 20 kilograms.[1] Its nest is big.", ["It weighs 20 kilograms.[1]", "Its nest is big."]),
        ("One.[1][2] Two.[1, 3] Three.[4–6] Four.", ["One.[1][2]", "Two.[1, 3]", "Three.[4–6]", "Four."]),
        ("One.[^2] Two.[a] Three.[note 4] Four.² Five.", ["One.[^2]", "Two.[a]", "Three.[note 4]", "Four.²", "Five."]),
        ("One.[1](https://x.org/a) Two.［2］ Three.", ["One.[1](https://x.org/a)", "Two.［2］", "Three."]),
        ('He said "go."[3] Then "no.[4]" he left.', ['He said "go."[3]', 'Then "no.[4]" he left.']),
        ("Set a.b[1] to v.[0].x now. Done.", ["Set a.b[1] to v.[0].x now.", "Done."]),
        ("One.[1] and so on. Two.", ["One.[1] and so on.", "Two."]),
        ("[1] Holm, 2019. [2] Vester, 2020.", ["[1] Holm, 2019.", "[2] Vester, 2020."]),
        ("日本語。[1]次の文！【2】終", ["日本語。[1]", "次の文！【2】", "終"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@given(st.text(alphabet=st.sampled_from("aB1 .!?\n|-#\"'。é"), max_size=80))
def test_sentences_cover_the_text_in_order(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(text[s.start : s.end].split()) for s in spans) == "".join(text.split())
    assert all(a.end <= b.start for a, b in zip(spans, spans[1:], strict=False))
    assert all(text[s.start : s.end] == text[s.start : s.end].strip() for s in spans)


def test_words_are_lower_case_and_keep_inner_apostrophes() -> None:
    assert words("Don't touch ERR-12, café_Bar") == ["don't", "touch", "err", "12", "café", "bar"]


def test_a_long_run_of_stops_is_looked_at_once():
    assert [len(span) for span in sentences("." * 400_000 + " A." + "…!?" * 100_000)] == [400_000, 300_002]


def test_characters_that_nobody_sees_cut_no_words() -> None:
    text = "Wohn\u00adgebäude\u200bschutz and \ufeffdon\u2060't"
    assert words(text) == words("Wohngebäudeschutz and don't") == ["wohngebäudeschutz", "and", "don't"]

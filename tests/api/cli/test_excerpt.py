from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.excerpt import excerpt

LOG = " ".join(f"2024-05-{d:02d} worker {d} finished job {d * 37} without a warning." for d in range(1, 29))
ROWS = "\n".join(f"| PN-{n} | Bracket | {n}.50 |" for n in range(100, 160))
BLOB = "x" * 600 + "/error=0x80070005/" + "y" * 600


@pytest.mark.parametrize(
    ("text", "question", "shown"),
    [
        (LOG[:900] + " Failed with 0x80070005 here. " + LOG[900:], "What is 0x80070005?", "0x80070005"),
        (LOG + " The end: T-250 was closed.", "Who closed T-250?", "T-250 was closed."),
        (ROWS, "price of PN-137", "PN-137 | Bracket | 137.50"),
        (LOG + " Der Wohn\u00adgebäude\u00adschutz gilt. " + LOG, "Wohngebäudeschutz", "Wohn\u00adgebäude\u00adschutz"),
        (BLOB, "error 0x80070005", "error=0x80070005"),
        (LOG, "which worker finished?", "2024-05-01 worker 1"),
        (LOG, "unicorns", "2024-05-01 worker 1"),
        ("short and whole", "whole", "short and whole"),
    ],
)
def test_an_excerpt_holds_the_match(text: str, question: str, shown: str) -> None:
    found = excerpt(text, question, 240)
    assert shown in found and len(found) <= 240


@given(st.text("ab \n", max_size=900), st.integers(40, 300), st.integers(0, 900))
def test_it_is_never_longer_and_holds_a_word_wherever_it_is(text: str, size: int, place: int) -> None:
    found = excerpt(f"{text[:place]} needle {text[place:]}", "needle", size)
    assert len(found) <= size and "needle" in found and "\n" not in found


def test_of_several_words_the_part_that_has_most_is_shown() -> None:
    rng = random.Random(4)
    filler = [" ".join(rng.choices(("alpha", "beta", "gamma"), k=60)) for _ in range(3)]
    text = f"pump {filler[0]} pump {filler[1]} the pump seal leaks {filler[2]} seal"
    assert "pump seal leaks" in excerpt(text, "Why does the pump's seal leak?", 240)

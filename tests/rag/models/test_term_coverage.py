from __future__ import annotations

from dataclasses import replace

import pytest

from rag.models.term_coverage import best_units, term_weights, terms_of
from rag.types import Chunk
from tests.fakes import make_chunk

TABLE = "Plan | June | July\n--- | --- | ---\nPro | 10 | 12\nTeam | 25 | 30"


def terms(text: str) -> list[str]:
    return [word.strip(".?|>").lower() for word in text.split() if word.strip(".?|>")]


def best(question: str, *chunks: Chunk) -> list[float]:
    found = [terms_of(chunk, terms) for chunk in chunks]
    return best_units(term_weights(question, found, terms), found)


def test_terms_count_that_stand_in_one_sentence() -> None:
    together = make_chunk("The red key opens the gate. Nothing else does.", "a", pk=1)
    apart = make_chunk("The key is small. A gate is red.", "b", pk=2)
    other = make_chunk("Nobody came.", "c", pk=3)
    first, second, third = best("red key gate", together, apart, other)
    assert first == 1.0 and 0 < second < 1 and third == 0


def test_a_row_is_read_with_the_header_of_its_table_and_the_headings_above() -> None:
    table = replace(make_chunk(TABLE, "t", pk=1), header="Prices > Licences")
    prose = make_chunk("Team prices were raised in July.", "p", pk=2)
    assert best("Licences Team July", table, prose)[0] == 1.0
    assert best("Licences Team July", prose)[0] < 1


@pytest.mark.parametrize("question", ["", "unknown words"])
def test_without_a_known_term_nothing_is_covered(question: str) -> None:
    assert best(question, make_chunk("A text."), make_chunk("Another.")) == [0.0, 0.0]

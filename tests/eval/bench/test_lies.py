"""Planted lies and true claims: each changes what its name says, and nothing where there is nothing to change."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from eval.bench.held_lies import HELD_LIES, exchanged, modality
from eval.bench.lies import LIES, Source
from eval.bench.truths import TRUTHS
from eval.recipes.evidence_data import window
from eval.recipes.word_swap import WordSwap
from rag.models.embedders import PACKAGED
from rag.models.weights import packaged_folder

TEXTS = (
    "The kiln opened in 1987 and it was sold to Kvist in Aarhus on Monday.",
    "All glazes must rest for 30 days before the second firing, and each batch has 1,200 tiles.",
    "The owner of Lund (a small town) may not increase the heat above 900 Celsius.",
    "In winter, the workshop is closed because the roads are icy, although deliveries go on.",
)
NAMES = ("Berlin", "Acme Works", "Ada Holm")
ELSEWHERE = ("The ferry leaves at noon for the islands in the north.",)


def changed(kind: str, place: int) -> set[str]:
    source = Source(TEXTS, place, NAMES, ELSEWHERE)
    made = {**LIES, **HELD_LIES, **TRUTHS}[kind]
    return {text for seed in range(12) if (text := made(source, random.Random(seed))) is not None}


@pytest.mark.parametrize(
    ("kind", "place", "gone"),
    [
        ("number", 1, ("30", "1,200")),
        ("date", 0, ("1987", "Monday")),
        ("unit", 1, ("days",)),
        ("unit", 2, ("Celsius",)),
        ("entity", 0, ("Kvist", "Aarhus", "Monday")),
        ("direction", 2, ("increase", "above", "small")),
        ("direction", 1, ("before",)),
        ("negation", 2, ("not",)),
        ("quantifier", 1, ("All", "each")),
        ("modality", 1, ("must",)),
    ],
)
def test_a_lie_changes_one_thing(kind: str, place: int, gone: tuple[str, ...]) -> None:
    found = changed(kind, place)
    assert found and TEXTS[place] not in found
    assert all(any(not re.search(rf"(?<![\w,]){word}\b(?![,.]\d)", text) for word in gone) for text in found)


def test_a_negation_is_added_where_there_is_none() -> None:
    assert any(word in text for text in changed("negation", 0) for word in ("was not", "was never"))


@pytest.mark.parametrize("kind", ["unit", "number", "date"])
def test_nothing_to_change_is_no_lie(kind: str) -> None:
    assert changed(kind, 3) == set()


def test_a_frankenquote_has_the_words_of_both_sentences_only() -> None:
    found = changed("frankenquote", 0)
    known = {word.strip(",.").lower() for text in TEXTS for word in text.split()}
    assert found and all(word.strip(",.").lower() in known for text in found for word in text.split())
    assert not found & set(TEXTS)


def test_padding_comes_from_elsewhere_and_another_sentence_is_misattributed() -> None:
    assert all("north" in text and text.startswith("The kiln opened") for text in changed("padded", 0))
    assert changed("misattributed", 0) <= set(TEXTS[2:])


def test_held_out_lies_are_in_no_training_data() -> None:
    assert not set(HELD_LIES) & set(LIES)
    source = Source(("Lund bought the works that Kvist had built in 1920.", TEXTS[1]), 0)
    found = {exchanged(source, random.Random(seed)) for seed in range(8)} - {None}
    assert found <= {"Lund bought the works that Kvist had built in 1920."} or all("Kvist" in (t or "") for t in found)
    assert modality(Source(("You may leave early.",), 0), random.Random(0)) == "You must leave early."


def test_names_in_one_list_do_not_change_places() -> None:
    source = Source(("The team of Lund, Holm and Kvist won.",), 0)
    assert all(exchanged(source, random.Random(seed)) is None for seed in range(8))


@pytest.mark.parametrize(("kind", "place"), [("shortened", 2), ("shortened", 3), ("joined", 0), ("introduced", 1)])
def test_a_true_claim_says_it_otherwise(kind: str, place: int) -> None:
    found = changed(kind, place)
    assert found and TEXTS[place] not in found


def test_an_aside_and_a_closing_phrase_are_left_out() -> None:
    assert any("small town" not in text for text in changed("shortened", 2))
    assert "The workshop is closed because the roads are icy, although deliveries go on." in changed("shortened", 3)


def test_other_words_say_the_same() -> None:
    source = Source(("It starts at noon because many physicians use it.",), 0)
    found = {TRUTHS["reworded"](source, random.Random(seed)) for seed in range(6)}
    assert any("doctors" in (text or "") or "begins" in (text or "") for text in found)


def test_the_evidence_of_a_sentence_holds_it() -> None:
    for seed in range(20):
        shown = window(Source(TEXTS, 1), random.Random(seed))
        assert TEXTS[1] in shown and len(shown) <= 420


def test_a_word_becomes_another_one_of_its_ending() -> None:
    swap = WordSwap(packaged_folder(PACKAGED["minilm"]))
    text = "the workshop is closed during winter"
    found = {swap.swap(text, random.Random(seed)) for seed in range(6)}
    assert None not in found and text not in found
    again = {WordSwap(Path(packaged_folder(PACKAGED["minilm"]))).swap(text, random.Random(seed)) for seed in range(6)}
    assert found == again

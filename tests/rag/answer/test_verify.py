"""Support of a claim: what keeps the words and turns the sense is not supported."""

from __future__ import annotations

import pytest

from rag.answer.verify import support_score

EVIDENCE = (
    "Never open the oven above 80 degrees. The lift may run at night. The shop is not open on Mondays. "
    "Guests are not allowed in the cellar. The lamp does not need oil. No deposits are paid back after 14 days."
)


@pytest.mark.parametrize(
    "claim",
    [
        "Open the oven above 80 degrees.",  # word for word, without the word before it
        "Deposits are paid back after 14 days.",
        "The shop is open on Mondays.",
        "Guests are allowed in the cellar.",
        "The lamp needs oil.",
        "The lift may not run at night.",
        "The lift may never run at night.",
    ],
)
def test_a_claim_that_turns_a_sentence_round_is_not_supported(claim: str) -> None:
    assert support_score(claim, EVIDENCE) <= 0.25


@pytest.mark.parametrize(
    "claim",
    [
        "Never open the oven above 80 degrees.",
        "The lift may run at night.",
        "The shop is not open on Mondays.",
        "The lift may run at night. The shop is not open on Mondays.",
    ],
)
def test_a_sentence_of_the_source_is_supported_whatever_it_denies(claim: str) -> None:
    assert support_score(claim, EVIDENCE) == 1.0


def test_one_sentence_that_says_it_is_enough() -> None:
    assert support_score("The lift runs.", "The lift runs. The lift never runs on Sundays.") == 1.0


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("Hidden files come last.", "*Why can't I see a file?* Hidden files come last."),
        ("A writer in state Failed is started again.", "It cannot wait; a writer in state Failed is started again."),
    ],
)
def test_a_negation_of_another_clause_turns_nothing(claim: str, evidence: str) -> None:
    assert support_score(claim, evidence) == 1.0

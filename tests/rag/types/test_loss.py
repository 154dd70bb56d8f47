from typing import get_args

import pytest

from rag.settings import Settings
from rag.types import loss
from rag.types.loss import FAILURES, LOSS_OF_GATE, LOSSES, REACHED, STEPS, furthest, meaning, told


def test_the_table_has_every_name_of_the_vocabulary_once_in_the_order_of_the_flow() -> None:
    assert [each.gate for each in LOSSES] == list(get_args(loss.Gate))
    assert [each.reason for each in LOSSES if each.reason] == list(loss.DROP_REASONS)
    assert [failure.name for failure in FAILURES] == list(get_args(loss.Failure))
    assert [each.depth for each in LOSSES] == sorted(each.depth for each in LOSSES)
    assert max(each.depth for each in LOSSES) < REACHED


def test_a_setting_of_a_loss_is_a_setting_and_its_sentence_can_be_said() -> None:
    for each in LOSSES:
        value = Settings().value(each.setting) if each.setting else ""
        said = each.sentence.format(value=value, rank=41, places="dense 120, bm25 none", before=3, rules="kind=notes")
        assert said.endswith(".") and "{" not in said
        assert ("{value" in each.sentence) <= (each.setting is not None), each.gate


def test_every_failure_is_explained_and_names_a_step_of_the_gold() -> None:
    assert all(meaning(failure.name) for failure in FAILURES)
    assert all(failure.step in STEPS for failure in FAILURES if failure.step)
    steps = [STEPS.index(failure.step) for failure in FAILURES if failure.step]
    assert steps == sorted(steps), "failures go along the flow"
    assert meaning("of another version") == ""


def test_a_reason_is_told_in_a_few_words_also_one_of_another_version() -> None:
    assert told("budget") == LOSS_OF_GATE["budget"].told != ""
    assert told("too_old") == "too old"


@pytest.mark.parametrize(
    ("reasons", "gate"),
    [
        ({"budget", "near_duplicate"}, "budget"),
        ({"near_duplicate", "compressed_away"}, "compression"),
        ({"of another version"}, None),
        (set(), None),
    ],
)
def test_of_several_chunks_the_one_that_came_furthest_counts(reasons: set[str], gate: str | None) -> None:
    found = furthest(reasons)
    assert (found.gate if found else None) == gate

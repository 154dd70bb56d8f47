from dataclasses import replace

import pytest

from eval.metrics.base import Unmeasured
from eval.metrics.spans import (
    context_recall_at_characters,
    gold_characters,
    precision_omega,
    recall_at_characters,
    span_iou,
    span_precision,
    span_recall,
)
from eval.observation import Range
from tests.contracts.test_metrics import FULL, REFUSED

# gold: a[10:20]
HALF = replace(FULL, hits=(Range("a", 0, 15, 2.0), Range("b", 0, 30, 1.0)))


def test_by_hand() -> None:
    assert span_recall(2)(HALF) == 5 / 10
    assert span_precision(1)(HALF) == 5 / 15 and span_precision(2)(HALF) == 5 / 45
    assert span_iou(1)(HALF) == 5 / (15 + 10 - 5)
    assert recall_at_characters(12)(HALF) == 2 / 10 and recall_at_characters(999)(HALF) == 5 / 10
    assert context_recall_at_characters(5)(FULL) == 5 / 10
    assert precision_omega()(FULL) == 10 / 30


def test_characters_that_two_hits_share_count_twice_below_the_line() -> None:
    twice = replace(FULL, hits=(Range("a", 10, 20, 2.0), Range("a", 10, 20, 1.0)))
    assert span_precision(2)(twice) == 10 / 20 and span_recall(2)(twice) == 1.0


def test_what_is_missing_is_unmeasured_with_its_reason() -> None:
    nothing = replace(FULL, case=replace(FULL.case, spans=()))
    for metric in (span_recall(2), span_iou(2), precision_omega()):
        assert isinstance(metric(nothing), Unmeasured)
    assert isinstance(gold_characters(REFUSED), Unmeasured)
    unread = replace(FULL, evidence=replace(FULL.evidence, touching=None))
    assert precision_omega()(unread) == Unmeasured("the chunks of the generation were not at hand")
    assert span_precision(2)(replace(FULL, hits=())) == pytest.approx(0.0)

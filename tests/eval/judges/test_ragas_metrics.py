from dataclasses import replace

import pytest

from eval.judges.ragas_metrics import RAGAS_METRICS, SIMILARITY, comparable
from eval.metrics.base import Unmeasured
from tests.contracts.test_metrics import EMPTY, FULL, REFUSED, SEARCHED


def test_an_answer_is_compared_with_the_first_reference() -> None:
    assert comparable(FULL) == {"response": FULL.answer, "reference": "0123456789"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (REFUSED, "no reference answer"),
        (replace(FULL, answer=""), "nothing was answered"),
        (replace(FULL, case=replace(FULL.case, answerable=False)), "unanswerable"),
    ],
)
def test_what_cannot_be_compared_does_not_apply(seen: object, said: str) -> None:
    found = comparable(seen)  # type: ignore[arg-type]
    assert isinstance(found, Unmeasured) and not found.applicable and said in found.reason


def test_every_metric_is_fed_with_values_or_a_reason() -> None:
    assert SIMILARITY in RAGAS_METRICS
    for name, metric in RAGAS_METRICS.items():
        assert metric.meaning and name.startswith("ragas.")
        for seen in (FULL, REFUSED, EMPTY, SEARCHED):
            fields = metric.fields(seen)
            assert (isinstance(fields, Unmeasured) and fields.reason) or (isinstance(fields, dict) and fields), name

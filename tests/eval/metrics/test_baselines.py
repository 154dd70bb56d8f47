"""Abstention baselines worked by hand and by brute force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.golden import Case
from eval.metrics.baselines import abstention_table
from eval.observation import Observation, failed


def seen(answerable: bool, score: float | None, abstained: bool = False) -> Observation:
    case = Case("1", "q", answerable, "answer" if answerable else "abstain")
    scores = {} if score is None else {"dense": score, "noise": 0.5}
    return Observation(case, "ok", abstained=abstained, top_scores=scores)


def test_system_and_baselines_by_hand() -> None:
    rows = [seen(True, 0.9), seen(True, 0.8, True), seen(False, 0.3, True), seen(False, None), seen(False, 0.85)]
    table = abstention_table([*rows, failed(rows[0].case, "boom", {})])
    system, always, best = table["system"], table["always_abstain"], table["best_single_score"]
    assert (system.precision.value, system.recall.value, system.false_abstention.value) == (0.5, 1 / 3, 0.5)
    assert system.f1 == pytest.approx(2 * 1 / (3 + 2))
    assert (always.precision.value, always.recall.value, always.false_abstention.value) == (0.6, 1.0, 1.0)
    # below 0.9 refuses all three unanswerable ones and one answerable
    assert (best.precision.value, best.recall.value, best.false_abstention.value) == (0.75, 1.0, 0.5)
    assert "dense" in best.rule and "oracle" in best.rule


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, 0.1, 0.2, 0.3, 0.4])), min_size=2, max_size=12))
def test_no_threshold_beats_the_best_one(rows: list[tuple[bool, float | None]]) -> None:
    table = abstention_table([seen(answerable, score) for answerable, score in rows])
    wanted = sum(not answerable for answerable, _ in rows)
    if wanted in (0, len(rows)) or all(score is None for _, score in rows):
        return
    for threshold in (0.05, 0.15, 0.25, 0.35, 0.45):
        refused = [score is None or score < threshold for _, score in rows]
        right = sum(done and not answerable for done, (answerable, _) in zip(refused, rows, strict=True))
        assert table["best_single_score"].f1 >= 2 * right / (wanted + sum(refused)) - 1e-12


def test_nothing_asked_nothing_judged() -> None:
    assert abstention_table([Observation(Case("1", "q", True, "answer"), "ok")]) == {}
    only_answerable = abstention_table([seen(True, 0.5)])
    assert only_answerable["system"].recall is None and "best_single_score" not in only_answerable

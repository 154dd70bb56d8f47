"""What every member of METRICS promises, whatever the case."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from eval.golden import Case, GoldSpan
from eval.judges.ragas_metrics import RAGAS_METRICS
from eval.judges.ragas_process import RagasProcess
from eval.metrics import METRICS, Metric, Unmeasured, choose_metrics
from eval.observation import Evidence, Observation, Range, SupportFinding, failed
from rag.errors import UnknownKeyError
from rag.types import Citation, Passage, Sentence, Span, Support, Usage

GOLD = GoldSpan("a", Span(10, 20), "0123456789")
CITED = Citation(1, "a", "", "", Span(10, 20), "0123456789", Support(0.9, True))
FULL = Observation(
    Case("1", "q?", True, "answer", answers=("0123456789",), doc_ids=("a",), spans=(GOLD,)),
    "ok",
    hits=(Range("a", 0, 30, 2.0), Range("b", 0, 30, 1.0)),
    passages=(Passage(1, "a", "", "", "0123456789", (Span(10, 20),), 4),),
    context_tokens=4,
    answer='"0123456789" it says',
    sentences=(Sentence("0123456789", 1, 11, (CITED,)),),
    abstained=False,
    usage=Usage(5, 2, 0.001),
    timings_ms={"wall": 12.0},
    evidence=Evidence(("0123456789",), (Range("a", 0, 30),), (SupportFinding(True, (True,), (False,)),)),
)
REFUSED = Observation(
    Case("2", "q?", False, "abstain"), "abstained", hits=FULL.hits, passages=FULL.passages, context_tokens=4,
    abstained=True, reason="weak", usage=Usage(), timings_ms={"wall": 3.0}, evidence=Evidence((), (), ()),
)  # fmt: skip
EMPTY = Observation(FULL.case, "ok", passages=(), context_tokens=0, answer="?", abstained=False, usage=Usage())
SEARCHED = Observation(FULL.case, "ok", hits=FULL.hits)
ALL = {"full": FULL, "refused": REFUSED, "empty": EMPTY, "searched": SEARCHED}


@pytest.fixture(scope="module")
def ragas() -> Iterator[dict[str, Metric]]:
    with RagasProcess(list(RAGAS_METRICS)) as process:
        for seen in ALL.values():
            process.begin(seen)
        yield {metric.name: metric for metric in process.metrics}


def check_value(metric: Metric, seen: Observation) -> None:
    value = metric(seen)
    if isinstance(value, Unmeasured):
        assert value.reason
        return
    assert isinstance(value, float) and math.isfinite(value) and value >= 0
    if metric.unit in ("share", "score"):
        assert value <= 1.0 + 1e-9
    if metric.rate:
        assert value in (0.0, 1.0)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("kind", ALL)
def test_a_value_is_a_finite_number_or_a_reason(name: str, kind: str) -> None:
    check_value(METRICS[name], ALL[kind])


@pytest.mark.parametrize("name", METRICS)
def test_a_failed_case_is_unmeasured_never_zero(name: str) -> None:
    value = METRICS[name](failed(FULL.case, "it broke", {}))
    assert isinstance(value, Unmeasured) and value.applicable and "it broke" in value.reason


@pytest.mark.parametrize("name", METRICS)
def test_the_name_is_the_key_and_the_table_says_what_it_means(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name and metric.meaning and metric.family
    assert choose_metrics([name]) == (metric,)


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.family in ("documents", "spans")])
def test_without_gold_retrieval_is_not_applicable(name: str) -> None:
    value = METRICS[name](REFUSED)
    assert isinstance(value, Unmeasured) and not value.applicable


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_case_scores_perfectly_where_that_is_defined(name: str) -> None:
    metric, value = METRICS[name], METRICS[name](FULL)
    if metric.unit == "share" and name not in {"span_precision@5", "span_iou@5", "precision_omega"}:
        best = 1.0 if metric.better == "higher" else 0.0
        assert value == best or (isinstance(value, Unmeasured) and not value.applicable)


def test_an_unknown_metric_names_the_valid_ones() -> None:
    with pytest.raises(UnknownKeyError, match="unknown metric 'ndcg'; choose one of: .*nDCG@10"):
        choose_metrics(["ndcg"])


@pytest.mark.parametrize("name", sorted(RAGAS_METRICS.keys() - {"ragas.semantic_similarity"}))
def test_ragas_members_keep_the_same_promises(name: str, ragas: dict[str, Metric]) -> None:
    for seen in ALL.values():
        check_value(ragas[name], seen)
    assert isinstance(ragas[name](failed(FULL.case, "it broke", {})), Unmeasured)
    assert isinstance(ragas[name](FULL), float)


def test_only_an_embedder_adds_semantic_similarity(ragas: dict[str, Metric]) -> None:
    assert RAGAS_METRICS.keys() - ragas.keys() == {"ragas.semantic_similarity"}

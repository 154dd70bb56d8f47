"""Metric values against cases worked by hand, brute force over characters, and ir-measures."""

from __future__ import annotations

from dataclasses import replace

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.golden import Case, GoldSpan
from eval.metrics import METRICS, Unmeasured
from eval.metrics.documents import document_run
from eval.metrics.ranges import first_characters, shared, size, union
from eval.observation import Evidence, Observation, Range, SupportFinding
from rag.types import Citation, Passage, Sentence, Span, Support

ranges = st.lists(
    st.builds(
        lambda doc, start, length: Range(doc, start, start + length),
        st.sampled_from("ab"),
        st.integers(0, 40),
        st.integers(1, 20),
    ),
    max_size=8,
)


def characters(items: list[Range]) -> set[tuple[str, int]]:
    return {(item.doc_id, i) for item in items for i in range(item.start, item.end)}


def gold(*spans: tuple[str, int, int]) -> Case:
    found = tuple(GoldSpan(doc, Span(start, end), "x" * (end - start)) for doc, start, end in spans)
    return Case("1", "q", True, "answer", doc_ids=tuple(dict.fromkeys(s[0] for s in spans)), spans=found)


def value(name: str, seen: Observation) -> float:
    found = METRICS[name](seen)
    assert isinstance(found, float), found
    return found


def hits(*items: tuple[str, int, int]) -> tuple[Range, ...]:
    return tuple(Range(doc, start, end, 1.0 / i) for i, (doc, start, end) in enumerate(items, start=1))


@given(ranges, ranges)
def test_set_arithmetic_equals_brute_force(a: list[Range], b: list[Range]) -> None:
    assert size(union(a)) == len(characters(a))
    assert shared(union(a), union(b)) == len(characters(a) & characters(b))


@given(ranges, st.integers(0, 60))
def test_a_budget_is_spent_in_order_and_never_exceeded(items: list[Range], budget: int) -> None:
    kept = first_characters(items, budget)
    spent = sum(item.end - item.start for item in kept)
    assert spent == min(budget, sum(item.end - item.start for item in items))
    assert [(k.doc_id, k.start) for k in kept] == [(i.doc_id, i.start) for i in items[: len(kept)]]


@given(ranges.filter(bool), ranges)
def test_span_metrics_equal_brute_force(wanted: list[Range], found: list[Range]) -> None:
    seen = Observation(gold(*((r.doc_id, r.start, r.end) for r in wanted)), "ok", hits=tuple(found))
    r, top = characters(wanted), found[:5]
    c, total = characters(top), sum(item.end - item.start for item in top)
    assert value("span_recall@5", seen) == pytest.approx(len(r & c) / len(r), rel=0, abs=1e-9)
    assert value("span_precision@5", seen) == pytest.approx(len(r & c) / total if total else 0.0, rel=0, abs=1e-9)
    assert value("span_iou@5", seen) == pytest.approx(len(r & c) / (total + len(r - c)), rel=0, abs=1e-9)


def test_span_metrics_by_hand() -> None:
    # gold 30 characters; the hits overlap each other by 10 and hold 20 of gold
    seen = Observation(gold(("a", 10, 30), ("b", 0, 10)), "ok", hits=hits(("a", 0, 25), ("a", 15, 40)))
    assert value("span_recall@5", seen) == pytest.approx(20 / 30, rel=0, abs=1e-9)
    assert value("span_precision@5", seen) == pytest.approx(20 / 50, rel=0, abs=1e-9)
    assert value("span_iou@5", seen) == pytest.approx(20 / (50 + 10), rel=0, abs=1e-9)


def test_precision_omega_by_hand() -> None:
    # the chunks at gold span 0..50 of a; 5 gold characters lie in no chunk at all
    chunks = (Range("a", 0, 20), Range("a", 20, 50))
    seen = Observation(gold(("a", 10, 30), ("a", 60, 65)), "ok", evidence=Evidence(touching=chunks))
    assert value("precision_omega", seen) == pytest.approx(20 / 55, rel=0, abs=1e-9)


def test_recall_at_an_equal_budget_cuts_the_last_hit() -> None:
    seen = Observation(gold(("a", 1900, 2100)), "ok", hits=hits(("b", 0, 1000), ("a", 1000, 3000), ("a", 0, 9000)))
    assert value("recall@2000ch", seen) == pytest.approx(100 / 200, rel=0, abs=1e-9)
    assert value("recall@4000ch", seen) == 1.0


def test_context_recall_reads_passages_span_by_span() -> None:
    passage = Passage(1, "a", "", "", "", (Span(0, 1500), Span(5000, 6000)), 9)
    seen = Observation(gold(("a", 5400, 5600)), "ok", passages=(passage,), abstained=False)
    assert value("context_recall@2000ch", seen) == pytest.approx(0.5)
    assert value("context_recall@4000ch", seen) == 1.0
    assert isinstance(METRICS["recall@4000ch"](seen), float)


@given(st.lists(st.sampled_from("abcdefghijklmn"), max_size=30), st.sets(st.sampled_from("abcdefghijklmn"), min_size=1))
def test_document_metrics_equal_ir_measures_on_first_hits(found: list[str], wanted: set[str]) -> None:
    case = Case("1", "q", True, "answer", doc_ids=tuple(sorted(wanted)))
    seen = Observation(case, "ok", hits=tuple(Range(doc, 0, 1, 0.5) for doc in found))
    first_seen = list(dict.fromkeys(found))
    qrels = [ir_measures.Qrel("1", doc, 1) for doc in wanted]
    run = [ir_measures.ScoredDoc("1", doc, -float(i)) for i, doc in enumerate(first_seen)]
    for name, measure in {
        "nDCG@10": ir_measures.nDCG @ 10, "Recall@1": ir_measures.R @ 1, "Recall@5": ir_measures.R @ 5,
        "Recall@10": ir_measures.R @ 10, "MRR@10": ir_measures.RR @ 10, "MAP": ir_measures.AP,
    }.items():  # fmt: skip
        theirs = ir_measures.calc_aggregate([measure], qrels, run)[measure] if run else 0.0
        assert value(name, seen) == pytest.approx(theirs, rel=0, abs=1e-9)


def test_document_scores_fall_strictly() -> None:
    scores = list(document_run(hits(("a", 0, 1), ("b", 0, 1), ("a", 1, 2), ("c", 0, 1))).values())
    assert scores == [3.0, 2.0, 1.0]


def cite(doc: str, start: int, end: int, quote: str = "") -> Citation:
    return Citation(1, doc, "", "", Span(start, end), quote, Support(1.0, True))


def answered(case: Case, *cited: Citation, evidence: Evidence | None = None) -> Observation:
    sentence = Sentence("S.", 0, 2, tuple(cited))
    evidence = evidence or Evidence()
    return Observation(case, "ok", answer="S.", sentences=(sentence,), abstained=False, evidence=evidence)


def test_citation_validity_counts_quotes_that_are_there() -> None:
    seen = answered(gold(("a", 0, 5)), cite("a", 0, 3, "abc"), cite("a", 3, 5, "XX"), evidence=Evidence(("abc", "de")))
    assert value("citation_validity", seen) == 0.5


def test_gold_citations_by_hand() -> None:
    seen = answered(gold(("a", 10, 20)), cite("a", 15, 40), cite("a", 20, 30), cite("b", 10, 20))
    assert value("gold_citation_precision", seen) == pytest.approx(1 / 3, rel=0, abs=1e-9)
    assert value("gold_citation_recall", seen) == pytest.approx(0.5)
    by_document = answered(Case("1", "q", True, "answer", doc_ids=("b",)), cite("a", 0, 1), cite("b", 0, 1))
    assert value("gold_citation_precision", by_document) == 0.5
    assert value("gold_citation_recall", answered(gold(("a", 0, 5)))) == 0.0


def test_alce_by_hand() -> None:
    findings = (
        SupportFinding(True, (True, False), (False, True)),  # the second is irrelevant: the first does it alone
        SupportFinding(True, (False, False), (False, False)),  # both are needed
        SupportFinding(False, (False,), (False,)),  # unsupported
        SupportFinding(False),  # cites nothing
    )
    sentences = tuple(Sentence("S.", 0, 2) for _ in findings)
    seen = Observation(gold(("a", 0, 5)), "ok", answer="S.", sentences=sentences, evidence=Evidence(findings=findings))
    assert value("citation_recall", seen) == pytest.approx(2 / 4, rel=0, abs=1e-9)
    assert value("citation_precision", seen) == pytest.approx(3 / 5, rel=0, abs=1e-9)
    assert METRICS["citation_recall"].self_reported and not METRICS["gold_citation_recall"].self_reported


@pytest.mark.parametrize(
    ("answerable", "abstained", "expected"),
    [(True, True, (None, 0.0, 1.0)), (True, False, (None, None, 0.0)), (False, True, (1.0, 1.0, None)),
     (False, False, (0.0, None, None))],
)  # fmt: skip
def test_abstention_rates_count_only_their_own_cases(
    answerable: bool, abstained: bool, expected: tuple[float | None, ...]
) -> None:
    seen = Observation(Case("1", "q", answerable, "answer" if answerable else "clarify"), "ok", abstained=abstained)
    found = [METRICS[name](seen) for name in ("abstention_recall", "abstention_precision", "false_abstention")]
    assert tuple(None if isinstance(v, Unmeasured) else v for v in found) == expected


@pytest.mark.parametrize(
    ("changed", "valid"),
    [
        ({}, 1.0),
        ({"answer": "T."}, 0.0),
        ({"passages": ()}, 0.0),
        ({"passages": (Passage(1, "b", "", "", "x", (Span(0, 1),), 1),)}, 0.0),
        ({"sentences": (Sentence("S.", 0, 2), Sentence("S.", 0, 2))}, 0.0),
        ({"abstained": True, "answer": "", "reason": "weak"}, 1.0),
        ({"abstained": True, "answer": "", "reason": None}, 0.0),
        ({"abstained": True, "reason": "weak"}, 0.0),
    ],
)
def test_the_shape_of_an_answer(changed: dict[str, object], valid: float) -> None:
    passages = (Passage(1, "a", "", "", "0123456789", (Span(0, 10),), 4),)
    seen = replace(answered(gold(("a", 0, 4)), cite("a", 0, 4)), answer="S.", passages=passages, abstained=False)
    assert value("schema_validity", replace(seen, **changed)) == valid  # type: ignore[arg-type]

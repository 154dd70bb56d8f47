from dataclasses import replace

from eval.metrics.base import Unmeasured
from eval.metrics.citations import (
    citation_precision,
    citation_recall,
    citation_validity,
    citations,
    gold_citation_precision,
    gold_citation_recall,
)
from eval.observation import Evidence, SupportFinding
from rag.types import Sentence, Span
from tests.contracts.test_metrics import CITED, FULL, REFUSED

OTHER = replace(CITED, tag=2, doc_id="b", span=Span(0, 5), quote="other")
BOTH = replace(
    FULL,
    sentences=(Sentence("0123456789", 1, 11, (CITED, OTHER)), Sentence("bare", 12, 16)),
    evidence=Evidence(
        ("0123456789", "OTHER"),
        FULL.evidence.touching,
        (SupportFinding(True, (True, False), (False, True)), SupportFinding(False, (), ())),
    ),
)


def test_citations_come_in_reading_order() -> None:
    assert citations(BOTH) == [CITED, OTHER]


def test_by_hand() -> None:
    assert citation_validity()(BOTH) == 1 / 2, "the second quote is not what stands there"
    assert citation_recall()(BOTH) == 1 / 2, "the second sentence has no citation"
    assert citation_precision()(BOTH) == 1 / 2, "without the second citation the sentence is as well supported"
    assert gold_citation_precision()(BOTH) == 1 / 2 and gold_citation_recall()(BOTH) == 1.0


def test_a_document_is_gold_where_no_passage_is() -> None:
    by_document = replace(BOTH, case=replace(BOTH.case, spans=(), doc_ids=("b",)))
    assert gold_citation_precision()(by_document) == 1 / 2


def test_a_refusal_has_no_citations_to_judge() -> None:
    for metric in (citation_validity(), citation_recall(), citation_precision(), gold_citation_precision()):
        assert isinstance(metric(REFUSED), Unmeasured)
    bare = replace(
        FULL, sentences=(Sentence("bare", 0, 4),), evidence=Evidence((), (), (SupportFinding(False, (), ()),))
    )
    assert gold_citation_recall()(bare) == 0.0

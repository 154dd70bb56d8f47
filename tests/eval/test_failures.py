"""The first broken stage of planted failures."""

from __future__ import annotations

import pytest

from eval.failures import first_broken_stage
from eval.golden import Case, GoldSpan
from eval.observation import Observation, Range, failed
from rag.types import Citation, Passage, Sentence, Span, Support

GOLD = Case("1", "q", True, "answer", doc_ids=("a",), spans=(GoldSpan("a", Span(10, 20), "x" * 10),))
WHOLE = Case("1", "q", True, "answer", doc_ids=("a",))
NONE = Case("1", "q", False, "abstain")


def seen(
    case: Case, hit: tuple[int, int], passage: tuple[int, int], cited: tuple[int, int] | None, doc: str = "a"
) -> Observation:
    made = () if cited is None else (Citation(1, doc, "", "", Span(*cited), "", Support(1.0, True)),)
    return Observation(
        case, "ok" if cited else "abstained", hits=(Range(doc, *hit),), answer="S." if cited else "",
        passages=(Passage(1, doc, "", "", "", (Span(*passage),), 1),),
        sentences=(Sentence("S.", 0, 2, made),) if cited else (), abstained=cited is None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("observation", "stage"),
    [
        (failed(GOLD, "boom", {}), "error"),
        (seen(GOLD, (0, 30), (0, 30), (12, 15)), None),
        (seen(GOLD, (20, 30), (20, 30), (20, 30)), "not_retrieved"),
        (seen(GOLD, (0, 30), (0, 10), (0, 10)), "not_in_context"),
        (seen(GOLD, (0, 30), (0, 30), None), "wrongly_abstained"),
        (seen(GOLD, (20, 30), (20, 30), None), "not_retrieved"),
        (seen(GOLD, (0, 30), (0, 30), (0, 5)), "not_cited"),
        (seen(WHOLE, (0, 30), (0, 30), (0, 5)), None),
        (seen(WHOLE, (0, 30), (0, 30), (0, 5), doc="b"), "not_retrieved"),
        (seen(NONE, (0, 30), (0, 30), (0, 5)), "answered_unanswerable"),
        (seen(NONE, (0, 30), (0, 30), None), None),
        (Observation(GOLD, "ok", hits=(Range("a", 0, 30),)), None),
        (Observation(GOLD, "ok"), "not_retrieved"),
        (
            Observation(GOLD, "abstained", hits=(Range("b", 0, 9), Range("a", 0, 30)), hits_used=1, abstained=True),
            "ranked_too_low",
        ),
    ],
)
def test_the_first_broken_stage(observation: Observation, stage: str | None) -> None:
    assert first_broken_stage(observation) == stage

import pytest

from rag.explain.values import SupportChange, Target
from rag.types import Sentence, Span, Support
from tests.fakes import make_chunk

YES, NO = Support(0.9, True), Support(0.1, False)


@pytest.mark.parametrize(
    ("before", "after", "loses"), [(YES, NO, True), (YES, YES, False), (NO, NO, False), (NO, YES, False)]
)
def test_a_sentence_loses_support_that_it_had_only_with_the_passage(
    before: Support, after: Support, loses: bool
) -> None:
    assert SupportChange(Sentence("S.", 0, 2), before, after).loses_support is loses


def test_a_target_is_reached_through_its_chunks() -> None:
    chunks = (make_chunk("one"), make_chunk("two", start=9))
    target = Target("doc", "T", Span(0, 12), "one two", chunks)
    assert target.chunk_ids == {chunk.chunk_id for chunk in chunks} and len(target.chunk_ids) == 2

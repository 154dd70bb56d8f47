from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.context.pack import JOINT
from rag.explain.support import cut
from rag.explain.values import Target
from rag.types import Passage, Span

TEXT = "Alpha one. Beta two. Gamma three. Delta four. Epsilon five. Zeta six."


def passage(spans: list[tuple[int, int]]) -> Passage:
    text = JOINT.join(TEXT[start:end] for start, end in spans)
    return Passage(1, "d", "", "", text, tuple(Span(start, end) for start, end in spans), 9)


def target(start: int, end: int, doc_id: str = "d") -> Target:
    return Target(doc_id, "", Span(start, end), TEXT[start:end], ())


@given(st.lists(st.integers(0, len(TEXT)), min_size=2, max_size=8, unique=True), st.integers(0, 60), st.integers(1, 30))
def test_what_is_left_quotes_the_document_and_lacks_the_target(edges: list[int], start: int, size: int) -> None:
    ordered = sorted(edges)
    spans = list(zip(ordered[::2], ordered[1::2], strict=False))
    wanted = target(start, min(len(TEXT), start + size))
    left = cut(passage(spans), wanted)
    before = {i for a, b in spans for i in range(a, b)}
    after = {i for span in left.spans for i in range(span.start, span.end)} if left else set()
    removed = set(range(wanted.span.start, wanted.span.end))
    assert after <= before - removed
    assert not "".join(TEXT[i] for i in before - removed - after).strip()
    if left:
        assert left.text == JOINT.join(TEXT[span.start : span.end] for span in left.spans)


def test_passages_of_other_documents_stay_as_they_are() -> None:
    whole = passage([(0, 10)])
    assert cut(whole, target(0, 10, "other")) is whole
    assert cut(whole, target(11, 20)) is whole
    assert cut(whole, target(0, 10)) is None

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from rag.context.pack import JOINT, pack
from rag.types import Context, Hit, ScoredSpan, Selection, Span
from rag.units import units_of
from tests.fakes import FakeTokenizer, make_chunk

WORDS = st.lists(st.sampled_from("alpha beta gamma delta it the box key".split()), min_size=1, max_size=9)
SENTENCES = st.lists(WORDS.map(lambda w: " ".join(w).capitalize() + "."), min_size=1, max_size=6)
TEXTS = st.lists(SENTENCES.map(" ".join), min_size=1, max_size=5)


def selection(text: str, start: int, end: int, doc_id: str = "doc", drop: frozenset[int] = frozenset()) -> Selection:
    """Select the sentences of `text[start:end]` but those in `drop`, scored by their position."""
    chunk = make_chunk(text[start:end], doc_id, start)
    units = [u for i, u in enumerate(units_of(chunk.text)) if i not in drop] or units_of(chunk.text)[:1]
    spans = tuple(Span(u.span.start + start, u.span.end + start) for u in units)
    scored = tuple(ScoredSpan(span, 1 / (i + 1)) for i, span in enumerate(spans))
    return Selection(Hit(chunk, 1, 1.0, {}), spans, scored)


def check(context: Context, texts: Mapping[str, str], budget: int) -> None:
    """Assert what holds for every packed context."""
    tokenizer = FakeTokenizer()
    assert context.tokens == sum(p.tokens for p in context.passages) <= budget
    assert [p.tag for p in context.passages] == list(range(1, len(context.passages) + 1))
    for passage in context.passages:
        text = texts[passage.doc_id]
        assert passage.tokens == tokenizer.count(passage.text)
        assert passage.text == JOINT.join(text[s.start : s.end] for s in passage.spans)
        for before, after in zip(passage.spans, passage.spans[1:], strict=False):
            assert before.end < after.start
    for doc_id, text in texts.items():
        spans = [s for p in context.passages if p.doc_id == doc_id for s in p.spans]
        assert sum(len(s) for s in spans) == len({i for s in spans for i in range(s.start, s.end)}), "no text twice"
        assert all(s.end <= len(text) for s in spans)


@given(TEXTS, st.integers(4, 60), st.integers(1, 4), st.data())
def test_never_over_budget_and_always_the_documents_text(
    texts: list[str], budget: int, most: int, data: st.DataObject
) -> None:
    documents = {f"d{i}": text for i, text in enumerate(texts)}
    chosen = []
    for doc_id, text in documents.items():
        for _ in range(data.draw(st.integers(0, 2))):
            starts = [u.span.start for u in units_of(text)]
            start = data.draw(st.sampled_from(starts))
            end = data.draw(st.sampled_from([u.span.end for u in units_of(text) if u.span.end > start]))
            drop = data.draw(st.frozensets(st.integers(0, 5)))
            chosen.append(selection(text, start, end, doc_id, drop))
    context = pack(chosen, budget, FakeTokenizer(), most, documents.__getitem__)
    assert len(context.passages) <= most
    check(context, documents, budget)


def test_adjacent_chunks_become_one_passage_and_one_span() -> None:
    text = "First part here.\n\nSecond part here.\n\nFar away it ends."
    parts = [selection(text, 18, 35), selection(text, 0, 16)]
    context = pack(parts, 100, FakeTokenizer(), 5, lambda doc_id: text)
    assert [p.text for p in context.passages] == ["First part here.\n\nSecond part here."]
    assert context.passages[0].spans == (Span(0, 35),)


def test_a_gap_with_text_in_it_is_marked() -> None:
    text = "One is kept. Two is not. Three is kept."
    context = pack([selection(text, 0, len(text), drop=frozenset({1}))], 100, FakeTokenizer(), 5, lambda doc_id: text)
    assert context.passages[0].text == "One is kept. … Three is kept."


def test_what_does_not_fit_is_cut_to_its_best_sentences_and_told() -> None:
    text = "The best sentence. The second best sentence is this one. The worst sentence of all is here."
    context = pack([selection(text, 0, len(text))], 12, FakeTokenizer(), 5, lambda doc_id: text)
    assert context.passages[0].text.startswith("The best sentence.")
    assert "worst" not in context.passages[0].text
    assert {d.reason for d in context.dropped} == {"budget"}
    check(context, {"doc": text}, 12)


def test_too_many_passages_are_told_and_earlier_drops_come_first() -> None:
    texts = {"a": "Alpha beta gamma.", "b": "Delta key box."}
    chosen = [selection(text, 0, len(text), doc_id) for doc_id, text in texts.items()]
    context = pack(chosen, 100, FakeTokenizer(), 1, texts.__getitem__)
    assert [(d.doc_id, d.reason) for d in context.dropped] == [("b", "max_passages")]


def test_documents_are_not_read_when_nothing_is_near() -> None:
    def read(doc_id: str) -> str:
        raise AssertionError("read for nothing")

    pack([selection("Alpha beta.", 0, 11, "a"), selection("Gamma delta.", 0, 12, "b")], 50, FakeTokenizer(), 5, read)

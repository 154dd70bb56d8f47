"""Coverage counts documents and sections by gold that stands there now."""

from __future__ import annotations

from pathlib import Path

from eval.golden import Case, GoldenSet, GoldSpan
from eval.golden.coverage import Share, coverage_of, document_use, render_coverage
from eval.golden.intents import Intent
from eval.stats import wilson
from ingest.partition import partition_file
from rag.types import Document, Span

PAGE = "# Guide\n\n## One\n\nThe first text.\n\n## Two\n\nThe second text.\n"


def documents(tmp_path: Path) -> list[Document]:
    found = []
    for name in ("a.md", "b.md", "c.md"):
        (tmp_path / name).write_text(PAGE if name != "c.md" else "Short.\n")
        found.append(partition_file(tmp_path / name, name))
    return found


def gold(doc_id: str, text: str, start: int) -> GoldSpan:
    return GoldSpan(doc_id, Span(start, start + len(text)), text)


def golden(*spans: GoldSpan, ids: tuple[str, ...] = ()) -> GoldenSet:
    cases = [Case(str(n), "q?", True, "answer", doc_ids=(g.doc_id,), spans=(g,)) for n, g in enumerate(spans)]
    cases += [Case(doc_id, "q?", True, "answer", doc_ids=(doc_id,)) for doc_id in ids]
    cases.append(Case("none", "q?", False, "abstain"))
    return GoldenSet("set", Path(), Path(), tuple(cases), "f" * 64)


def test_spans_count_where_their_text_stands_now(tmp_path: Path) -> None:
    labelled = golden(gold("a.md", "second text", 0), gold("a.md", "The first", 17), gold("b.md", "is gone", 3))
    uses = document_use(labelled, documents(tmp_path))
    assert [(u.doc_id, u.cases, u.lost, [s.cases for s in u.sections]) for u in uses] == [
        ("a.md", 2, 0, [1, 1]),
        ("b.md", 1, 1, [0, 0]),
        ("c.md", 0, 0, [0]),
    ]
    found = coverage_of(labelled, uses, None, "demo")
    share = wilson(2, 3)
    assert found.documents == Share(2 / 3, 3, 2, share.low, share.high)
    assert found.sections.touched == 2 and found.sections.n == 5 and found.lost_passages == 1
    assert [item.doc_id for item in found.untouched_documents] == ["c.md"] and found.intents is None
    text = render_coverage(found)
    assert "0.667 [0.208, 0.939]  2 of 3" in text and "b.md > Guide > One" in text


def test_a_set_of_document_labels_says_nothing_about_sections(tmp_path: Path) -> None:
    labelled = golden(ids=("a.md", "gone.md"))
    found = coverage_of(labelled, document_use(labelled, documents(tmp_path)), None, "demo")
    assert found.sections is None and found.documents.touched == 1
    assert found.documents_not_in_corpus == ["gone.md"] and "gone.md" in render_coverage(found)


def test_intents_are_weighed_by_how_often_they_are_asked() -> None:
    clusters = [
        Intent(6, 2, ("how long?", "how much time?"), "1", 0.8, True),
        Intent(4, 1, ("where?",), "2", 0.2, False),
    ]
    found = coverage_of(golden(), [], clusters, "demo")
    assert found.intents.clusters.value == 0.5 and found.intents.questions.value == 0.6
    assert found.intents.questions.low == wilson(6, 10).low
    text = render_coverage(found)
    assert "where?  (2 0.20)" in text and "how long?" not in text

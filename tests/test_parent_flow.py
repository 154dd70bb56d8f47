"""Search small, return large, end to end: children are found, the context shows their parents, quotes are exact."""

from __future__ import annotations

from pathlib import Path

from ingest.pipeline import ingest
from rag.integrations.llama_index import RagwrightContext, RagwrightRetriever
from rag.pipeline import Request
from rag.runtime import open_runtime
from rag.settings import Settings

SUBJECTS = {
    "Backups": "Backups run every night at two.|Each copy is kept for thirty days.|A restore takes about an hour."
    "|The copies are stored in a vault in Reykjavik.|Only the operations team may open the vault.",
    "Printers": "The printers on the second floor take A3 paper.|Toner is ordered every Monday."
    "|A jam is cleared by opening the left door.|Colour prints cost ten cents a page.",
    "Travel": "Trips are booked two weeks ahead.|Trains are preferred to planes.|Receipts go to the accounting team."
    "|A daily allowance of forty euros is paid.",
}


def document() -> str:
    parts = ["# Handbook"]
    for title, text in SUBJECTS.items():
        parts += [f"## {title}", *text.split("|")]
    return "\n\n".join(parts) + "\n"


async def test_the_context_shows_the_parent_of_the_child_that_was_found(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "handbook.md").write_text(document(), "utf-8")
    chunker = {"name": "parent-child", "max_tokens": 24, "parent_tokens": 120}
    tree = settings.model_dump() | {"environment": settings.environment}
    tree["ingest"] = {**tree["ingest"], "chunker": chunker}
    tree["context"] = {**tree["context"], "compressor": "none"}
    with open_runtime(Settings.model_validate(tree)) as runtime:
        report = ingest([str(tmp_path / "docs")], "small", runtime)
        assert report.chunks > 6 and not report.warnings
        question = Request("Where are the copies of the backups stored?", "small")
        found = await runtime.pipeline.search(question)
        result = await runtime.pipeline.context(question)
        answer = await runtime.pipeline.answer(question)
        nodes = await RagwrightRetriever(runtime.pipeline, "small", top_k=20).aretrieve(question.question)
        face = RagwrightContext(runtime.pipeline, "small")
        packed = await face.apostprocess_nodes(nodes, query_str=question.question)
    best = found.hits[0].chunk
    assert "Reykjavik" in best.text and best.parent and best.parent != best.span
    assert [hit.chunk for hit in result.search.hits] == [hit.chunk for hit in found.hits], "hits stay the children"
    siblings = [hit for hit in found.hits if hit.chunk.parent == best.parent]
    assert len(siblings) > 1
    first = result.context.passages[0]
    # Parents that touch share a passage, as neighbouring chunks do.
    assert first.spans[0].contains(best.parent) and first.start == best.parent.start
    assert first.text == document()[first.start : first.end]
    assert first.text.startswith("# Handbook\n\n## Backups") and "open the vault." in first.text
    assert [node.text for node in packed] == [passage.text for passage in result.context.passages]
    shown = [span for passage in result.context.passages for span in passage.spans]
    assert not any(a.overlaps(b) for i, a in enumerate(shown) for b in shown[i + 1 :]), "a parent was given twice"
    assert any("Reykjavik" in citation.quote for s in answer.sentences for citation in s.citations)
    for sentence in answer.sentences:
        for citation in sentence.citations:
            assert document()[citation.span.start : citation.span.end] == citation.quote


async def test_compression_and_budget_work_on_the_parents_range(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "handbook.md").write_text(document(), "utf-8")
    tree = settings.model_dump() | {"environment": settings.environment}
    tree["ingest"] = {**tree["ingest"], "chunker": {"name": "parent-child", "max_tokens": 24, "parent_tokens": 120}}
    with open_runtime(Settings.model_validate(tree)) as runtime:
        ingest([str(tmp_path / "docs")], "small", runtime)
        result = await runtime.pipeline.context(Request("Where are the copies stored?", "small", budget_tokens=40))
    assert result.context.tokens <= 40 and result.context.passages and result.context.dropped
    for passage in result.context.passages:
        assert passage.text == " … ".join(document()[span.start : span.end] for span in passage.spans)
    assert "Reykjavik" in result.context.passages[0].text

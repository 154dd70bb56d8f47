"""The composition root over the light embedder: what is opened once, what is pinned, what a caller may see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.pipeline import ingest
from rag.errors import CorpusNotFoundError, DocumentNotFoundError, StateError
from rag.pipeline import RagPipeline, Request
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from tests.fakes import equal_to

OLD, NEW = "The kettle boils at noon.", "The kettle boils at midnight."
REQUEST = Request("When does the kettle boil?", "kb")


@pytest.fixture
def runtime(light: None, tmp_path: Path) -> Iterator[Runtime]:
    """Two documents, one of them for staff, in two generations."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "staff.md").write_text("---\nacl: staff\n---\n# Kettle\n\nThe spare kettle is in the cellar.\n")
    settings = load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "home")})
    with open_runtime(settings) as runtime:
        for text in (OLD, NEW):
            (source / "kettle.md").write_text(f"---\nacl: all\n---\n# Kettle\n\n{text}\n")
            ingest([str(source)], "kb", runtime)
        yield runtime


def test_what_is_opened_is_opened_once(runtime: Runtime) -> None:
    live = runtime.catalogue.live("kb")
    assert runtime.indexes(live.index_id) is runtime.indexes(live.index_id)
    assert runtime.embedder is runtime.indexes(live.index_id).embedder
    assert runtime.pipeline is runtime.pipeline and runtime.explainer is runtime.explainer


async def test_a_pipeline_at_a_generation_answers_from_it(runtime: Runtime) -> None:
    live = runtime.catalogue.live("kb")
    old = type(live)(live.id - 1, live.corpus, live.index_id, live.settings)
    before = await runtime.pipeline_at(old).search(REQUEST)
    after = await runtime.pipeline.search(REQUEST)
    shown = [" ".join(hit.chunk.text for hit in found.hits) for found in (before, after)]
    assert (OLD in shown[0], NEW in shown[0], before.generation) == (True, False, old)
    assert (OLD in shown[1], NEW in shown[1], after.generation) == (False, True, live)
    with pytest.raises(CorpusNotFoundError):
        await runtime.pipeline_at(old).search(Request("x", "other"))


async def test_a_restricted_view_hides_what_its_caller_may_not_see(runtime: Runtime) -> None:
    pipeline, _, catalogue = runtime.restricted(equal_to(acl="all"))
    found = await pipeline.search(Request("Where is the spare kettle?", "kb"))
    assert {hit.chunk.doc_id for hit in found.hits} == {"kettle.md"}
    with pytest.raises(DocumentNotFoundError):
        catalogue.document(runtime.catalogue.live("kb"), "staff.md")


async def test_other_settings_run_over_what_is_open(runtime: Runtime) -> None:
    changed = runtime.settings.changed({"retrieval.top_k": 1, "rerank.name": "none"})
    found = await RagPipeline(runtime._variant(changed), changed).search(REQUEST)
    assert len(found.hits) == 1 < len((await runtime.pipeline.search(REQUEST)).hits)
    assert set(found.hits[0].stages) <= {"dense", "bm25", "fused"}


def test_an_index_that_is_not_there_is_an_error(runtime: Runtime) -> None:
    with pytest.raises(StateError, match="no index 99"):
        runtime.indexes(99)


def test_a_dropped_index_has_no_vectors(runtime: Runtime) -> None:
    live = runtime.catalogue.live("kb")
    assert runtime.indexes(live.index_id).vectors.count(live.id) > 0
    runtime.drop_index(live.index_id)
    assert runtime.indexes(live.index_id).vectors.count(live.id) == 0


def test_a_closed_runtime_can_be_opened_again(runtime: Runtime) -> None:
    runtime.close()
    runtime.close()
    with open_runtime(runtime.settings) as again:
        assert again.catalogue.live("kb").id == 2


def test_a_home_belongs_to_its_catalogue(runtime: Runtime) -> None:
    (runtime.home.root / "catalogue.id").write_text("another")
    with pytest.raises(StateError, match="RAGWRIGHT_HOME"):
        open_runtime(runtime.settings)

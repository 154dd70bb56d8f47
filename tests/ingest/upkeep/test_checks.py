"""What the checks of a corpus tell, and how much of it they look at."""

import pytest
from sqlalchemy import update

from ingest.upkeep.checks import CHECKS, Corpus, chunker_settings, examine
from ingest.upkeep.repair import mend
from rag.errors import StateError
from rag.runtime import open_runtime
from rag.settings import Settings
from rag.state.engine import writing
from rag.state.tables import documents, indexes
from tests.ingest.upkeep.damaged import corpus, failed


def test_a_sound_corpus_passes_and_needs_no_repair(kb: Settings) -> None:
    with open_runtime(kb) as runtime:
        findings = list(examine(corpus(runtime)))
        assert [finding.check for finding in findings] == list(CHECKS)
        assert not failed(runtime)
        assert list(mend(corpus(runtime), runtime)) == []


def test_a_text_that_gives_other_chunks_is_named(kb: Settings) -> None:
    with open_runtime(kb) as runtime:
        document = runtime.catalogue.document(runtime.catalogue.live("kb"), "ferry.md")
        with writing(runtime.engine) as connection:
            connection.execute(
                update(documents).where(documents.c.doc_id == "ferry.md").values(text=document.text.replace("T", "t"))
            )
        assert "'ferry.md'" in failed(runtime)["chunks"]


def test_samples_are_said_to_be_samples(kb: Settings) -> None:
    with open_runtime(kb) as runtime:
        live = corpus(runtime)
        small = Corpus("kb", runtime, live.generation, seed=1, sample=2)
        details = {finding.check: finding.detail for finding in examine(small)}
        assert "2 of 6 (a sample)" in details["chunks"] and "2 of 7 (a sample)" in details["vectors"]


def test_unreadable_settings_are_a_clear_error(kb: Settings) -> None:
    with open_runtime(kb) as runtime:
        live = corpus(runtime)
        with writing(runtime.engine) as connection:
            connection.execute(update(indexes).values(settings={"ingest": {}}))
        with pytest.raises(StateError, match="settings of index 1"):
            chunker_settings(live)

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.upkeep.backup import back_up
from ingest.upkeep.checks import Corpus, examine
from ingest.upkeep.generations import rollback
from ingest.upkeep.restore import restore
from rag.errors import ConfigError
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings


@pytest.fixture
def file(kb: Settings, tmp_path: Path) -> Path:
    """A backup of the small corpus."""
    with open_runtime(kb) as runtime:
        back_up("kb", tmp_path / "kb.zip", runtime)
    return tmp_path / "kb.zip"


@pytest.fixture
def other(light: None, tmp_path: Path) -> Iterator[Runtime]:
    """Another home."""
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "other")})) as runtime:
        yield runtime


def texts(runtime: Runtime, corpus: str) -> dict[str, str]:
    return {each.doc_id: each.text for each in runtime.catalogue.documents(runtime.catalogue.live(corpus))}


def test_a_restored_corpus_is_sound_and_holds_the_same(file: Path, other: Runtime, kb: Settings) -> None:
    report = restore(file, "copy", other)
    assert (report.corpus, report.documents) == ("copy", 6)
    assert all(finding.ok for finding in examine(Corpus("copy", other, other.catalogue.live("copy"))))
    with open_runtime(kb) as original:
        assert texts(other, "copy") == texts(original, "kb")


def test_a_corpus_is_replaced_only_where_that_is_meant_and_can_be_had_back(file: Path, kb: Settings) -> None:
    with open_runtime(kb) as runtime:
        before = runtime.catalogue.live("kb").id
        with pytest.raises(ConfigError, match="there is a corpus 'kb' already.*--replace"):
            restore(file, "kb", runtime)
        assert runtime.catalogue.live("kb").id == before
        assert restore(file, "kb", runtime, replace=True).generation > before
        assert rollback("kb", runtime) == before


def test_a_name_that_no_corpus_may_have_is_refused(file: Path, other: Runtime) -> None:
    with pytest.raises(ConfigError, match="corpus name"):
        restore(file, "../x", other)
    assert other.catalogue.corpora() == []

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest.upkeep.backup import MANIFEST, MEMBERS, back_up, open_backup
from rag.errors import ConfigError, CorpusNotFoundError, StateError
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings


@pytest.fixture
def runtime(kb: Settings) -> Iterator[Runtime]:
    with open_runtime(kb) as runtime:
        yield runtime


def test_a_backup_holds_the_live_generation_and_nothing_of_the_home(runtime: Runtime, tmp_path: Path) -> None:
    report = back_up("kb", tmp_path / "kb.zip", runtime)
    live = runtime.catalogue.live("kb")
    assert (report.generation, report.documents, report.bytes) == (live.id, 6, (tmp_path / "kb.zip").stat().st_size)
    with open_backup(tmp_path / "kb.zip") as backup:
        documents, chunks = list(backup.rows("documents.jsonl")), list(backup.rows("chunks.jsonl"))
        assert {row["doc_id"] for row in documents} == {each.doc_id for each in runtime.catalogue.documents(live)}
        assert not {"pk", "index_id", "added", "removed"} & {*documents[0], *chunks[0]}
        stored = runtime.indexes(live.index_id).vectors.get([pk for pk, _ in runtime.catalogue.visible_chunks(live)])
        assert len(chunks) == report.chunks == len(stored)
        kept = np.array(list(backup.vectors()))
        assert sorted(map(tuple, kept)) == sorted(map(tuple, stored.values()))
        assert len(list(backup.tokens())) == len(chunks)
        assert backup.manifest["corpus"] == "kb" and {*MEMBERS} <= {*backup.manifest["members"]}


def test_a_file_that_is_there_is_not_written_over(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "kb.zip").write_text("mine")
    with pytest.raises(ConfigError, match="exists; name another file"):
        back_up("kb", tmp_path / "kb.zip", runtime)
    assert (tmp_path / "kb.zip").read_text() == "mine"
    with pytest.raises(CorpusNotFoundError):
        back_up("other", tmp_path / "other.zip", runtime)
    with pytest.raises(StateError):
        back_up("kb", tmp_path / "no folder" / "kb.zip", runtime)
    assert sorted(path.name for path in tmp_path.glob("*.zip*")) == ["kb.zip"]


@pytest.mark.parametrize("member", ["documents.jsonl", "vectors.f32", MANIFEST])
def test_a_changed_or_missing_member_is_found_before_anything_is_made_of_it(
    runtime: Runtime, tmp_path: Path, member: str
) -> None:
    back_up("kb", tmp_path / "kb.zip", runtime)
    for name, data in (("changed", b"other bytes"), ("missing", None)):
        with zipfile.ZipFile(tmp_path / "kb.zip") as old, zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as new:
            for each in old.namelist():
                if each != member or data is not None:
                    new.writestr(each, data if each == member and data is not None else old.read(each))
        with pytest.raises(ConfigError, match=f"{name}.zip"), open_backup(tmp_path / f"{name}.zip"):
            pass


def test_what_is_no_backup_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"words")
    with pytest.raises(ConfigError, match="a.zip"), open_backup(tmp_path / "a.zip"):
        pass

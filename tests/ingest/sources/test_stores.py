import hashlib

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ingest.pipeline import IngestOptions, ingest
from ingest.sources import Reach, resolve
from ingest.sources.reading import read_document
from rag.errors import ConfigError, DocumentError, GoneError, SourceError
from rag.settings import FetchSettings, PartitionSettings


class ChecksumStore(MemoryFileSystem):
    """A store that keeps checksums as S3 does, counts reads, and can be out of order."""

    protocol = "sums"
    store, pseudo_dirs = {}, [""]
    reads, broken = [], False

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("sums://", "memory://"))

    def _open(self, path, *args, **kwargs):
        type(self).reads.append(path)
        if self.broken:
            raise RuntimeError("the service is\nunavailable")
        return super()._open(path, *args, **kwargs)

    def find(self, path, **kwargs):
        if self.broken:
            raise RuntimeError("the service is\nunavailable")
        found = super().find(path, **kwargs)
        sums = {name: {"ETag": hashlib.md5(self.store[name].getvalue()).hexdigest()} for name in found}
        return {name: info | sums[name] for name, info in found.items()}


@pytest.fixture
def store():
    fsspec.register_implementation("sums", ChecksumStore, clobber=True)
    ChecksumStore.store.clear()
    ChecksumStore.reads.clear()
    ChecksumStore.broken = False
    opened = fsspec.filesystem("sums")
    opened.pipe({"/kb/a.md": b"# A", "/kb/sub/b.txt": b"words", "/kb/.hidden/c.md": b"no", "/other/x.md": b"# X"})
    return opened


@pytest.fixture
def memory():
    opened = fsspec.filesystem("memory")
    opened.store.clear()
    opened.pipe({"/kb/a.md": b"# A", "/kb/sub/b.txt": b"words"})
    yield opened
    opened.store.clear()


@pytest.fixture
def reach(tmp_path):
    with Reach(FetchSettings(max_file_mb=1), tmp_path / "spool") as opened:
        yield opened


def ids(source, reach):
    return [item.doc_id for item in resolve([source], reach).items]


def test_folders_objects_and_globs(memory, reach):
    assert ids("memory://kb", reach) == ids("memory://kb/", reach) == ["a.md", "sub/b.txt"]
    assert ids("memory://kb/sub/b.txt", reach) == ["b.txt"]
    assert ids("memory://kb/**/*.txt", reach) == ["sub/b.txt"]


def test_objects_become_documents(memory, reach):
    items = reach.brought(resolve(["memory://kb"], reach).items, {})
    first, second = (read_document(item, PartitionSettings()) for item in items)
    assert (first.doc_id, first.title, first.uri) == ("a.md", "A", "memory:///kb/a.md")
    assert (second.text, second.title) == ("words", "b")
    assert second.source_hash == hashlib.sha256(b"words").hexdigest()


def test_local_files_through_the_library_and_as_a_url(tmp_path, reach):
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "a b.md").write_text("# A")
    assert ids(f"local://{tmp_path}/kb", reach) == ids((tmp_path / "kb").as_uri(), reach) == ["a b.md"]
    assert ids((tmp_path / "kb" / "a b.md").as_uri(), reach) == ["a b.md"]
    with pytest.raises(SourceError, match="names the machine 'elsewhere'"):
        resolve(["file://elsewhere/x"], reach)


def test_what_is_not_there_or_too_large(memory, reach):
    with pytest.raises(SourceError, match="holds no documents"):
        resolve(["memory://nowhere"], reach)
    memory.pipe("/kb/big.txt", b"x" * 2**21)
    *_, big = found = resolve(["memory://kb"], reach).items
    memory.rm("/kb/a.md")
    gone, small, _ = reach.brought([found[0], found[2], found[1]], {})
    assert isinstance(gone.error, GoneError) and small.error is None
    assert big.doc_id == "sub/b.txt" and "larger than 1 MB" in str(next(reach.brought([found[1]], {})).error)


def test_archives_and_rows_in_a_store_are_named(memory, reach):
    memory.pipe({"/kb/x.zip": b"PK", "/kb/documents.jsonl": b"{}"})
    failing = [item for item in resolve(["memory://kb"], reach).items if item.error]
    assert [item.doc_id for item in failing] == ["documents.jsonl", "x.zip"]
    with pytest.raises(DocumentError, match="copy it here"):
        failing[0].source_hash()


def test_a_missing_driver_is_named(reach, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ConfigError, match=r"gcsfs.*\[cloud\]"):
        resolve(["gs://bucket/kb"], reach)


def test_the_checksum_of_the_store_tells_what_changed(store, runtime, tmp_path):
    def counts():
        store.reads.clear()
        report = ingest(["sums://kb"], "kb", runtime)
        return report.added, report.changed, report.removed, report.unchanged, sorted(store.reads)

    assert counts() == (2, 0, 0, 0, ["/kb/a.md", "/kb/sub/b.txt"])
    assert counts() == (0, 0, 0, 2, [])
    store.pipe("/kb/a.md", b"# Another")
    assert counts() == (0, 1, 0, 1, ["/kb/a.md"])
    ChecksumStore.broken = True
    report = ingest(["sums://kb"], "kb", runtime)
    assert report.unchanged == 2 and "RuntimeError: the service is unavailable" in report.failed[0].reason
    (tmp_path / "x.md").write_text("# x")
    with pytest.raises(SourceError, match="cannot be read"):
        options = IngestOptions(prune=True, allow_delete_over=1.0)
        ingest(["sums://kb", str(tmp_path / "x.md")], "kb", runtime, options)
    ChecksumStore.broken = False
    assert counts() == (0, 0, 0, 2, [])
    assert ingest(["sums://kb"], "kb", runtime).failed == ()

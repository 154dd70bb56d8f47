from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from ingest.sources import Reach
from ingest.sources.fetcher import file_name, save
from ingest.sources.items import Fetched, Known, SourceItem
from rag.errors import ConfigError, DocumentError, GoneError


@dataclass
class Shelf:
    """An origin whose bytes are at hand; it counts how often they were taken."""

    data: bytes = b"words"
    version: str = ""
    uri: str = "shelf://a"
    taken: int = 0
    gone: bool = False

    def fetch(self, known: Known | None, folder: Path) -> Fetched | None:
        if self.gone:
            raise GoneError("404")
        if known is not None and known.etag == self.data.decode():
            return None
        self.taken += 1
        (folder / "a.md").write_bytes(self.data)
        return Fetched(folder / "a.md", f"hash of {self.data.decode()}", self.uri, etag=self.data.decode())


class Memory(dict[str, Known]):
    def record(self, uri: str, known: Known) -> None:
        self[uri] = known


@pytest.fixture
def reach(tmp_path: Path) -> Generator[Reach, None, None]:
    with Reach(spool=tmp_path / "spool", memory=Memory()) as reach:
        yield reach


def item(shelf: Shelf) -> SourceItem:
    return SourceItem("a.md", Path(), origin=shelf)


def test_what_was_fetched_to_compare_it_is_not_fetched_again(reach: Reach) -> None:
    shelf = Shelf()
    assert reach.source_hash(item(shelf), set(), needed=True) == "hash of words"
    (here,) = reach.brought([item(shelf)], hashes := {})
    assert here.path.read_bytes() == b"words" and here.address == "shelf://a" and hashes == {"a.md": "hash of words"}
    assert shelf.taken == 1
    list(reach.emptied([SimpleNamespace(doc_id="a.md")]))
    assert not here.path.exists()


def test_nothing_is_asked_where_nothing_needs_the_answer(reach: Reach) -> None:
    shelf = Shelf()
    assert reach.source_hash(item(shelf), set(), needed=False) == "" and shelf.taken == 0


def test_what_did_not_change_is_told_without_its_bytes(reach: Reach) -> None:
    shelf = Shelf()
    reach.source_hash(item(shelf), {"hash of words"}, needed=True)
    assert reach.source_hash(item(shelf), {"hash of words"}, needed=True) == "hash of words" and shelf.taken == 1
    told = Shelf(version="words")
    assert reach.source_hash(item(told), set(), needed=True) == "hash of words" and told.taken == 0


def test_what_cannot_be_had_is_an_error_of_its_document(reach: Reach) -> None:
    (here,) = reach.brought([item(Shelf(gone=True))], {})
    assert isinstance(here.error, GoneError)
    with pytest.raises(GoneError):
        reach.source_hash(item(Shelf(gone=True)), set(), needed=True)


def test_without_a_spool_nothing_is_fetched() -> None:
    with Reach() as bare, pytest.raises(ConfigError, match="spool"):
        bare.folder()


def test_a_body_beyond_the_limit_is_cut_off(tmp_path: Path) -> None:
    def pieces(count: int) -> Generator[bytes]:
        yield from (b"x" * 2**19 for _ in range(count))

    assert len(save(pieces(2), tmp_path / "a", 1)) == 64 and (tmp_path / "a").stat().st_size == 2**20
    with pytest.raises(DocumentError, match="larger than 1 MB"):
        save(pieces(9), tmp_path / "b", 1)


def test_a_name_in_the_spool_keeps_its_ending_and_leads_nowhere() -> None:
    assert "/" not in file_name("../../etc/passwd")
    assert file_name("A report.PDF") == "A report.PDF" and file_name("///") == "document"
    assert len(file_name("n" * 300 + ".docx")) < 80 and file_name("n" * 300 + ".docx").endswith(".docx")

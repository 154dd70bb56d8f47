import os
import zipfile
from pathlib import Path

import pytest

from ingest.sources import Reach, Sources
from ingest.sources.local import add_file_url, add_local
from rag.errors import SourceError


def listed(source: str) -> Sources:
    found = Sources()
    with Reach() as reach:
        add_local(source, found, reach)
    return found


def ids(source: str) -> list[str]:
    return [item.doc_id for item in listed(source).items]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.md", "a.txt", "sub/c.md", ".hidden.md"):
        (folder / name).write_text("words")
    return folder


def test_a_folder_a_file_and_a_glob(folder: Path) -> None:
    assert ids(str(folder)) == ["a.txt", "b.md", "sub/c.md"]
    assert ids(str(folder / "b.md")) == ["b.md"]
    assert ids(f"{folder}/**/*.md") == ["b.md", "sub/c.md"]


def test_members_of_an_archive_have_its_name_before_theirs_unless_it_is_the_source(folder: Path) -> None:
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("x/d.md", "words")
    assert "more.zip/x/d.md" in ids(str(folder)) and ids(str(folder / "more.zip")) == ["x/d.md"]


def test_rows_are_documents(folder: Path) -> None:
    (folder / "documents.jsonl").write_text('{"doc_id": "r1", "text": "x"}\n{"doc_id": "r2", "text": "y"}\n')
    assert {"r1", "r2"} <= set(ids(str(folder)))


def test_a_folder_that_leads_back_to_itself_ends(folder: Path) -> None:
    (folder / "sub" / "up").symlink_to(folder)
    assert ids(str(folder)) == ["a.txt", "b.md", "sub/c.md"]


def test_what_is_not_there_or_nothing_to_read_is_named(folder: Path) -> None:
    with pytest.raises(SourceError, match="there is no .*nowhere"):
        listed(str(folder / "nowhere"))
    os.mkfifo(folder / "pipe")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        listed(str(folder / "pipe"))


def test_a_file_url_is_one_of_this_machine(folder: Path) -> None:
    found = Sources()
    with Reach() as reach:
        add_file_url(folder.as_uri(), found, reach)
        with pytest.raises(SourceError, match="names the machine 'elsewhere'"):
            add_file_url("file://elsewhere/docs", found, reach)
    assert len(found.items) == 3

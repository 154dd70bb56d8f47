from pathlib import Path

import pytest

from ingest.sources.named import SourceKey, checked_prefix, fixed_parts, is_local, located, named, scheme_of
from rag.errors import ConfigError


def test_a_prefix_stands_before_every_id_and_is_taken_off_again() -> None:
    key = SourceKey("/docs", "legal/de")
    assert key.id_of("a.md") == "legal/de/a.md" and key.name_of("legal/de/a.md") == "a.md"
    assert key.name_of("legal/en/a.md") is None and SourceKey("/docs").name_of("a.md") == "a.md"
    assert str(key) == "/docs (prefix legal/de)" and str(SourceKey("/docs")) == "/docs"


@pytest.mark.parametrize("prefix", ["/", " ", "a/../b", ".", "a\nb", "a\udc80"])
def test_a_prefix_that_cannot_start_an_id_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="--prefix"):
        checked_prefix(prefix)


def test_a_prefix_is_kept_without_the_slashes_around_it() -> None:
    assert checked_prefix("/legal/de/") == "legal/de" and checked_prefix("") == ""


@pytest.mark.parametrize(
    ("spelling", "scheme"),
    [("s3://b/c", "s3"), ("HTTPS://x", "https"), ("github::a", "github"), ("C:/x", ""), ("a/b", "")],
)
def test_the_scheme_of_a_source(spelling: str, scheme: str) -> None:
    assert scheme_of(spelling) == scheme


def test_one_place_has_one_location_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    spellings = (str(folder), "a folder", "./a folder/", "link", folder.as_uri())
    assert {located(spelling) for spelling in spellings} == {str(folder.resolve())}
    assert located("s3://bucket/docs/") == "s3://bucket/docs"
    assert is_local(located("a folder")) and not is_local("s3://bucket")


def test_a_golden_set_is_the_place_of_its_documents(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").touch()
    assert located(str(tmp_path)) == str(tmp_path.resolve())
    (tmp_path / "docs").mkdir()
    assert named(str(tmp_path), "p", ("*.md",)).key == SourceKey(str((tmp_path / "docs").resolve()), "p")


def test_a_glob_keeps_its_signs_behind_the_real_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert located(f"{tmp_path}/link/*.md") == f"{(tmp_path / 'real').resolve()}/*.md"
    assert list(fixed_parts("/a/b/*.md")) == ["/", "a", "b"]

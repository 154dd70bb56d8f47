import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources import Reach, resolve
from ingest.sources.fetcher import file_name
from ingest.sources.spool import spool_folder
from rag.errors import StateError


def folders(parent):
    return [path for path in parent.iterdir() if path.is_dir()]


def test_a_run_has_its_own_folder_and_leaves_none(tmp_path):
    with spool_folder(tmp_path / "spool") as first, spool_folder(tmp_path / "spool") as second:
        (first / "x").write_text("x")
        assert first != second and set(folders(tmp_path / "spool")) == {first, second}
    assert folders(tmp_path / "spool") == []


def test_what_a_killed_run_left_goes_at_the_next_start_and_nothing_of_a_living_one(tmp_path):
    code = f"""
        import os
        from pathlib import Path
        from ingest.sources.spool import spool_folder
        with spool_folder(Path({str(tmp_path / "spool")!r})) as folder:
            (folder / "big.pdf").write_text("x")
            os._exit(9)
    """
    with spool_folder(tmp_path / "spool") as living:
        assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)]).returncode == 9
        assert len(folders(tmp_path / "spool")) == 2
        with spool_folder(tmp_path / "spool") as mine:
            assert set(folders(tmp_path / "spool")) == {living, mine}


def test_a_spool_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="RAGWRIGHT_HOME"), spool_folder(tmp_path / "file"):
        pass


def test_local_sources_need_no_spool(tmp_path):
    (tmp_path / "a.md").write_text("# A")
    with Reach(spool=tmp_path / "spool") as reach:
        assert len(list(reach.brought(resolve([str(tmp_path / "a.md")], reach).items, {}))) == 1
    assert not (tmp_path / "spool").exists()


@given(st.text(max_size=300))
def test_any_name_is_plain_in_the_spool(tmp_path_factory, name):
    made = file_name(name)
    assert "/" not in made and made not in {"", ".", ".."} and len(made.encode()) < 255
    path = tmp_path_factory.getbasetemp() / f"x{made}"
    path.write_text("x")
    path.unlink()


def test_names_in_the_spool_tell_the_title_and_the_format():
    assert file_name("Guide one.md") == "Guide one.md" and file_name("v1.2") == "v1.2"
    assert file_name("../../a\\b.md") == "ab.md"

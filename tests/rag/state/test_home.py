from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import ConfigError
from rag.state.home import Home, check_corpus_name


@pytest.mark.parametrize("name", ["", "A", "../x", "a b", "-a", "a" * 64])
def test_corpus_names_that_could_escape_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="corpus name"):
        check_corpus_name(name)


def test_everything_of_a_home_lies_below_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    paths = (home.catalogue, home.models, home.spool, home.gates("kb"), home.calibrations, home.index(7))
    assert all(path.is_relative_to(home.root) for path in (*paths, home.ingest_lock("kb")))
    assert not home.root.exists(), "nothing is made until it is asked for"
    home.create()
    assert [path.name for path in home.root.iterdir()] == ["locks"]

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.cli import main
from api.cli.commands.evaluation import _evaluated, _written
from rag.errors import ReportError


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["compare", "none-a", "none-b"], 2, "none-a is no run folder"),
        (["gate", "--baseline", "none-a", "--candidate", "none-b"], 2, "none-a is no run folder"),
        (["gate", "--baseline", "none-a"], 2, "--candidate"),
        (["gate", "--baseline", "a", "--candidate", "b", "--error-rates", "--repeats", "0"], 2, "--repeats"),
        (["eval", "none", "--corpus", "demo"], 2, "--out"),
    ],
)
def test_what_is_missing_is_one_clear_line(
    runtime: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    try:
        found = main(arguments)
    except SystemExit as stopped:
        found = int(stopped.code or 0)
    assert found == code and said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("unwritten", "failed", "code", "said"),
    [(None, 0, 0, ""), (None, 2, 3, "2 documents of the set could not be ingested"), ("no page", 2, 1, "no page")],
)
def test_the_exit_code_says_what_is_not_whole(
    capsys: pytest.CaptureFixture[str], unwritten: str | None, failed: int, code: int, said: str
) -> None:
    evaluation: Any = SimpleNamespace(unwritten=unwritten, not_ingested=failed)
    assert _evaluated(evaluation, "demo") == code
    assert said in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(folder: Path) -> None:
        raise ReportError("summary.md is not there")

    written: list[Path] = []
    assert _written(written.append, tmp_path) and written == [tmp_path]
    assert _written(fail, None), "nothing was asked for"
    assert not _written(fail, tmp_path) and "summary.md is not there" in capsys.readouterr().err

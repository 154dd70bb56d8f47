"""Recorded replies: the same figures without a network, no key in any file, and missing requests named."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from eval.judges.configured import open_judge
from eval.judges.scoring import ask_judges
from eval.metrics.base import Unmeasured
from rag.errors import ConfigError
from tests.eval.judges.conftest import Opener, answered, judge_settings
from tests.eval.judges.scripted import Said, Script
from tests.fakes import FakeEmbedder

SEEN = [answered("1"), answered("2", "Is it dry?", "Dry flat."), answered("3", "Who?", "Nobody knows.")]


def refuse_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise AssertionError("a replay must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


async def test_a_replay_gives_the_same_figures_without_a_network(
    opened: Opener, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cassettes"
    script.on("Nobody knows.", Said(refusal="I would rather not."))
    recorded = opened(judge__cassettes=folder, repeats=2)
    metrics, (before,) = await ask_judges(SEEN, [recorded], lambda done, total: None)
    refuse_network(monkeypatch)
    played = opened(judge__cassettes=folder, judge__replay="true", repeats=2)
    again, (after,) = await ask_judges(SEEN, [played], lambda done, total: None)
    assert [[m(seen) for seen in SEEN] for m in again] == [[m(seen) for seen in SEEN] for m in metrics]
    assert any(isinstance(m(SEEN[2]), Unmeasured) for m in again)
    assert after.cost.calls == 0 and after.cost.usd is None and after.cost.input_tokens == 0
    assert after.cost.replayed == before.cost.calls + before.cost.replayed and not after.cost.missing


async def test_another_run_asks_only_what_is_new(opened: Opener, script: Script, tmp_path: Path) -> None:
    for seen in (SEEN[:1], SEEN[:2]):
        judge = opened(judge__cassettes=tmp_path / "c", judge__metrics="[faithfulness]")
        _, (report,) = await ask_judges(seen, [judge], lambda done, total: None)
    assert (report.cost.calls, report.cost.replayed) == (1, 3)  # both rows ask the same of the same passages


async def test_a_replay_names_what_was_never_recorded(opened: Opener, tmp_path: Path) -> None:
    judge = opened(judge__cassettes=tmp_path / "none", judge__replay="true", judge__metrics="[faithfulness]")
    (metric,), (report,) = await ask_judges(SEEN, [judge], lambda done, total: None)
    values = [metric(seen) for seen in SEEN]
    assert all(isinstance(value, Unmeasured) and "no cassette" in value.reason for value in values)
    assert len(report.cost.missing) == 3 and report.cost.failed == {"no cassette": 3}


async def test_no_key_is_in_a_cassette_and_failures_are_not_kept(
    opened: Opener, script: Script, tmp_path: Path
) -> None:
    script.on("Is it dry?", Said(status=500))
    judge = opened(judge__cassettes=tmp_path / "c", judge__metrics="[faithfulness]")
    await ask_judges(SEEN[:2], [judge], lambda done, total: None)
    files = sorted((tmp_path / "c").rglob("*.json"))
    assert len(files) == 2 and script.keys[0] == "Bearer secret"
    for path in files:
        text = path.read_text()
        assert "secret" not in text and "127.0.0.1" not in text
        assert json.loads(text)["request"]["model"] == "big"


async def test_a_folder_that_cannot_be_written_ends_the_run(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    judge = opened(judge__cassettes=tmp_path / "file", judge__metrics="[faithfulness]")
    with pytest.raises(ConfigError, match="cassette"):
        await ask_judges(SEEN, [judge], lambda done, total: None)


def test_a_replay_needs_a_folder(base_url: str, tmp_path: Path) -> None:
    settings = judge_settings(base_url, tmp_path, judge__replay="true")
    with pytest.raises(ConfigError, match=r"judge\.cassettes"):
        open_judge("strict", settings, FakeEmbedder())

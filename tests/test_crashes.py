"""kill -9 at any moment: nothing acknowledged is lost, nothing half-written is shown, the next run goes on.

Commands are killed before or after the n-th call of every seam that a write goes through (`tests.proofs.seams`), or
after a random time, while a reader asks without a pause; see `tests.proofs.crashes` for what is checked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rag.models.embedders import EMBEDDERS
from tests.proofs.crashes import CommandLine, Findings, Harness, Station, phases
from tests.proofs.light import use_light_embedder
from tests.proofs.seams import SEAMS, resolve

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A killed process loses nothing that it wrote, on a disk or not; only fsync costs time on a disk."""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    embedders = dict(EMBEDDERS)
    use_light_embedder(embedders)
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", embedders["onnx-int8"])


def kill(folder: Path, kills: int, seed: int) -> Findings:
    """Kill that often with the light embedder, at stops and after delays."""
    station = Station(folder / "home", folder / "log")
    try:
        harness = Harness(folder, station, folder / "home", seed, documents=60, models="")
        with harness.reading():
            for phase in islice(phases(seed), kills * 4):
                harness.round(phase)
                if harness.findings.kills.total() == kills or harness.findings.violations:
                    break
            harness.recover("everything")
        return harness.judge()
    finally:
        station.close()


def kill_the_real_one(folder: Path, models: Path, kills: int, seed: int) -> Findings:
    """Kill the command line itself, with the default embedder, after delays."""
    harness = Harness(
        folder, CommandLine(folder / "home", folder / "log"), folder / "home", seed, documents=12, models=str(models)
    )
    with harness.reading():
        for _ in range(kills * 4):
            harness.round("delay")
            if harness.findings.kills.total() == kills or harness.findings.violations:
                break
        harness.recover("everything")
    return harness.judge()


def check(findings: Findings, kills: int, record_property: Any) -> None:
    record_property("measured", findings.summary())
    assert findings.violations == []
    assert findings.kills.total() == kills and findings.answers > kills


@pytest.mark.parametrize("seam", sorted({seam for seams in SEAMS.values() for seam in seams}))
def test_seams_exist(seam: str) -> None:
    resolve(seam)


@pytest.mark.usefixtures("light")
def test_nothing_is_lost_or_mixed_over_8_kills(folder: Path, record_property: Any) -> None:
    check(kill(folder, 8, seed=1), 8, record_property)


@pytest.mark.accept
@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("seed", range(2, 8))
def test_nothing_is_lost_or_mixed_over_30_more_kills(folder: Path, seed: int, record_property: Any) -> None:
    check(kill(folder, 30, seed), 30, record_property)


@pytest.mark.accept
@pytest.mark.parametrize("seed", (2, 3))
def test_nothing_is_lost_or_mixed_over_10_more_kills_of_the_real_command_line(
    folder: Path, model_cache: Path, seed: int, record_property: Any
) -> None:
    check(kill_the_real_one(folder, model_cache, 10, seed), 10, record_property)

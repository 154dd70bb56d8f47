"""Prune of one of several sources: nothing of another is lost, whatever the order, and wherever a run is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.crashes import Station
from tests.proofs.many_sources import ManySources

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sources-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


def play(folder: Path, rounds: int, seed: int, record_property: Any) -> None:
    stations = [Station(folder / "home", folder / f"log{number}") for number in range(2)]
    try:
        game = ManySources(folder, stations, folder / "home", seed)
        for _ in range(rounds):
            game.round()
            if game.tally.lost:
                break
    finally:
        for station in stations:
            station.close()
    record_property("measured", game.tally.summary())
    assert game.tally.lost == []
    assert game.tally.counts["rounds"] == rounds and game.tally.counts["prunes"] >= rounds


def test_prune_of_one_of_three_sources_over_2_rounds(folder: Path, record_property: Any) -> None:
    play(folder, 2, 1, record_property)


@pytest.mark.accept
@pytest.mark.parametrize("seed", (2, 3))
def test_prune_of_one_of_three_sources_over_50_rounds(folder: Path, seed: int, record_property: Any) -> None:
    play(folder, 50, seed, record_property)

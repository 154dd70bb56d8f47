"""Processes that share one sweep through a real PostgreSQL: nothing twice, faster together, nothing lost to a kill."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.postgres import Server, new_database

Record = Callable[[str, object], None]
SLEEP_S = 0.2


def begun(url: str, seed: int, sleep: float = SLEEP_S) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.eval.tune.team", url, str(sleep), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(worker: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = worker.communicate(timeout=300)
    assert worker.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found


def together(url: str, workers: int, seed: int, sleep: float = SLEEP_S) -> tuple[float, list[dict[str, Any]]]:
    """Return how long the work took, the start of the processes left out, and what each worker found."""
    started = time.perf_counter()
    team = [begun(url, seed, sleep) for _ in range(workers)]
    found = [ended(worker) for worker in team]
    return time.perf_counter() - started, found


def killed(url: str, seed: int, kills: int) -> dict[str, Any]:
    """Return what the last of many workers found; every one before it was killed at a random moment."""
    rng = random.Random(seed)
    for _ in range(kills):
        with begun(url, seed, 0.05) as worker:
            time.sleep(rng.uniform(1.0, 3.0))
            worker.send_signal(signal.SIGKILL)
    with begun(url, seed, 0.05) as heir:
        return ended(heir)


def test_two_workers_share_a_sweep_and_a_killed_one_costs_nothing(database: str, postgres: Server) -> None:
    _, found = together(database, 2, seed=1, sleep=0.05)
    assert found[0]["ranked"] == found[1]["ranked"] and found[0]["evaluations"] == found[0]["keys"]
    with new_database(postgres.url, "killed") as url:
        heir = killed(url, seed=1, kills=1)
    assert heir["ranked"] == found[0]["ranked"] and heir["evaluations"] == heir["keys"]


@pytest.mark.accept
def test_two_workers_are_faster_than_one(postgres: Server, record_property: Record) -> None:
    with new_database(postgres.url, "idle") as url:
        start, _ = together(url, 1, seed=0)
        again, _ = together(url, 1, seed=0)  # nothing is left to do: this is what starting a process takes
    ratios = []
    for seed in range(1, 4):
        with new_database(postgres.url, "one") as url:
            alone, _ = together(url, 1, seed)
        with new_database(postgres.url, "two") as url:
            both, found = together(url, 2, seed)
        assert found[0]["evaluations"] == found[0]["keys"]
        ratios.append((alone - again) / (both - again))
    record_property("measured", f"two workers {sorted(ratios)[1]:.2f} times as fast as one (200 ms a piece of work)")
    assert sorted(ratios)[1] >= 1.7 and start > again


@pytest.mark.accept
def test_twenty_killed_workers_lose_nothing(postgres: Server, record_property: Record) -> None:
    with new_database(postgres.url, "whole") as url:
        _, (whole,) = together(url, 1, seed=5)
    with new_database(postgres.url, "killed") as url:
        heir = killed(url, seed=5, kills=20)
    record_property("measured", f"20 workers killed: {heir['evaluations']} evaluations of {heir['keys']} questions")
    assert heir["ranked"] == whole["ranked"] and heir["spent"] == whole["spent"]
    assert heir["evaluations"] == heir["keys"], "a piece that was done is not done again"

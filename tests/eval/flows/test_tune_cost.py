"""What a sweep costs beside one evaluation from nothing, on a public set, and that kept stages change no score."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml

from eval import Selection, TuneOptions, evaluate, run_sweep
from eval.tune.board import Places, open_board
from eval.tune.measure import Measurer
from eval.tune.store import open_store
from rag.cache.stages import UNKEPT
from rag.runtime import open_runtime
from tests.eval.tune.plant import plant_settings

Record = Callable[[str, object], None]
TRIALS = 64


@pytest.mark.accept
def test_64_trials_cost_at_most_6_cold_evaluations(
    public_data: Path, tmp_path: Path, model_cache: Path, record_property: Record
) -> None:
    golden = public_data / "chroma_chunking"
    spec = tmp_path / "sweep.yaml"
    tree = {
        "sets": [{"set": str(golden), "corpus": "asked"}],
        "objectives": ["context_recall@4000ch"],
        "budget": {"trials": TRIALS, "share": 1.0},
        "space": {
            "retrieval.candidates": [50, 100, 200],
            "rerank.weight": [0.6, 0.8, 1.0],
            "context.keep": [0.3, 0.4, 0.5, 0.7],
            "context.packing": ["knapsack", "rank"],
            "context.max_hits": [20, 40],
        },
    }
    spec.write_text(yaml.safe_dump(tree))
    settings = plant_settings(tmp_path / "home", model_cache)
    with open_runtime(settings) as runtime:
        started = time.perf_counter()
        evaluate(golden, "asked", runtime, tmp_path / "cold", selection=Selection("dev"), ingest_first=True)
        cold = time.perf_counter() - started
    with open_runtime(settings) as runtime:  # nothing in memory helps the sweep
        outcome = run_sweep(str(spec), runtime, tmp_path / "out", TuneOptions())
        board = open_board(outcome.sweep.spec.sets, runtime.home.root, datetime.now(UTC))
        places = Places(runtime, board, lambda line: None)
        kept, fresh = open_store(tmp_path / "home" / "tune"), open_store(tmp_path / "fresh")
        usual = Measurer(outcome.sweep.base, outcome.sweep.metrics, places, kept)
        plain = Measurer(outcome.sweep.base, outcome.sweep.metrics, places, fresh)
        plain.kept = UNKEPT
        tried = [trial.point for trial in outcome.trials if trial.whole]
        chosen = np.random.default_rng(0).permutation(len(tried))[:10]
        for point in (tried[i] for i in chosen):
            asked = board.search
            assert [row.values for row in usual.rows(point, asked)] == [row.values for row in plain.rows(point, asked)]
        kept.close()
        fresh.close()
    ratio = outcome.seconds / cold
    told = f"{outcome.spent} question evaluations of {len(outcome.trials)} settings: {outcome.seconds:.0f} s"
    record_property(
        "measured", f"{told}, {ratio:.1f} times a cold evaluation of {cold:.0f} s; 10 trials equal uncached"
    )
    assert len(chosen) == 10 and outcome.spent >= TRIALS * len(board.search) * 0.9
    assert ratio <= 6

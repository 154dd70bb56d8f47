"""The `latency` keys of retrieval.json, which the contract names, filled from what the latency benchmark measured."""

from __future__ import annotations

import json
from pathlib import Path

from eval.bench.figures import Figures, branch, from_json, to_json, unmeasured

SIZES = ("10k", "100k", "1m")
LATENCY = ("p50_ms", "p95_ms", "rss_mb", "recall_at_10", "speedup_vs_llamaindex")


def size_name(chunks: int) -> str:
    """Return the name of a size: 10k, 2500, 1m."""
    for unit, name in ((1_000_000, "m"), (1_000, "k")):
        if chunks % unit == 0:
            return f"{chunks // unit}{name}"
    return f"{chunks}"


def contract_latency(path: Path) -> Figures:
    """Return the keys from `latency.json`; what it does not hold is unmeasured."""
    found = from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    sizes, missing = branch(found, "sizes"), unmeasured("make bench-latency measures it")
    return {size: {key: branch(sizes, size).get(key, missing) for key in LATENCY} for size in SIZES}


def put_latency(retrieval: Path, latency: Figures) -> None:
    """Put the keys into a `retrieval.json`, if there is one."""
    if retrieval.is_file():
        figures = json.loads(retrieval.read_text(encoding="utf-8")) | {"latency": to_json(latency)}
        retrieval.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

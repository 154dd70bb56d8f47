"""`python -m eval.bench NAME ...` runs one benchmark; `BENCHES` names them all.

Benchmarks start through this file because worker processes import the main module again, and this one costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

BENCHES = {
    "ingest": "eval.bench.ingest_bench",
    "retrieval": "eval.bench.retrieval_bench",
    "eval": "eval.bench.eval_bench",
    "answers": "eval.bench.answers_bench",
    "latency": "eval.bench.latency_bench",
    "vectors": "eval.bench.vectors_bench",
    "tokens": "eval.bench.tokens_bench",
    "sweep": "eval.bench.sweep_bench",
    "results": "eval.bench.results",
}
"""Each module has `main(argv) -> exit code`; `results` measures nothing, it writes the page of the others."""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark that the first argument names with the arguments after it."""
    if not argv or argv[0] not in BENCHES:
        print(f"name one benchmark: {', '.join(sorted(BENCHES))}", file=sys.stderr)
        return 2
    code: int = import_module(BENCHES[argv[0]]).main(argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

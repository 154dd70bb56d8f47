"""`make bench-vectors`: how to store vectors in the embedded engine: codes and graphs against exact search.

    python -m eval.bench vectors --golden SET --out out/bench

The chunks of a golden set are ingested once, and their vectors, with variations beyond their number, go into a shard of
each kind; the set's questions are asked. A code stands beside each vector from the moment it is written; a graph (HNSW)
is built afterwards by the engine's optimiser, which holds the interpreter meanwhile. `rag.index.qdrant_edge` uses what
this chose.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from eval.bench.figures import Figures, machine, mean_of, quantile_of, single, table, write_figures
from eval.bench.latency_keys import size_name
from eval.bench.own import own_ingestion, timed
from eval.bench.probe import disk_mb
from eval.bench.volume import Volume, base_of
from eval.golden import load_golden
from rag.errors import RagwrightError
from rag.types import Vectors

log = logging.getLogger(__name__)

_VECTOR = "dense"
_BATCH = 512
_TOP_K = 100
_OVERSAMPLINGS = (1.0, 2.0, 4.0, 16.0)
_EFS = (64, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to store vectors, and the ways to search them by name."""

    codes: Callable[[], Any] | None = None
    graph: tuple[int, int] | None = None  # m and ef_construct

    def params(self, dim: int) -> edge.EdgeVectorParams:
        """Return the engine's parameters."""
        made: dict[str, Any] = {}
        if self.codes:
            made["quantization_config"] = self.codes()
        if self.graph:
            made["hnsw_config"] = edge.HnswIndexConfig(*self.graph, full_scan_threshold=10)
        return edge.EdgeVectorParams(size=dim, distance=edge.Distance.Cosine, **made)

    def searches(self) -> dict[str, edge.SearchParams | None]:
        """Return the search parameters that fit what is stored."""
        if self.graph:
            return {f"ef {ef}": edge.SearchParams(hnsw_ef=ef) for ef in _EFS}
        if self.codes is None:
            return {"exact": None}
        return {f"oversampling {over:g}": _rescored(over) for over in _OVERSAMPLINGS}


def _rescored(oversampling: float) -> edge.SearchParams:
    return edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=True, oversampling=oversampling))


def _turbo(bits: edge.TurboQuantBitSize) -> Callable[[], Any]:
    return lambda: edge.TurboQuantQuantizationConfig(bits=bits)


KINDS: Mapping[str, Kind] = {
    "vectors": Kind(),
    "binary": Kind(edge.BinaryQuantizationConfig),
    "turbo-1": Kind(_turbo(edge.TurboQuantBitSize.Bits1)),
    "turbo-2": Kind(_turbo(edge.TurboQuantBitSize.Bits2)),
    "turbo-4": Kind(_turbo(edge.TurboQuantBitSize.Bits4)),
    "hnsw-16-100": Kind(graph=(16, 100)),
    "hnsw-32-200": Kind(graph=(32, 200)),
}
"""What can be stored; `turbo-N` has N bits a dimension, `hnsw-M-E` m and ef_construct."""


def bench_vectors(vectors: Vectors, questions: Vectors, kinds: Sequence[str], work: Path) -> Figures:
    """Return, per kind, the cost of writing and building and, per way to search, time and recall."""
    exact = np.argsort(-(questions @ vectors.T), axis=1, kind="stable")[:, :_TOP_K]
    return {name: _measured(name, vectors, questions, exact, work / name) for name in kinds}


def _measured(name: str, vectors: Vectors, questions: Vectors, exact: Any, folder: Path) -> Figures:
    kind = KINDS[name]
    folder.mkdir(parents=True)
    config = edge.EdgeConfig(vectors={_VECTOR: kind.params(vectors.shape[1])})
    shard = edge.EdgeShard.create(str(folder), config)
    write_s, _ = timed(lambda: _write(shard, vectors))
    build_s, _ = timed(shard.optimize) if kind.graph else (0.0, False)
    found = {how: _searched(shard, questions, exact, params) for how, params in kind.searches().items()}
    shard.flush()
    shard.close()
    log.info("%s: written in %.1f s, built in %.1f s", name, write_s, build_s)
    return {"write_s": single(write_s), "build_s": single(build_s), "disk_mb": single(disk_mb(folder)), **found}


def _write(shard: edge.EdgeShard, vectors: Vectors) -> None:
    for start in range(0, len(vectors), _BATCH):
        rows = enumerate(vectors[start : start + _BATCH], start)
        points = [edge.Point(pk, {_VECTOR: row.tolist()}, {}) for pk, row in rows]
        shard.update(edge.UpdateOperation.upsert_points(points))


def _searched(shard: edge.EdgeShard, questions: Vectors, exact: Any, params: edge.SearchParams | None) -> Figures:
    ms, at_10, at_100 = [], [], []
    for question, wanted in zip(questions, exact, strict=True):
        query = edge.Query.Nearest(question.tolist(), _VECTOR)
        request = edge.QueryRequest(limit=_TOP_K, query=query, params=params)
        seconds, found = timed(partial(shard.query, request))
        pks = [int(point.id) for point in found]
        ms.append(1000 * seconds)
        at_10.append(len({*pks[:10]} & {*wanted[:10].tolist()}) / 10)
        at_100.append(len({*pks} & {*wanted.tolist()}) / len(wanted))
    return {
        "p50_ms": quantile_of(ms, 0.5),
        "recall_at_10": mean_of(at_10),
        "recall_at_100": mean_of(at_100),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench vectors", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of vectors.json")
    parser.add_argument("--golden", type=Path, default=Path("corpora/demo"), help="the golden set")
    parser.add_argument("--size", type=int, default=20_000, help="number of vectors")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--only", choices=tuple(KINDS), action="append", help="measure this kind; may be repeated")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = parser.parse_args(argv)
    try:
        golden = load_golden(chosen.golden)
        asked = [case.question for case in golden.cases if case.split != "sealed"][: chosen.questions]
        with own_ingestion((chosen.out / "volumes" / chosen.golden.resolve().name / "base").resolve()) as own:
            own.ingest(golden.documents)
            base = base_of(own, chosen.size)
            questions = own.runtime.embedder.embed(asked).vectors
        vectors = np.concatenate([block.vectors for block in Volume(base, 0).blocks(chosen.size)])
        with tempfile.TemporaryDirectory(prefix="ragwright-bench-") as work:
            kinds = bench_vectors(vectors, questions, chosen.only or list(KINDS), Path(work))
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    about = machine() | {"golden": golden.name, "vectors": size_name(chosen.size), "real": len(base.texts)}
    figures = {"kinds": kinds, "about": about}
    path = write_figures(chosen.out, "vectors", figures)
    print(table("vectors", figures))
    print(f"written: {path}")
    return 0

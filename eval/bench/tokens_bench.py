"""`make bench-tokens`: what storing token vectors in few bits costs and saves, for reranking by MaxSim.

    python -m eval.bench tokens --split dev --out out/bench

The first hits of a golden set's questions are reranked with token vectors as the full model computes them (float32,
no quantisation of the model either), as the shipped one computes them, and as they come back from so many bits a
dimension; the primary metric of each is paired with the first. Query times are those of the shipped stage with what
ingestion stored, and with nothing stored, so that the model reads the passages. Corpora are those of
`make bench-retrieval`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.figures import Figure, Figures, machine, quantile_of, single, table, write_figures
from eval.bench.own import milliseconds, settings_of
from eval.bench.ranking_data import Pool, PoolSet, golden_folders, paired, pool_set
from eval.stats.strata import Stratum, stratified_difference
from rag.errors import ConfigError, RagwrightError
from rag.index.token_vectors import pack, unpack
from rag.models.embedders import make_embedder
from rag.models.late_interaction import LateInteraction, QueryEncoder, closest, maxsims
from rag.ports import Embedder, Index
from rag.rerank.rerankers import MaxSimReranker, blend
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from rag.types import Chunk, Hit, Vectors

log = logging.getLogger(__name__)

_FULL = "float32"
_SHIPPED = "as_computed"
_HALF_RANGE = 3.0  # standard deviations that the levels of a few bits cover
_TIMED = 40
_COMPARED = 20  # first hits of a question that MaxSim orders


@dataclass(frozen=True, slots=True)
class Options:
    """The golden sets below `data` (`sets` names some of them) and the split whose questions are asked."""

    data: Path
    sets: tuple[str, ...] = ()
    split: str = "dev"


def levels(matrix: Vectors, bits: int) -> Vectors:
    """Return the rows as they come back from `bits` bits a dimension: one step for all, L2-normalised again."""
    count = 2**bits
    step = 2 * _HALF_RANGE / count / np.sqrt(matrix.shape[1]) if bits > 1 else 1.0
    codes = np.floor(matrix / step).clip(-count // 2, count // 2 - 1) + 0.5
    rows: Vectors = (codes / np.linalg.norm(codes, axis=1, keepdims=True)).astype(np.float32)
    return rows


STORED: Mapping[str, Callable[[Vectors], Vectors]] = {
    "8_bits": lambda matrix: levels(matrix, 8),
    "4_bits": lambda matrix: unpack(pack(matrix), matrix.shape[1]),  # what is shipped
    "2_bits": lambda matrix: levels(matrix, 2),
    "1_bit": lambda matrix: levels(matrix, 1),
}
"""How token vectors of the shipped model may be kept."""


def bench_tokens(options: Options, home: Path) -> Figures:
    """Return, per way to keep token vectors, its bytes a token and what it costs in quality, and the times.

    Raises:
        ConfigError: there is no such set.
        RagwrightError: a document of a set cannot be ingested.
    """
    folders = [x for x in golden_folders(options.data) if not options.sets or x.name in options.sets]
    if not folders:
        raise ConfigError(f"{options.data} has none of the sets {', '.join(options.sets)}")
    full = make_embedder(load_settings(overrides=["embedder.runtime=torch"]).embedder, home / "models")
    with open_runtime(settings_of(home, ("rerank.name=none",))) as runtime:
        sets = [asyncio.run(pool_set(folder, options.split, runtime, datetime.now(UTC))) for folder in folders]
        strata: dict[str, list[Stratum]] = {}
        for part in sets:
            for name, stratum in _qualities(part, runtime, full).items():
                strata.setdefault(name, []).append(stratum)
            log.info("%s: reranked", part.name)
        times = _times(sets, runtime)
    dim = full.dim
    sizes = {_FULL: 4 * dim, _SHIPPED: 4 * dim, "8_bits": dim, "4_bits": dim / 2, "2_bits": dim / 4, "1_bit": dim / 8}
    kept = {
        name: {"bytes_a_token": single(sizes[name]), "against_float32": _difference(found)}
        for name, found in strata.items()
    }
    return {"kept": kept, "times": times, "about": {**machine(), "split": options.split}}


def _difference(strata: Sequence[Stratum]) -> Figure:
    found = stratified_difference(strata)
    return Figure(found.value, found.n, found.low, found.high, "primary metrics, every question the same")


def _qualities(part: PoolSet, runtime: Runtime, full: Embedder) -> dict[str, Stratum]:
    """Return the primary metric of the set with float32, paired with that of each way to keep token vectors."""
    shipped = runtime.indexes(part.pools[0].query.generation.index_id).embedder
    heads = {pool.case.id: pool.hits[:_COMPARED] for pool in part.pools}
    chunks = {hit.chunk.pk: hit.chunk for hits in heads.values() for hit in hits}
    exact, computed = _tokens(full, chunks), _tokens(shipped, chunks)

    def ranked(embedder: Embedder, tokens: Mapping[int, Vectors]) -> Callable[[Pool], Sequence[Hit]]:
        def rank(pool: Pool) -> Sequence[Hit]:
            question = embedder.embed([pool.query.text], with_tokens=True).tokens[0]
            scores = maxsims(closest(question, [tokens[hit.chunk.pk] for hit in heads[pool.case.id]]))
            return blend(pool.hits, scores, 1.0, MaxSimReranker.name)

        return rank

    best = ranked(full, exact)
    kept = {name: {pk: keep(matrix) for pk, matrix in computed.items()} for name, keep in STORED.items()}
    found = {_SHIPPED: paired(part, best, ranked(shipped, computed))}
    return found | {name: paired(part, best, ranked(shipped, tokens)) for name, tokens in kept.items()}


def _tokens(embedder: Embedder, chunks: Mapping[int, Chunk]) -> dict[int, Vectors]:
    embedded = embedder.embed([chunk.indexed_text for chunk in chunks.values()], with_tokens=True).tokens
    return dict(zip(chunks, embedded, strict=True))


class _Nothing:
    """`rag.ports.TokenVectors` that hold none, so that the model reads the passages."""

    def get(self, pks: Sequence[int]) -> dict[int, Vectors]:
        return {}


def _times(sets: Sequence[PoolSet], runtime: Runtime) -> dict[str, Figure]:
    """Return the ms that MaxSim over the first hits of a question takes with stored and with computed vectors."""
    nothing: Any = _Nothing()

    def without(index_id: int) -> Index:
        return replace(runtime.indexes(index_id), token_vectors=nothing)

    encoder = QueryEncoder(runtime.indexes)
    stored, computed = LateInteraction(runtime.indexes, encoder), LateInteraction(without, encoder, size=1)
    pools = [pool for part in sets for pool in part.pools[:_TIMED]]
    taken: dict[str, list[float]] = {"stored_ms": [], "computed_ms": []}
    for pool in pools:
        chunks = [hit.chunk for hit in pool.hits[:_COMPARED]]
        encoder.encode(pool.query)
        taken["stored_ms"].append(milliseconds(stored.chunks, pool.query, chunks))
        taken["computed_ms"].append(milliseconds(computed.chunks, pool.query, chunks))
    return {name: quantile_of(values, 0.5, "median of a question") for name, values in taken.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench tokens", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of tokens.json")
    parser.add_argument("--home", type=Path, help="where the corpora are kept (default: home beside tokens.json)")
    parser.add_argument("--sets", nargs="+", default=[], help="folders below RAGWRIGHT_DATA (default: all listed)")
    parser.add_argument("--split", choices=("dev", "select"), default="dev")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = parser.parse_args(argv)
    try:
        data = load_settings().environment.data
        if data is None:
            raise ConfigError("set RAGWRIGHT_DATA to the folder of the golden sets")
        options = Options(data, tuple(chosen.sets), chosen.split)
        figures = bench_tokens(options, (chosen.home or chosen.out / "home").resolve())
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path = write_figures(chosen.out, "tokens", figures)
    print(table("tokens", figures))
    print(f"written: {path}")
    return 0

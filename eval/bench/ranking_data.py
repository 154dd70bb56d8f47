"""What trained rankers are fitted and judged on: the candidates of golden questions, and leave-one-set-out.

A pool is one question with what the first stages found for it, in fused order, before any reranker. A ranker gives
every pool a new order; its worth on a set is the set's primary metric, paired with that of UNTRAINED.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.bench.retrieval_bench import primaries
from eval.golden import Case, GoldenSet, open_golden
from eval.metrics import choose_metrics
from eval.observation import searched
from eval.stats import Difference, minimal_detectable_effect
from eval.stats.strata import Stratum, stratified_difference
from ingest.pipeline import ingest
from rag.errors import ConfigError, RagwrightError
from rag.pipeline import Request
from rag.runtime import Runtime
from rag.settings import RerankSettings
from rag.types import Hit, Query, SearchResult

Floats = NDArray[np.float64]

UNTRAINED = RerankSettings(name="maxsim", top_n=20, weight=0.2)
"""What trained rankers are compared with: the best that ranks without having seen a question of any set."""

DEPTH = 100
"""Candidates that are kept of a question."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One question and its candidates as fusion ranked them."""

    case: Case
    query: Query
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class PoolSet:
    """The pools of one golden set and the metric that decides on it."""

    name: str
    primary: str
    pools: tuple[Pool, ...]

    def values(self, rank: Callable[[Pool], Sequence[Hit]]) -> list[float | None]:
        """Return the primary metric of every pool in the order that `rank` gives it; None where it has none."""
        (metric,) = choose_metrics([self.primary])
        found = (metric(searched(pool.case, _result(pool, rank(pool)), {})) for pool in self.pools)
        return [float(value) if isinstance(value, int | float) else None for value in found]


def golden_folders(data: Path) -> Iterator[Path]:
    """Yield the golden sets that have a primary metric of their own, by name.

    Raises:
        ConfigError: there is none below `data`.
    """
    folders = [data / name for name in sorted(primaries()) if (data / name / "questions.jsonl").is_file()]
    if not folders:
        raise ConfigError(f"{data} holds no golden set of retrieval_sets.yaml; set RAGWRIGHT_DATA")
    yield from folders


async def pool_set(folder: Path, split: str, runtime: Runtime, now: datetime) -> PoolSet:
    """Ingest a golden set into the corpus of its name and return the pools of those of its questions that have gold.

    The runtime must not rerank. What is ingested already is not ingested again.

    Raises:
        RagwrightError: a document cannot be ingested.
    """
    golden = open_golden(folder, home=runtime.home.root, now=now, split=split)
    report = ingest([str(golden.documents)], golden.name, runtime)
    if report.failed:
        raise RagwrightError(f"{golden.name}: {report.failed[0].doc_id}: {report.failed[0].reason}")
    pools = [await _pool(case, golden, runtime) for case in golden.cases if case.doc_ids]
    return PoolSet(golden.name, primaries().get(golden.name, golden.primary), tuple(pools))


async def _pool(case: Case, golden: GoldenSet, runtime: Runtime) -> Pool:
    request = Request(case.question, golden.name, top_k=DEPTH, history=case.history)
    found = await runtime.pipeline.trace(request)
    return Pool(case, found.query, found.hits[:DEPTH])


def gains(case: Case, hits: Sequence[Hit]) -> Floats:
    """Return `(n, golds)`: the share of each gold range, or whether it is the gold document, that each hit holds."""
    if case.spans:
        rows = [[_held(hit, gold.doc_id, gold.span.start, gold.span.end) for gold in case.spans] for hit in hits]
    else:
        rows = [[float(hit.chunk.doc_id == doc_id) for doc_id in case.doc_ids] for hit in hits]
    return np.array(rows, np.float64).reshape(len(hits), -1)


def leave_one_out(
    sets: Sequence[PoolSet],
    fit: Callable[[Sequence[PoolSet]], Callable[[Pool], Sequence[Hit]]],
    baseline: Callable[[Pool], Sequence[Hit]],
    judged: Sequence[PoolSet] | None = None,
) -> dict[str, Stratum]:
    """Return the baseline's and the ranker's values on each set, the ranker being fitted on the other sets alone.

    `judged` are the sets with the questions that are scored, where those are not the ones that are fitted on.
    """
    found = {}
    for held in judged or sets:
        rank = fit([other for other in sets if other.name != held.name])
        found[held.name] = paired(held, baseline, rank)
    return found


def paired(pools: PoolSet, baseline: Callable[[Pool], Sequence[Hit]], rank: Callable[[Pool], Sequence[Hit]]) -> Stratum:
    """Return the values of two rankings of one set, of the questions where both have one."""
    clusters = [pool.case.cluster or pool.case.id for pool in pools.pools]
    rows = [
        (old, new, cluster)
        for old, new, cluster in zip(pools.values(baseline), pools.values(rank), clusters, strict=True)
        if old is not None and new is not None
    ]
    old, new, kept = zip(*rows, strict=True) if rows else ((), (), ())
    return Stratum(old, new, kept)


def comparison(strata: Mapping[str, Stratum], primary: Mapping[str, str]) -> str:
    """Return a Markdown table: both means and the paired difference in points of every set, and pooled."""
    lines = ["| set, primary metric | n | untrained | trained | difference | p |", "|---|---|---|---|---|---|"]
    for name, stratum in strata.items():
        lines.append(_row(f"{name} {primary[name]}", [stratum]))
    pooled = stratified_difference(list(strata.values()))
    mde = 100 * minimal_detectable_effect(pooled)
    return "\n".join([*lines, _row("all, stratified", list(strata.values())), f"\nMDE (80 % power): {mde:.2f} points"])


def _row(title: str, strata: Sequence[Stratum]) -> str:
    found: Difference = stratified_difference(strata)
    old = np.concatenate([np.asarray(part.baseline) for part in strata])
    new = np.concatenate([np.asarray(part.candidate) for part in strata])
    low, high = (100 * bound if bound is not None else float("nan") for bound in (found.low, found.high))
    means = f"{100 * old.mean():.1f} | {100 * new.mean():.1f}"
    return f"| {title} | {found.n} | {means} | {100 * found.value:+.1f} [{low:+.1f}, {high:+.1f}] | {found.p:.3f} |"


def _held(hit: Hit, doc_id: str, start: int, end: int) -> float:
    if hit.chunk.doc_id != doc_id:
        return 0.0
    span = hit.chunk.span
    return max(0, min(span.end, end) - max(span.start, start)) / (end - start)


def _result(pool: Pool, hits: Sequence[Hit]) -> SearchResult:
    return SearchResult(pool.case.question, pool.query.generation, "", tuple(hits), {})

"""`make bench-retrieval`: what the default finds on every golden set below RAGWRIGHT_DATA, beside its own parts.

    python -m eval.bench retrieval --split dev --out out/bench

One default for all sets. Each set has one primary metric, named in `retrieval_sets.yaml`; the default is compared with
BM25 alone, dense alone and plain reciprocal rank fusion by the paired difference of it, pooled over the sets and
corrected for three comparisons (Holm). On sets with gold spans the compressed context is measured beside whole hits
(`eval.bench.compression`). Corpora stay in a home of their own, so that a second run ingests nothing.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from eval.bench.compression import WHOLE, bench_compression
from eval.bench.figures import Figure, Figures, machine, single, table, unmeasured, write_figures
from eval.bench.latency_keys import contract_latency
from eval.bench.own import settings_of
from eval.golden import GoldenSet, open_golden
from eval.runner import Run, RunOptions, run
from eval.stats import Difference, holm, mean_interval, minimal_detectable_effect
from eval.stats.strata import Stratum, stratified_difference
from ingest.pipeline import ingest
from rag.bridge import run_sync
from rag.errors import ConfigError, RagwrightError
from rag.runtime import open_runtime
from rag.settings import Settings, load_settings

log = logging.getLogger(__name__)

DEFAULT = "default"
_ALONE = ("rerank.name=none", "retrieval.fusion=rrf")
SYSTEMS: dict[str, tuple[str, ...]] = {
    DEFAULT: (),
    "bm25": (*_ALONE, "retrieval.retrievers=[bm25]"),
    "dense": (*_ALONE, "retrieval.retrievers=[dense]"),
    "rrf": _ALONE,
}
"""The settings of each system over the same chunks; `rrf` is both retrievers, fused by ranks alone."""

METRICS = (
    *("nDCG@10", "Recall@5", "MRR@10", "recall@2000ch", "recall@4000ch", "recall@8000ch"),
    *("span_recall@5", "span_precision@5", "span_iou@5"),
)
PRIMARY = Path(__file__).with_name("retrieval_sets.yaml")


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured: the golden sets below `data` (`sets` names some of them), one split of each, None for all.

    `left_out` is a folder of weights of the learned reranker, SET.json being fitted without that set
    (`eval.recipes.fit_ranker --each`); None: the shipped weights, which have seen the `dev` questions.
    """

    data: Path
    sets: tuple[str, ...] = ()
    split: str | None = "dev"
    extra: tuple[str, ...] = ()
    left_out: Path | None = None

    def default(self, name: str) -> tuple[str, ...]:
        """Return the settings of the default on a set; the candidate has them too, before its own.

        Raises:
            ConfigError: there are no weights that were fitted without it.
        """
        if self.left_out is None:
            return ()
        weights = self.left_out / f"{name}.json"
        if not weights.is_file():
            raise ConfigError(f"{weights} is missing; fit it with eval.recipes.fit_ranker --each {self.left_out}")
        return (f"rerank.model={weights}",)


@dataclass(frozen=True, slots=True)
class SetResult:
    """The values of every system on one set: `values[system][metric]` has one value a case, None where it has none."""

    name: str
    primary: str
    clusters: tuple[str, ...]
    values: Mapping[str, Mapping[str, tuple[float | None, ...]]]

    def paired(self, system: str, rival: str) -> Stratum:
        """Return the primary metric of two systems on the cases where both have it; the rival is the baseline."""
        ours, theirs = self.values[system][self.primary], self.values[rival][self.primary]
        rows = [
            (old, new, cluster)
            for old, new, cluster in zip(theirs, ours, self.clusters, strict=True)
            if old is not None and new is not None
        ]
        old, new, clusters = zip(*rows, strict=True) if rows else ((), (), ())
        return Stratum(old, new, clusters)


def bench_retrieval(options: Options, home: Path) -> Figures:
    """Measure every system on every set; return figures, comparisons per set and pooled.

    Raises:
        ConfigError: there is no such set.
        RagwrightError: a document of a set cannot be ingested.
    """
    systems = SYSTEMS | ({"candidate": options.extra} if options.extra else {})
    folders = list(_folders(options))
    results = [_measure(folder, options, _on_set(systems, options.default(folder.name)), home) for folder in folders]
    return {
        "sets": {found.name: {name: _means(found, name) for name in systems} for found in results},
        "primary": {found.name: found.primary for found in results},
        "per_set": {found.name: _beside(found, systems) for found in results},
        "pooled": pooled(results, [name for name in systems if name != DEFAULT]),
        "context": {name: found for folder in folders for name, found in _contexts(folder, options, home)},
        "about": {
            **machine(),
            "split": options.split or "all",
            "candidate": list(options.extra),
            "trained_parts": "fitted without the set" if options.left_out else "as shipped",
        },
    }


def _on_set(systems: Mapping[str, Sequence[str]], default: Sequence[str]) -> dict[str, Sequence[str]]:
    reranking = (DEFAULT, "candidate")
    return {name: (*default, *settings) if name in reranking else settings for name, settings in systems.items()}


def pooled(results: Sequence[SetResult], rivals: Sequence[str]) -> Figures:
    """Return the default minus each rival over all sets, with p-values corrected over the rivals."""
    found = {rival: stratified_difference([part.paired(DEFAULT, rival) for part in results]) for rival in rivals}
    adjusted = holm([difference.p for difference in found.values()])
    return {
        rival: {
            "difference": _figure(difference),
            "p": single(difference.p),
            "p_holm": single(p),
            "mde": single(minimal_detectable_effect(difference)),
        }
        for (rival, difference), p in zip(found.items(), adjusted, strict=True)
    }


def _beside(found: SetResult, systems: Iterable[str]) -> Figures:
    """Return the default minus each rival on one set; the p-values are not corrected."""
    rows: dict[str, Figures] = {}
    for rival in systems:
        if rival != DEFAULT:
            difference = stratified_difference([found.paired(DEFAULT, rival)])
            rows[rival] = {"difference": _figure(difference), "p": single(difference.p)}
    return rows


def _figure(difference: Difference) -> Figure:
    return Figure(difference.value, difference.n, difference.low, difference.high)


def _means(found: SetResult, system: str) -> dict[str, Figure]:
    return {name: _mean(values, found.clusters) for name, values in found.values[system].items()}


def _mean(values: Sequence[float | None], clusters: Sequence[str]) -> Figure:
    rows = [(value, cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
    if not rows:
        return unmeasured("the set has no gold of this kind")
    estimate = mean_interval([value for value, _ in rows], [cluster for _, cluster in rows])
    return Figure(estimate.value, estimate.n, estimate.low, estimate.high)


def _folders(options: Options) -> Iterator[Path]:
    names = options.sets or sorted(primaries())
    for name in names:
        folder = options.data / name
        if not (folder / "questions.jsonl").is_file():
            raise ConfigError(f"{folder} is no golden set: it has no questions.jsonl")
        yield folder


def primaries() -> dict[str, str]:
    """Return the primary metric of each listed set."""
    found: dict[str, str] = yaml.safe_load(PRIMARY.read_text(encoding="utf-8"))
    return found


def _measure(folder: Path, options: Options, systems: Mapping[str, Sequence[str]], home: Path) -> SetResult:
    golden = open_golden(folder, home=home, now=datetime.now(UTC), split=options.split)
    values: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for name, overrides in systems.items():
        found = _run(golden, settings_of(home, overrides))
        values[name] = {
            metric: tuple(_number(row.values[metric]) for row in found.rows) for metric in found.rows[0].values
        }
        log.info("%s: %s, %d cases", golden.name, name, len(found.rows))
    primary = primaries().get(golden.name, golden.primary)
    return SetResult(golden.name, primary, tuple(case.cluster or case.id for case in golden.cases), values)


def _contexts(folder: Path, options: Options, home: Path) -> Iterator[tuple[str, Figures]]:
    golden = open_golden(folder, home=home, now=datetime.now(UTC), split=options.split)
    if any(case.spans for case in golden.cases):
        default = options.default(folder.name)
        yield golden.name, bench_compression(golden, settings_of(home, default), settings_of(home, (*default, *WHOLE)))
        log.info("%s: contexts", golden.name)


def _run(golden: GoldenSet, settings: Settings) -> Run:
    with open_runtime(settings) as runtime:
        report = ingest([str(golden.documents)], golden.name, runtime)
        if report.failed:
            raise RagwrightError(f"{golden.name}: {report.failed[0].doc_id}: {report.failed[0].reason}")
        options = RunOptions(metrics=METRICS, ragas=False, search_only=True)
        return run_sync(run(golden, runtime.pipeline, golden.name, options=options, library=runtime.catalogue))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench retrieval", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of retrieval.json")
    parser.add_argument("--home", type=Path, help="where the corpora are kept (default: home beside retrieval.json)")
    parser.add_argument("--sets", nargs="+", default=[], help="folders below RAGWRIGHT_DATA (default: all listed)")
    parser.add_argument("--split", choices=("dev", "select", "sealed", "all"), default="dev")
    parser.add_argument("--left-out", type=Path, help="folder of learned weights, SET.json fitted without that set")
    parser.add_argument("--set", dest="extra", action="append", default=[], help="settings of one more system")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = parser.parse_args(argv)
    try:
        data = load_settings().environment.data
        if data is None:
            raise ConfigError("set RAGWRIGHT_DATA to the folder of the golden sets")
        split = None if chosen.split == "all" else chosen.split
        options = Options(data, tuple(chosen.sets), split, tuple(chosen.extra), chosen.left_out)
        figures = bench_retrieval(options, (chosen.home or chosen.out / "home").resolve())
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    latency = contract_latency(chosen.out / "latency.json")  # of the latency benchmark, if it ran
    figures = {**figures, "latency": latency}
    path = write_figures(chosen.out, "retrieval", figures)
    print(table("retrieval", figures))
    print(f"written: {path}")
    return 0

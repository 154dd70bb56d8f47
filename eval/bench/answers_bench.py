"""`make bench-answers`: how well each verifier tells supported claims from others, on labels that none was fitted on.

    python -m eval.bench answers --data $RAGWRIGHT_DATA --out out/bench

Public label sets (summedits, begin_wow), and lies planted in documents of golden sets and of the demo
(`eval.bench.claim_sets`): the threshold of each verifier is the score that 5 % of the true claims of `dev` documents
fall below, and lies are counted in `select` documents. Two kinds of lies are in no training data. Figures of the
default carry no suffix, those of another verifier `@NAME`; a figure that other benchmarks left in the file stays.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.claim_sets import CHOSEN, REPORTED, Claim, begin_wow, planted, summedits
from eval.bench.figures import machine, write_figures
from eval.stats import wilson
from eval.stats.areas import Floats, auroc
from rag.bridge import run_sync
from rag.errors import ConfigError, RagwrightError
from rag.ports import Verifier
from rag.runtime import verifier_of
from rag.settings import Settings, load_settings

RIVALS = ("evidence", "lexical", "coverage")
_AT_ONCE = 64
_DRAWS = 1000
_LOST = 0.05
_DEMO = Path("corpora/demo/docs")
_GOALS = {"summedits_balanced_accuracy": 0.70, "begin_wow_auroc": 0.95}
_CAUGHT_GOAL = 0.95


@dataclass(frozen=True, slots=True)
class AnswerFigure:
    """A figure of `answers.json`: a value with its 95 % interval, the split that it is of, and what it should reach."""

    value: float
    n: int
    low: float
    high: float
    split: str
    goal: float | None = None


Figures = dict[str, AnswerFigure]
Statistic = Callable[[Floats, Floats], float]


def measured(sets: Mapping[str, Sequence[Claim]], settings: Settings, names: Sequence[str] = RIVALS) -> Figures:
    """Return the figures of every verifier, and how far the default is ahead of each other one."""
    default = settings.answer.verifier
    scores = {name: {key: _scores(verifier_of(settings, name), sets[key]) for key in sets} for name in names}
    figures: Figures = {}
    for name in names:
        mark = "" if name == default else f"@{name}"
        figures |= {f"{key}{mark}": value for key, value in _of(sets, scores[name]).items()}
        if name != default and default in scores:
            figures |= dict(_ahead(sets, scores[default], scores[name], f"_over@{name}"))
    return figures


def _scores(verifier: Verifier, claims: Sequence[Claim]) -> Floats:
    found: list[float] = []
    for start in range(0, len(claims), _AT_ONCE):
        pairs = [(claim.claim, claim.evidence) for claim in claims[start : start + _AT_ONCE]]
        found += [support.score for support in run_sync(verifier.verify(pairs))]
    return np.array(found)


def _of(sets: Mapping[str, Sequence[Claim]], scores: Mapping[str, Floats]) -> Figures:
    figures: Figures = {}
    for key, statistic, name in _LABELLED:
        if key in sets:
            figures[name] = _figure(sets[key], scores[key], statistic, _GOALS[name])
    if "planted" in sets:
        figures |= _caught(sets["planted"], scores["planted"])
    return figures


def balanced_accuracy(scores: Floats, labels: Floats) -> float:
    """Return the mean of both classes' recall at a threshold of 0.5, which is `answer.support_threshold`."""
    said = scores >= 0.5  # noqa: PLR2004
    return float((said[labels == 1].mean() + (~said[labels == 0]).mean()) / 2)


_LABELLED: tuple[tuple[str, Statistic, str], ...] = (
    ("summedits", balanced_accuracy, "summedits_balanced_accuracy"),
    ("begin_wow", auroc, "begin_wow_auroc"),
)


def _figure(claims: Sequence[Claim], scores: Floats, statistic: Statistic, goal: float | None) -> AnswerFigure:
    labels = _labels(claims)
    draws = [statistic(scores[i], labels[i]) for i in _resampled(claims)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return AnswerFigure(statistic(scores, labels), len(claims), float(low), float(high), "all", goal)


def _ahead(
    sets: Mapping[str, Sequence[Claim]], ours: Mapping[str, Floats], theirs: Mapping[str, Floats], mark: str
) -> Iterator[tuple[str, AnswerFigure]]:
    """Yield the paired differences: a lower bound above -0 means not worse."""
    for key, statistic, name in _LABELLED:
        if key in sets:
            labels = _labels(sets[key])
            a, b = ours[key], theirs[key]
            draws = [statistic(a[i], labels[i]) - statistic(b[i], labels[i]) for i in _resampled(sets[key])]
            low, high = np.nanpercentile(draws, [2.5, 97.5])
            value = statistic(a, labels) - statistic(b, labels)
            yield f"{name}{mark}", AnswerFigure(value, len(labels), float(low), float(high), "all")


def _caught(claims: Sequence[Claim], scores: Floats) -> Figures:
    """Return the share of lies below the threshold, for each kind and together, and what it costs in true claims."""
    labels, kinds = _labels(claims), np.array([claim.kind for claim in claims])
    splits = np.array([claim.split for claim in claims])
    threshold = float(np.quantile(scores[(splits == CHOSEN) & (labels == 1)], _LOST))
    reported, below = splits == REPORTED, scores < threshold
    groups = {f"planted_caught_{kind}": reported & (kinds == kind) for kind in sorted(set(kinds[labels == 0]))}
    figures = {name: _rate(below[group], _CAUGHT_GOAL) for name, group in groups.items()}
    figures["planted_caught"] = _rate(below[reported & (labels == 0)], _CAUGHT_GOAL)
    figures["planted_true_lost"] = _rate(below[reported & (labels == 1)], _LOST)
    said = scores >= 0.5  # noqa: PLR2004
    figures["planted_caught_by_default"] = _rate(~said[reported & (labels == 0)], None)
    figures["planted_true_lost_by_default"] = _rate(~said[reported & (labels == 1)], _LOST)
    return figures


def _rate(hits: Any, goal: float | None) -> AnswerFigure:
    estimate = wilson(int(hits.sum()), len(hits))
    low, high = estimate.low, estimate.high
    return AnswerFigure(float(hits.mean()), len(hits), float(low or 0.0), float(high or 1.0), REPORTED, goal)


def _labels(claims: Sequence[Claim]) -> Floats:
    return np.array([float(claim.supported) for claim in claims])


def _resampled(claims: Sequence[Claim], seed: int = 7) -> Iterator[Any]:
    """Yield draws of claims by cluster where there are at least 30 clusters, else by claim."""
    rng = np.random.default_rng(seed)
    clusters: dict[str, list[int]] = {}
    for i, claim in enumerate(claims):
        clusters.setdefault(claim.cluster or str(i), []).append(i)
    groups = list(clusters.values()) if len(clusters) >= 30 else [[i] for i in range(len(claims))]  # noqa: PLR2004
    for _ in range(_DRAWS):
        yield np.concatenate([groups[int(i)] for i in rng.integers(0, len(groups), len(groups))])


def claim_sets(data: Path, demo: Path, names: Sequence[str]) -> dict[str, list[Claim]]:
    """Return the sets of these names.

    Raises:
        ConfigError: a set is not among the data.
    """
    makers: dict[str, Callable[[], list[Claim]]] = {
        "begin_wow": lambda: begin_wow(data),
        "summedits": lambda: summedits(data),
        "planted": lambda: planted(data, demo),
    }
    try:
        return {name: makers[name]() for name in names or makers}
    except (OSError, KeyError) as error:
        raise ConfigError(f"no such set of claims below {data}: {error}; sets are {', '.join(makers)}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench answers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the public sets (RAGWRIGHT_DATA)")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of answers.json")
    parser.add_argument("--set", dest="sets", action="append", default=[], help="only this set, repeatable")
    parser.add_argument("--verifier", dest="verifiers", action="append", default=[], help="only this one, repeatable")
    chosen = parser.parse_args(argv)
    settings = load_settings()
    data = chosen.data or settings.environment.data
    if data is None:
        print("error: name the folder of the public sets: --data or RAGWRIGHT_DATA", file=sys.stderr)
        return 2
    try:
        figures = measured(claim_sets(data, _DEMO, chosen.sets), settings, chosen.verifiers or RIVALS)
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    kept = _kept(chosen.out / "answers.json")
    write_figures(chosen.out, "answers", {**kept, **{key: asdict(f) for key, f in figures.items()}, "about": machine()})
    for key, figure in figures.items():
        print(f"{key:48} {figure.value:7.3f} [{figure.low:.3f}, {figure.high:.3f}] n={figure.n} goal {figure.goal}")
    return 0


def _kept(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}

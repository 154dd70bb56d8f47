"""How often the gate errs: A/A comparisons, where nothing changed, and planted regressions, where something did.

Two real runs over the same cases lend their scores. In an A/A comparison the cases are drawn anew and for each a coin
decides which of its two scores is the baseline's, so that no difference is left but the spread is that of two systems
that really differ from case to case. In a planted regression the candidate also loses cases, just enough that its mean
falls by the gate's own minimal detectable effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from eval.gate.policy import GatePolicy, MetricPolicy, decide
from eval.metrics.base import BOUNDED_UNITS
from eval.paired import Paired
from eval.results import SetInfo
from eval.saved import SavedRun, check_comparable, paired_values
from eval.stats import (
    DIFFERENCE,
    Difference,
    Estimate,
    Floats,
    Verdict,
    minimal_detectable_effect,
    paired_difference,
    wilson,
)
from rag.errors import ConfigError

Draw = Callable[[np.random.Generator], tuple[Floats, Floats, list[str]]]

P_FAIL_CEILING = 0.025
P_PASS_FLOOR = 0.8
_PLANTINGS = 20
CAUGHT_FLOOR = 73  # of 100: what a true power of 80 % may show (binomial, 5 %)


@dataclass(frozen=True, slots=True)
class MetricRates:
    """How often the gate of one metric passed, failed and stayed undecided.

    `aa` are the shares of comparisons without a difference, `planted` those of regressions of `planted_effect`, and
    `caught` the share of these that did not pass.
    """

    n: int
    planted_effect: float
    aa: Mapping[Verdict, Estimate]
    planted: Mapping[Verdict, Estimate]
    caught: Estimate
    ok: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """The error rates of a gate. `ok` says whether those of every metric are within their bounds."""

    set: SetInfo
    cases: int
    policy: GatePolicy
    metrics: Mapping[str, MetricRates]
    ok: bool


def gate_error_rates(
    baseline: SavedRun,
    candidate: SavedRun,
    policy: GatePolicy,
    *,
    repeats: int = 200,
    planted: int = 100,
    seed: int = 0,
) -> Rates:
    """Return how often every gated metric passed, failed and stayed undecided, with Wilson intervals.

    There are `repeats` comparisons without a difference, and `planted` regressions as large as the minimal detectable
    effect. The rates are `ok` if P(FAIL) of A/A is at most 2.5 %, P(PASS) at least 80 %, and at least 73 of 100
    regressions are caught.

    Raises:
        ConfigError: the runs cannot be paired, or share no value of a gated metric.
    """
    check_comparable(baseline, candidate)
    gated = policy.metrics or {baseline.results.primary: MetricPolicy()}
    metrics = {}
    for name, rule in gated.items():
        pairs = paired_values(baseline, candidate, name)
        if len(pairs.ids) < policy.min_cases:
            raise ConfigError(f"the runs share {len(pairs.ids)} values of {name!r}; {policy.min_cases} are needed")
        about = candidate.results.metrics[name]
        upwards = -1.0 if about.better == "lower" else 1.0
        metrics[name] = _rates(pairs, upwards, _Gate(rule, policy, about.unit), repeats, planted, seed)
    ok = all(metric.ok for metric in metrics.values())
    return Rates(baseline.results.set, len(baseline.rows), policy, metrics, ok)


def render_error_rates(rates: Rates) -> str:
    """Return the rates as lines of text, one metric after the other."""
    lines = [f"{'ok' if rates.ok else 'NOT OK'}: the gate on {rates.set.name}, {rates.cases} cases"]
    for name, metric in rates.metrics.items():
        lines.append(f"  {name}, n={metric.n}")
        lines.append(f"    nothing changed: {_line(metric.aa)}")
        size = metric.planted_effect
        lines.append(f"    worse by {size:.4f}: {_line(metric.planted)}; caught {_share(metric.caught)}")
    return "\n".join(lines) + "\n"


def _line(shares: Mapping[Verdict, Estimate]) -> str:
    return ", ".join(f"{name} {_share(share)}" for name, share in shares.items())


def _share(share: Estimate) -> str:
    return f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"


@dataclass(frozen=True, slots=True)
class _Gate:
    """One metric's gate, to be asked again and again; `unit` is the metric's."""

    rule: MetricPolicy
    policy: GatePolicy
    unit: str

    def difference(self, draw: Draw, rng: np.random.Generator) -> Difference:
        old, new, clusters = draw(rng)
        limits = DIFFERENCE if self.unit in BOUNDED_UNITS else None
        return paired_difference(old.tolist(), new.tolist(), clusters, limits=limits, draws=0)

    def verdict(self, draw: Draw, rng: np.random.Generator) -> Verdict:
        return decide(self.difference(draw, rng), self.rule, self.policy).verdict


def _rates(pairs: Paired, upwards: float, gate: _Gate, repeats: int, planted: int, seed: int) -> MetricRates:
    rng = np.random.default_rng(seed)
    null = _null_draw(pairs, upwards)
    size = _effect_to_plant(null, gate, rng)
    aa = Counter(gate.verdict(null, rng) for _ in range(repeats))
    worse = Counter(gate.verdict(_regressed(null, size), rng) for _ in range(planted))
    caught = planted - worse["PASS"]
    return MetricRates(
        n=len(pairs.ids),
        planted_effect=size,
        aa=_shares(aa, repeats),
        planted=_shares(worse, planted),
        caught=wilson(caught, planted),
        ok=aa["FAIL"] <= P_FAIL_CEILING * repeats
        and aa["PASS"] >= P_PASS_FLOOR * repeats
        and caught * 100 >= CAUGHT_FLOOR * planted,
    )


def _null_draw(pairs: Paired, upwards: float) -> Draw:
    """Return a draw of as many cases as there are, with replacement, whose two scores are shuffled."""
    scores = np.array([pairs.baseline, pairs.candidate]).T * upwards

    def draw(rng: np.random.Generator) -> tuple[Floats, Floats, list[str]]:
        chosen = rng.integers(0, len(scores), len(scores))
        first = rng.integers(0, 2, len(scores))
        old, new = scores[chosen, first], scores[chosen, 1 - first]
        return old, new, [pairs.clusters[i] for i in chosen]

    return draw


def _regressed(draw: Draw, size: float) -> Draw:
    """Return the draw with the candidate's scores taken away from random cases until the mean fell by `size`."""

    def worse(rng: np.random.Generator) -> tuple[Floats, Floats, list[str]]:
        old, new, clusters = draw(rng)
        floor = min(0.0, float(new.min()))
        loss = new - floor
        order = rng.permutation(len(new))
        taken = np.minimum(loss[order], np.maximum(0.0, size * len(new) - np.cumsum(loss[order]) + loss[order]))
        new = new.copy()
        new[order] -= taken
        return old, new, clusters

    return worse


def _effect_to_plant(null: Draw, gate: _Gate, rng: np.random.Generator) -> float:
    """Return the smallest regression that its own comparison can detect: what breaks cases also spreads them."""
    size = gate.rule.margin or gate.policy.smallest_margin
    for _ in range(_PLANTINGS):
        detectable = minimal_detectable_effect(gate.difference(_regressed(null, size), rng))
        if detectable <= size:
            break
        size = detectable
    return size


def _shares(counts: Counter[Verdict], total: int) -> dict[Verdict, Estimate]:
    return {name: wilson(counts[name], total) for name in get_args(Verdict)}

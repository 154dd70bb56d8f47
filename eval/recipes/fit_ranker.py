"""Fit the learned reranker: `python -m eval.recipes.fit_ranker $RAGWRIGHT_DATA --out rag/rerank/ranker.json`.

Reads the golden sets with a primary metric, ingests each into a corpus of its name (in RAGWRIGHT_HOME) and fits the
weights of `rag.rerank.learned.FEATURES` on their `dev` questions. Prints what the weights are worth on each set when
they are fitted without it, paired with late interaction alone; with `--confirm select` also on the questions of another
split. Minutes on two cores.

The loss is the negative log of the probability that a softmax over the scores of a question's candidates gives to what
holds the gold (each gold apart, against all that holds none), every set weighing the same: ListNet of Cao et al., ICML
2007, with the most likely of several chunks of a document counting. Weights are drawn towards a blend of fusion and
late interaction: all but that of `prior` are penalised.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.ranking_data import (
    UNTRAINED,
    Floats,
    Pool,
    PoolSet,
    comparison,
    gains,
    golden_folders,
    leave_one_out,
    pool_set,
)
from rag.bridge import run_sync
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.rerank.learned import FEATURES, look_at, ranking_features
from rag.rerank.rerankers import reranker
from rag.runtime import Runtime, open_runtime
from rag.settings import RerankSettings, load_settings
from rag.types import Hit

TOP_N = RerankSettings().top_n
_L2 = 0.1
_PRIOR_START = 5.0


@dataclass(frozen=True, slots=True)
class Rankers:
    """Features of pools, and the untrained ranker, over one runtime's models."""

    interaction: LateInteraction
    known: dict[tuple[str, str], Floats]

    def features(self, pool: Pool) -> Floats:
        """Return the features of the pool's first candidates, as the reranker sees them."""
        key = (pool.query.generation.corpus, pool.case.id)
        if key not in self.known:
            self.known[key] = ranking_features(look_at(self.interaction, pool.query, pool.hits[:TOP_N]))
        return self.known[key]

    def untrained(self, pool: Pool) -> list[Hit]:
        """Return the pool as late interaction orders it."""
        return run_sync(reranker(UNTRAINED, self.interaction).rerank(pool.query, pool.hits))

    def learned(self, sets: Sequence[PoolSet]) -> Callable[[Pool], Sequence[Hit]]:
        """Return the ranker that is fitted on these sets."""
        weights = self.fit(sets)

        def rank(pool: Pool) -> list[Hit]:
            order = np.argsort(-(self.features(pool) @ weights), kind="stable")
            return [*(pool.hits[i] for i in order), *pool.hits[TOP_N:]]

        return rank

    def fit(self, sets: Sequence[PoolSet]) -> Floats:
        """Return the weight of each of FEATURES."""
        rows, targets, shares = [], [], []
        for part in sets:
            golds = [found for pool in part.pools for found in self._golds(pool)]
            rows += [x for x, _ in golds]
            targets += [gain for _, gain in golds]
            shares += [1 / len(golds) / len(sets)] * len(golds)
        return fit_listwise(rows, targets, np.array(shares))

    def _golds(self, pool: Pool) -> list[tuple[Floats, Floats]]:
        """Return, per gold that was found, the features and gains of the candidates that hold it or none."""
        found = gains(pool.case, pool.hits[:TOP_N])
        features = self.features(pool)
        lists = []
        for gain in found.T:
            kept = (gain > 0) | (found.max(axis=1) == 0)
            if gain.max() > 0:
                lists.append((features[kept], gain[kept]))
        return lists


def fit_listwise(lists: Sequence[Floats], gain: Sequence[Floats], shares: Floats, l2: float = _L2) -> Floats:
    """Return the weights that maximise the mean log share of the softmax that falls to what has a gain.

    `lists` are the features `(n_i, f)` of each list, `gain` their gains `(n_i,)`, one of them above 0; `shares` add up
    to 1. The penalty is on standardised weights, that of the first feature excepted.
    """
    from scipy.optimize import minimize

    rows, held = np.concatenate(lists), np.concatenate(gain)
    spread = rows.std(0) + 1e-9
    spread[0] = 1.0
    z = rows / spread
    sizes = np.array([len(part) for part in lists])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    of_list = np.repeat(np.arange(len(lists)), sizes)
    penalty = np.concatenate([[0.0], np.full(z.shape[1] - 1, l2)])

    def loss(b: Floats) -> tuple[float, Floats]:
        scores = z @ b
        raised = np.exp(scores - np.maximum.reduceat(scores, starts)[of_list])
        p = raised / np.add.reduceat(raised, starts)[of_list]
        won = p * held
        total = np.add.reduceat(won, starts) + 1e-12
        value = -float(shares @ np.log(total)) + float(penalty @ b**2) / 2
        return value, z.T @ (shares[of_list] * (p - won / total[of_list])) + penalty * b

    start = np.zeros(z.shape[1])
    start[0] = _PRIOR_START
    solution: Any = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    weights: Floats = solution.x / spread
    return weights


def main(data: Path, out: Path | None, confirm: str | None, each: Path | None = None) -> str:
    """Return the report; writes the weights of all sets to `out`, and those without a set to SET.json in `each`."""
    settings = load_settings(overrides=["rerank.name=none"])
    with open_runtime(settings) as runtime:
        interaction = LateInteraction(runtime.indexes, QueryEncoder(runtime.indexes))
        rankers = Rankers(interaction, {})
        sets = asyncio.run(_sets(data, "dev", runtime))
        primary = {part.name: part.primary for part in sets}
        left_out = leave_one_out(sets, rankers.learned, rankers.untrained)
        report = ["dev, fitted without the set:", comparison(left_out, primary)]
        if confirm:
            confirmed = leave_one_out(
                sets, rankers.learned, rankers.untrained, asyncio.run(_sets(data, confirm, runtime))
            )
            report += [f"\n{confirm}, fitted on the other sets' dev questions:", comparison(confirmed, primary)]
        if out:
            out.write_text(as_json(rankers.fit(sets)), encoding="utf-8")
        if each:
            each.mkdir(parents=True, exist_ok=True)
            for held in primary:
                without = rankers.fit([part for part in sets if part.name != held])
                (each / f"{held}.json").write_text(as_json(without), encoding="utf-8")
    return "\n".join(report)


async def _sets(data: Path, split: str, runtime: Runtime) -> list[PoolSet]:
    return [await pool_set(folder, split, runtime, datetime.now(UTC)) for folder in golden_folders(data)]


def as_json(weights: Floats) -> str:
    """Return the weights as the file that `rag.rerank.learned.load_weights` reads."""
    named = {name: float(f"{weight:.4g}") for name, weight in zip(FEATURES, weights, strict=True)}
    return json.dumps({"weights": named, "fitted_by": "eval.recipes.fit_ranker"}, indent=1) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="eval.recipes.fit_ranker", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the golden sets")
    parser.add_argument("--out", type=Path, help="where to write the weights")
    parser.add_argument("--each", type=Path, help="folder for the weights that are fitted without each set")
    parser.add_argument("--confirm", choices=("select",), help="a further split to score, once")
    chosen = parser.parse_args()
    sys.stdout.write(main(chosen.data, chosen.out, chosen.confirm, chosen.each) + "\n")

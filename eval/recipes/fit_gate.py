"""Fit the answerability gate: `python -m eval.recipes.fit_gate GOLDEN_SET...`, each a folder.

Ingests each set into a corpus of its name (in RAGWRIGHT_HOME), runs its `dev` and `select` questions through the
shipped flow up to the gate, fits on dev and prints the coefficients for `rag/answer/abstain.py`. Then, for both splits:
abstention precision, recall and false abstention with Wilson intervals, beside always abstaining and beside the best
single score at the threshold that is best on dev. Sets without unanswerable questions show false abstention only.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from eval.golden import Case, open_golden
from eval.recipes.logistic import auroc, balanced_weights, fit_logistic
from eval.stats import wilson
from ingest.pipeline import ingest
from rag.answer.abstain import AnswerabilityGate, is_vague
from rag.answer.answerability import features
from rag.answer.logistic import Logistic
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from rag.types import Query

# where the default threshold of 0.5 should sit on the fitted scale: false abstentions cost more than missed ones
_OPERATING_POINT = 0.45


@dataclass(frozen=True, slots=True)
class Example:
    """One question's features and truth."""

    set: str
    split: str
    answerable: bool
    features: dict[str, float]


def main(folders: Sequence[Path]) -> str:
    """Return the report."""
    with open_runtime(load_settings()) as runtime:
        examples = [example for folder in folders for example in asyncio.run(_examples(folder, runtime))]
    train = [example for example in examples if example.split == "dev"]
    model = _fit(train)
    lines = [f"ANSWERABLE = Logistic({model.intercept}, {json.dumps(dict(model.weights), indent=4)})"]
    for name in dict.fromkeys(example.set for example in examples):
        for split in ("dev", "select"):
            rows = [e for e in examples if e.set == name and e.split == split]
            lines += _figures(f"{name} {split}", rows, [e for e in train if e.set == name], model)
    return "\n".join(lines)


async def _examples(folder: Path, runtime: Runtime) -> list[Example]:
    corpus = folder.name
    ingest([str(folder)], corpus, runtime)
    gate = AnswerabilityGate(runtime.indexes, runtime.catalogue, 0.5)
    found = []
    for split in ("dev", "select"):
        golden = open_golden(folder, home=runtime.home.root, now=datetime.now(UTC), split=split)
        for case in golden.cases:
            example = await _example(case, split, corpus, runtime, gate)
            found += [example] if example else []
    return found


async def _example(case: Case, split: str, corpus: str, runtime: Runtime, gate: AnswerabilityGate) -> Example | None:
    """Return the example, or None for a question that the gate's rules decide or that wants a question back."""
    settings = runtime.settings
    request = Request(case.question, corpus, top_k=settings.context.max_hits, history=case.history)
    result = await runtime.pipeline.context(request)
    query = Query(case.question, result.search.generation, settings.retrieval.candidates, history=case.history)
    if case.expect == "clarify" or is_vague(query) or not result.context.passages:
        return None
    unknown = await asyncio.to_thread(gate.unknown_terms, query)
    return Example(corpus, split, case.answerable, features(case.question, result.search.hits, result.context, unknown))


def _fit(train: Sequence[Example]) -> Logistic:
    labels = np.array([float(example.answerable) for example in train])
    rows = [example.features for example in train]
    model = fit_logistic(rows, labels, balanced_weights(labels, [example.set for example in train]), list(rows[0]))
    shift = math.log((1 - _OPERATING_POINT) / _OPERATING_POINT)
    return Logistic(round(model.intercept + shift, 3), model.weights)


def _figures(title: str, rows: Sequence[Example], tuned: Sequence[Example], model: Logistic) -> list[str]:
    truth = np.array([float(row.answerable) for row in rows])
    scores = np.array([model.probability(row.features) for row in rows])
    gate = f"  gate            {_rates(scores < 0.5, truth)}"
    if truth.all():
        return [title, gate]
    cut = _best_cut(tuned)
    return [
        f"{title}: AUROC {auroc(scores, truth):.3f}",
        gate,
        f"  always abstain  {_rates(np.ones(len(rows), dtype=bool), truth)}",
        f"  best sentences  {_rates(np.array([row.features['units'] < cut for row in rows]), truth)}",
    ]


def _rates(refused: Any, truth: Any) -> str:
    right = int((refused & (truth == 0)).sum())
    wrong = int((refused & (truth == 1)).sum())
    return (
        f"precision {_rate(right, right + wrong)}  recall {_rate(right, int((truth == 0).sum()))}"
        f"  false abstention {_rate(wrong, int((truth == 1).sum()))}"
    )


def _rate(successes: int, n: int) -> str:
    if not n:
        return "-"
    estimate = wilson(successes, n)
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] n={n}"


def _best_cut(rows: Sequence[Example]) -> float:
    """Return the score of the best sentences under which refusing has the best F1 on these rows."""

    def f1(cut: float) -> float:
        refused = [row for row in rows if row.features["units"] < cut]
        right = sum(not row.answerable for row in refused)
        return 2 * right / (len(refused) + sum(not row.answerable for row in rows) or 1)

    return max(sorted(row.features["units"] for row in rows), key=f1)


if __name__ == "__main__":
    sys.stdout.write(main([Path(folder) for folder in sys.argv[1:]]) + "\n")

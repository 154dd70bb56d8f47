"""Fit the lexical verifier on labelled claim-evidence pairs: `python -m eval.recipes.fit_verifier $RAGWRIGHT_DATA`.

Prints the coefficients for `rag/answer/verifiers/lexical.py` and, for every label set, AUROC and balanced accuracy of
a verifier that was fitted without it.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from eval.recipes.logistic import Floats, auroc, balanced_weights, bootstrap, fit_logistic
from rag.answer.claims import claim_features
from rag.answer.logistic import Logistic

Pair = tuple[str, str, bool]
_SAMPLE = 2500
NAMES = ("covered", "order", "numbers_missing", "units_changed", "names_missing", "negation_differs", "opposite")


def main(data: Path) -> str:
    """Return the report."""
    sets = {name: pairs for name, pairs in _sets(data) if pairs}
    features = {name: [claim_features(claim, evidence) for claim, evidence, _ in pairs] for name, pairs in sets.items()}
    labels = {name: np.array([float(supported) for *_, supported in pairs]) for name, pairs in sets.items()}
    lines = []
    for held in sets:
        model = _fit([name for name in sets if name != held], features, labels)
        scores = np.array([model.probability(row) for row in features[held]])
        lines.append(_line(f"{held} (left out)", scores, labels[held]))
    shipped = _fit(list(sets), features, labels)
    return "\n".join(
        [*lines, f"LEXICAL = Logistic({shipped.intercept}, {json.dumps(dict(shipped.weights), indent=4)})"]
    )


def _fit(names: Sequence[str], features: dict[str, list[dict[str, float]]], labels: dict[str, Floats]) -> Logistic:
    rows = [row for name in names for row in features[name]]
    truth = np.concatenate([labels[name] for name in names])
    groups = [name for name in names for _ in features[name]]
    return fit_logistic(rows, truth, balanced_weights(truth, groups, per_cell=500.0), NAMES)


def _line(title: str, scores: Floats, labels: Floats) -> str:
    area, accuracy = auroc(scores, labels), balanced_accuracy(scores, labels)
    area_low, area_high = bootstrap(scores, labels, auroc, draws=300)
    low, high = bootstrap(scores, labels, balanced_accuracy, draws=300)
    return (
        f"{title:28} n={len(labels):5} AUROC {area:.3f} [{area_low:.3f}, {area_high:.3f}]"
        f"  balanced accuracy {accuracy:.3f} [{low:.3f}, {high:.3f}]"
    )


def balanced_accuracy(scores: Floats, labels: Floats) -> float:
    """Return the mean of both classes' recall at a threshold of 0.5."""
    said = scores >= 0.5
    return float((said[labels == 1].mean() + (~said[labels == 0]).mean()) / 2)


def _sets(data: Path) -> Iterator[tuple[str, list[Pair]]]:
    contexts = {row["context_id"]: row["text"] for row in _rows(data / "summedits" / "contexts.jsonl")}
    yield (
        "summedits",
        [
            (row["response"], contexts[row["context_id"]], row["label"] == "supported")
            for row in _rows(data / "summedits" / "labels.jsonl")
        ],
    )
    yield (
        "begin_wow",
        [
            (row["response"], row["context"], row["label"] == "Fully attributable")
            for row in _rows(data / "begin_wow" / "labels.jsonl")
            if row["label"] != "Generic"
        ],
    )
    for name in ("fever_symmetric", "fool_me_twice", "fever_vanilla"):
        rows = list(_rows(data / "train" / "nli" / f"{name}.jsonl.gz"))
        random.Random(0).shuffle(rows)
        yield name, [(row["hypothesis"], row["premise"], row["label"] == "entailment") for row in rows[:_SAMPLE]]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1])) + "\n")

"""Fit the answerability gate: `python -m eval.recipes.fit_gate $RAGWRIGHT_DATA CACHE_DIR GOLDEN_SET...`.

Trains on the `dev` questions of the golden sets and, for a set named with a `+` before it, on the same questions with
their gold documents hidden. Prints the coefficients for `rag/answer/gate.py` and figures on the `select` questions:
abstention precision, recall and false abstention with Wilson intervals beside always abstaining and beside the best
single score at the threshold that is best on dev.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.recipes.corpus import GENERATION, Corpus, load_corpus
from eval.recipes.logistic import auroc, balanced_weights, fit_logistic
from eval.stats import wilson
from rag.answer.answerability import features
from rag.answer.gate import AnswerabilityGate, is_vague
from rag.answer.logistic import Logistic
from rag.context.compress import SentenceCompressor
from rag.context.dedupe import drop_near_duplicates
from rag.context.pack import pack
from rag.models.embedders import make_embedder
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.models.rerankers import MaxSimReranker
from rag.ports import Embedder
from rag.retrieve.fusion import fuse, fusion_of, to_hits
from rag.settings import Settings
from rag.types import Candidate, Context, Hit, Query

# where the default threshold of 0.5 should sit on the fitted scale: false abstentions cost more than missed ones
_OPERATING_POINT = 0.42


@dataclass(frozen=True, slots=True)
class Example:
    """One question's features and truth; `knocked_out` when its gold documents were hidden."""

    set: str
    split: str
    answerable: bool
    knocked_out: bool
    features: dict[str, float]


def main(cache: Path, folders: Sequence[str]) -> str:
    """Return the report."""
    settings = Settings()
    embedder = make_embedder(settings.embedder, cache / "models")
    examples = [
        example
        for folder in folders
        for example in _examples(Path(folder.lstrip("+")), folder.startswith("+"), settings, embedder, cache)
    ]
    train = [example for example in examples if example.split == "dev"]
    model = _fit(train)
    lines = [f"ANSWERABLE = Logistic({model.intercept}, {json.dumps(dict(model.weights), indent=4)})"]
    for name in dict.fromkeys(example.set for example in examples):
        for split in ("dev", "select"):
            rows = [e for e in examples if e.set == name and e.split == split and not e.knocked_out]
            tuned = [e for e in train if e.set == name and not e.knocked_out]
            lines += _figures(f"{name} {split}", rows, tuned, model)
    return "\n".join(lines)


def _fit(train: Sequence[Example]) -> Logistic:
    labels = np.array([float(example.answerable) for example in train])
    groups = [f"{example.set}/{example.knocked_out}" for example in train]
    rows = [example.features for example in train]
    model = fit_logistic(rows, labels, balanced_weights(labels, groups), list(rows[0]))
    shift = math.log((1 - _OPERATING_POINT) / _OPERATING_POINT)
    return Logistic(round(model.intercept + shift, 3), model.weights)


def _figures(title: str, rows: Sequence[Example], tuned: Sequence[Example], model: Logistic) -> list[str]:
    if not any(not row.answerable for row in rows):
        return []
    truth = np.array([float(row.answerable) for row in rows])
    scores = np.array([model.probability(row.features) for row in rows])
    cut = _best_cut(tuned)
    return [
        f"{title}: AUROC {auroc(scores, truth):.3f}",
        f"  gate            {_rates(scores < 0.5, truth)}",
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


def _examples(folder: Path, knock_out: bool, settings: Settings, embedder: Embedder, cache: Path) -> Iterator[Example]:
    corpus = load_corpus(folder, embedder, cache)
    for row in corpus.questions:
        gold = {item["doc_id"] if isinstance(item, dict) else item for item in row["relevant"]}
        usable = (
            row["split"] in ("dev", "select") and row.get("expect") != "clarify" and bool(gold) == row["answerable"]
        )
        query = Query(row["question"], GENERATION, settings.retrieval.candidates)
        if not usable or is_vague(query):
            continue
        yield Example(folder.name, row["split"], row["answerable"], False, _features(query, corpus, settings))
        if knock_out and row["answerable"]:
            hidden = corpus.without(gold)
            yield Example(folder.name, row["split"], False, True, _features(query, hidden, settings))


def _features(query: Query, corpus: Corpus, settings: Settings) -> dict[str, float]:
    hits, context = _context(query, corpus, settings)
    unknown = AnswerabilityGate(corpus.indexes, 0.5).unknown_terms(query)
    return features(query.text, hits, context, unknown)


def _context(query: Query, corpus: Corpus, settings: Settings) -> tuple[list[Hit], Context]:
    """Run the query path with the shipped stages."""
    index, generation = corpus.index, query.generation.id
    encoder = QueryEncoder(corpus.indexes)
    interaction = LateInteraction(corpus.indexes, encoder)
    vector = encoder.encode(query).vectors[0]
    rankings: dict[str, list[Candidate]] = {
        "dense": index.vectors.search(vector, query.top_k, generation, {}),
        "bm25": index.keywords.search(query.text, query.top_k, generation),
    }
    chunk_ids = {pk: chunk.chunk_id for pk, chunk in corpus.chunks.items()}
    hits = to_hits(fuse(rankings, fusion_of(settings.retrieval), chunk_ids), corpus.chunks)
    reranker = MaxSimReranker(interaction, settings.rerank.top_n, settings.rerank.weight)
    compressor = SentenceCompressor(interaction.units, settings.context.keep)

    async def run() -> tuple[list[Hit], Context]:
        best = (await reranker.rerank(query, hits))[: settings.context.max_hits]
        kept, _ = drop_near_duplicates(best, settings.context.near_duplicate)
        selections = await compressor.compress(query, kept)
        limit, passages = settings.context.budget_tokens, settings.context.max_passages
        return best, pack(selections, limit, index.embedder.tokenizer, passages, corpus.texts.__getitem__)

    return asyncio.run(run())


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), sys.argv[2:]) + "\n")

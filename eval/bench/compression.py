"""What compression leaves of the evidence: gold spans in the compressed context, beside whole hits of the same size.

Part of `make bench-retrieval`. At each budget the two contexts have the same room; without one, the compressed context
is compared with all of the hits that it was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.bench.figures import Figure, Figures, ratio_of_sums
from eval.golden import Case, GoldenSet
from eval.metrics.ranges import Characters, shared, size, union
from eval.observation import Range
from eval.stats import SHARE, mean_interval
from eval.stats.strata import Stratum, stratified_difference
from rag.bridge import run_sync
from rag.pipeline import RagPipeline, Request
from rag.runtime import open_runtime
from rag.settings import Settings
from rag.types import Passage

BUDGETS = (500, 1000, 2000)
NO_BUDGET = 1_000_000
"""Tokens: more than the hits of any question hold."""

WHOLE = ("context.compressor=none", "context.packing=rank")
"""The settings of the context that compression is compared with."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a context holds of the gold spans: recall, precision and IoU in characters (0..1), and its tokens."""

    recall: float
    precision: float
    iou: float
    tokens: float


def bench_compression(golden: GoldenSet, compressed: Settings, whole: Settings) -> Figures:
    """Return both contexts' figures at every budget and without one, and the paired difference of recall.

    The corpus must have been ingested under the set's name. Only cases with gold spans are asked.

    Raises:
        ValueError: no case has gold spans.
    """
    cases = [case for case in golden.cases if case.spans]
    ours, theirs = (_contexts(golden.name, cases, settings) for settings in (compressed, whole))
    names = {**{str(budget): budget for budget in BUDGETS}, "no budget": NO_BUDGET}
    return {name: _beside(cases, ours[budget], theirs[budget]) for name, budget in names.items()}


def held(gold: Characters, passages: Sequence[Passage]) -> tuple[float, float, float]:
    """Return recall, precision and IoU of a context's characters against a non-empty gold, 0..1."""
    found = union(Range(passage.doc_id, span.start, span.end) for passage in passages for span in passage.spans)
    common = shared(gold, found)
    total = size(found)
    return common / size(gold), common / total if total else 0.0, common / (total + size(gold) - common)


def _contexts(corpus: str, cases: Sequence[Case], settings: Settings) -> dict[int, list[Held]]:
    with open_runtime(settings) as runtime:
        return run_sync(_ask(runtime.pipeline, corpus, cases))


async def _ask(pipeline: RagPipeline, corpus: str, cases: Sequence[Case]) -> dict[int, list[Held]]:
    found: dict[int, list[Held]] = {budget: [] for budget in (*BUDGETS, NO_BUDGET)}
    for case in cases:
        gold = union(Range(span.doc_id, span.span.start, span.span.end) for span in case.spans)
        for budget, contexts in found.items():
            request = Request(case.question, corpus, budget_tokens=budget, history=case.history)
            context = (await pipeline.context(request)).context
            contexts.append(Held(*held(gold, context.passages), context.tokens))
    return found


def _beside(cases: Sequence[Case], compressed: Sequence[Held], whole: Sequence[Held]) -> Figures:
    clusters = [case.cluster or case.id for case in cases]
    pairs = Stratum([item.recall for item in whole], [item.recall for item in compressed], clusters)
    difference = stratified_difference([pairs])
    return {
        "compressed": _figures(compressed, clusters),
        "whole": _figures(whole, clusters),
        "recall_difference": Figure(difference.value, difference.n, difference.low, difference.high),
        "tokens_share": ratio_of_sums([item.tokens for item in compressed], [item.tokens for item in whole]),
    }


def _figures(contexts: Sequence[Held], clusters: Sequence[str]) -> dict[str, Figure]:
    figures = {}
    for name in ("recall", "precision", "iou", "tokens"):
        limits = None if name == "tokens" else SHARE
        estimate = mean_interval([getattr(item, name) for item in contexts], clusters, limits=limits)
        figures[name] = Figure(estimate.value, estimate.n, estimate.low, estimate.high)
    return figures

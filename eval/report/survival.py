"""Where a run loses its cases: gold on its way through the stages, hits on theirs, failures by first broken stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from eval.results import GoldStep
from eval.stats import Estimate, wilson
from rag.shapes.rows import RowJson
from rag.types.loss import FAILURES, STEPS, Failure, Step, meaning

_LOST: dict[Step, tuple[Failure, ...]] = {
    step: tuple(failure.name for failure in FAILURES if failure.step == step) for step in STEPS
}
"""The failures of cases whose gold does not reach a step."""

_SEARCH_STEPS = STEPS[: STEPS.index("retrieved") + 1]  # a run that only searches knows no more
_MOST = 2


@dataclass(frozen=True, slots=True)
class HitsLeft:
    """The mean number of hits per case that a stage left, over the `n` cases that got there."""

    stage: str
    mean: float
    n: int


@dataclass(frozen=True, slots=True)
class FailureCluster:
    """The cases that broke at one stage: their share of all, and the gold documents and tags that they meet most.

    `cases` are their positions in the run, from 1.
    """

    stage: str
    meaning: str
    share: Estimate
    documents: Sequence[tuple[str, int]]
    tags: Sequence[tuple[str, int]]
    cases: Sequence[int]


def gold_survival(rows: Sequence[RowJson]) -> list[GoldStep]:
    """Return, per step of the flow, how many of the answerable cases with gold still have it, with Wilson bounds.

    `lost` counts the cases lost at a step by stage. Cases that failed with an error are left out; empty without gold.
    """
    cases = [row for row in rows if row.answerable and row.gold.documents and row.status != "error"]
    if not cases:
        return []
    broken = Counter(row.broken for row in cases)
    steps = STEPS if any(row.abstained is not None for row in cases) else _SEARCH_STEPS
    found, left = [], len(cases)
    for step in steps:
        lost: dict[str, int] = {stage: broken[stage] for stage in _LOST[step] if broken[stage]}
        left -= sum(lost.values())
        found.append(GoldStep(step, left, lost, wilson(left, len(cases))))
    return found


def hit_survival(rows: Sequence[RowJson]) -> list[HitsLeft]:
    """Return the mean number of hits per case that each stage left, over the `n` cases that got there."""
    counts: dict[str, list[int]] = {}
    for row in rows:
        for stage, count in _hit_counts(row):
            counts.setdefault(stage, []).append(count)
    return [HitsLeft(stage, fmean(found), len(found)) for stage, found in counts.items()]


def failure_clusters(rows: Sequence[RowJson]) -> list[FailureCluster]:
    """Return the bad cases by first broken stage, the largest cluster first."""
    clusters: dict[str, list[int]] = {}
    for position, row in enumerate(rows, start=1):
        if row.broken:
            clusters.setdefault(row.broken, []).append(position)
    return [
        FailureCluster(
            stage=stage,
            meaning=meaning(stage),
            share=wilson(len(positions), len(rows)),
            documents=_most(doc_id for i in positions for doc_id in rows[i - 1].gold.documents),
            tags=_most(tag for i in positions for tag in rows[i - 1].tags),
            cases=positions,
        )
        for stage, positions in sorted(clusters.items(), key=lambda item: -len(item[1]))
    ]


def _hit_counts(row: RowJson) -> Sequence[tuple[str, int]]:
    if row.status == "error":
        return []
    counts = [("ranked", len(row.hits))]
    if row.context is not None:
        passages = row.context.passages
        counts += [("used for the context", row.hits_used or 0), ("passages in the context", len(passages))]
    if row.abstained is False:
        tags = {cited.tag for sentence in row.sentences for cited in sentence.citations}
        counts.append(("passages cited", len(tags)))
    return counts


def _most(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in Counter(names).most_common(_MOST) if count > 1]

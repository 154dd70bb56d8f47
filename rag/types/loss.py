"""Where a passage can be lost on its way from a corpus to a cited answer: the one vocabulary for it.

`LOSSES` has a row per place in the flow, `FAILURES` a row per way in which a case of an evaluation can go wrong. The
context's ledger, `explain`, the failure taxonomy, the survival of gold and the reports read these two tables. Names are
part of the JSON of CONTRACT.md and never change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

DropReason = Literal["near_duplicate", "max_per_document", "compressed_away", "max_passages", "budget"]
"""Why a hit, or part of one, did not reach the context, as its ledger says it, in the order of the flow."""

Gate = Literal[
    "not_ingested",
    "left_out",
    "candidates",
    "fusion",
    "rerank",
    "demoted",
    "near_duplicate",
    "max_per_document",
    "compression",
    "max_passages",
    "budget",
]
"""Where a passage can be lost, as `explain` says it, in the order of the flow."""

Failure = Literal[
    "error",
    "not_ingested",
    "not_retrieved",
    "ranked_too_low",
    "reranked_away",
    "dropped_as_duplicate",
    "compressed_away",
    "over_budget",
    "not_in_context",
    "wrongly_abstained",
    "not_cited",
    "unsupported",
    "answered_unanswerable",
]
"""What went wrong first in a case of an evaluation, as its rows say it, in the order of the flow."""

Step = Literal[
    "labelled",
    "ingested",
    "retrieved",
    "in the hits used",
    "in the context",
    "answered",
    "cited",
    "supported",
]
"""How far the gold of a case comes, in the order of the flow."""

DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)
STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Loss:
    """One place in the flow where a passage can be lost.

    Args:
        gate: its name in an explanation.
        depth: how far a passage came that is lost here; gates that act in one step have the same depth.
        failure: what a case fails of whose gold is lost here.
        sentence: what happened, for a person; `{value}` is the setting's value, `{rank}` the passage's rank and
            `{places}` its rank in each first stage, `{before}` the rank before it was demoted, `{rules}` the conditions
            of the setting that its document meets.
        told: the same of a hit, in a few words for a table; empty where no hit is lost.
        setting: the dotted key of the limit that it hangs on; None where no setting can bring the passage back.
        reason: its name in the context's ledger; None where the passage never came so far.
    """

    gate: Gate
    depth: int
    failure: Failure
    sentence: str
    told: str = ""
    setting: str | None = None
    reason: DropReason | None = None


LOSSES: tuple[Loss, ...] = (
    Loss(
        gate="not_ingested",
        depth=0,
        failure="not_ingested",
        sentence="No chunk holds it: front matter and the headers and footers of pages are not searched.",
    ),
    Loss(
        gate="left_out",
        depth=0,
        failure="not_retrieved",
        sentence="retrieval.leave_out keeps its document from being searched: {rules}.",
        setting="retrieval.leave_out",
    ),
    Loss(
        gate="candidates",
        depth=1,
        failure="not_retrieved",
        sentence="No first stage has it among its best {value}: {places}.",
        setting="retrieval.candidates",
    ),
    Loss(
        gate="fusion",
        depth=2,
        failure="ranked_too_low",
        sentence="Fusion ranks it {rank}; the context is packed from the best {value}.",
        told="below the hits used",
        setting="context.max_hits",
    ),
    Loss(
        gate="rerank",
        depth=2,
        failure="reranked_away",
        sentence="Reranking ranks it {rank}; the context is packed from the best {value}.",
        told="below the hits used",
        setting="context.max_hits",
    ),
    Loss(
        gate="demoted",
        depth=2,
        failure="ranked_too_low",
        sentence="retrieval.demote ({rules}) puts it from rank {before} to {rank}, behind the hits of the context.",
        told="below the hits used",
        setting="retrieval.demote",
    ),
    Loss(
        gate="near_duplicate",
        depth=3,
        failure="dropped_as_duplicate",
        sentence="A better hit says the same.",
        told="dropped as a duplicate",
        setting="context.near_duplicate",
        reason="near_duplicate",
    ),
    Loss(
        gate="max_per_document",
        depth=4,
        failure="over_budget",
        sentence="Better hits of its document filled the {value} that a document may have.",
        told="its document had its share of hits",
        setting="context.max_per_document",
        reason="max_per_document",
    ),
    Loss(
        gate="compression",
        depth=5,
        failure="compressed_away",
        sentence="Compression kept other sentences: {value:.0%} of the hits' text is kept, the best first.",
        told="compressed away",
        setting="context.keep",
        reason="compressed_away",
    ),
    Loss(
        gate="max_passages",
        depth=6,
        failure="over_budget",
        sentence="Better hits made {value} passages, which is the most that a context may hold.",
        told="one passage too many",
        setting="context.max_passages",
        reason="max_passages",
    ),
    Loss(
        gate="budget",
        depth=6,
        failure="over_budget",
        sentence="The budget of {value} tokens went to better passages.",
        told="no room in the budget",
        setting="context.budget_tokens",
        reason="budget",
    ),
)
"""In the order of the flow."""

LOSS_OF_GATE: Mapping[Gate, Loss] = {loss.gate: loss for loss in LOSSES}
LOSS_OF_REASON: Mapping[str, Loss] = {loss.reason: loss for loss in LOSSES if loss.reason}

REACHED = max(loss.depth for loss in LOSSES) + 1
"""The depth of a passage that no gate removed."""


@dataclass(frozen=True, slots=True)
class FailureKind:
    """One way in which a case can go wrong.

    Args:
        name: its name in rows and results.
        meaning: what a report says of it.
        step: the step that the gold of such a case does not reach; None where no gold was lost.
    """

    name: Failure
    meaning: str
    step: Step | None = None


FAILURES: tuple[FailureKind, ...] = (
    FailureKind("error", "the case raised an error or took too long"),
    FailureKind("not_ingested", "the corpus holds nothing of the gold", "ingested"),
    FailureKind("not_retrieved", "no hit touches the gold", "retrieved"),
    FailureKind("ranked_too_low", "gold was found, but below the hits that the context is made of", "in the hits used"),
    FailureKind(
        "reranked_away", "reranking put the gold behind the hits that the context is made of", "in the hits used"
    ),
    FailureKind(
        "dropped_as_duplicate",
        "the hit with the gold was taken for a copy of another and left out of the context",
        "in the context",
    ),
    FailureKind("compressed_away", "compression left the gold out of the context", "in the context"),
    FailureKind(
        "over_budget",
        "the context's size, or the share that a document may have of it, left no room for the gold",
        "in the context",
    ),
    FailureKind("not_in_context", "gold was retrieved but is not in the context", "in the context"),
    FailureKind("wrongly_abstained", "gold was in the context but the answer was refused", "answered"),
    FailureKind("not_cited", "the answer cites nothing of the gold", "cited"),
    FailureKind("unsupported", "a sentence of the answer says what its citations do not", "supported"),
    FailureKind("answered_unanswerable", "answered a question that the corpus cannot answer"),
)
"""In the order of the flow."""

_MEANINGS: Mapping[str, str] = {failure.name: failure.meaning for failure in FAILURES}


def told(reason: str) -> str:
    """Return a ledger's reason in a few words; one of another version of the program is shown as it is written."""
    loss = LOSS_OF_REASON.get(reason)
    return loss.told if loss else reason.replace("_", " ")


def meaning(failure: str) -> str:
    """Return what a report says of a failure; nothing of one of another version of the program."""
    return _MEANINGS.get(failure, "")


def furthest(reasons: Collection[str]) -> Loss | None:
    """Return the last loss in the flow of those that a ledger names; None if it names none.

    Of several chunks with the passage, the one that came furthest counts.
    """
    return next((loss for loss in reversed(LOSSES) if loss.reason in reasons), None)

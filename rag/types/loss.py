"""Why a context holds a passage or not: the one vocabulary for what its ledger says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

DropReason = Literal["near_duplicate", "max_per_document", "compressed_away", "max_passages", "budget"]
"""Why a hit, or part of one, did not reach the context, in the order of the flow."""

DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)

TOLD: Mapping[str, str] = {
    "near_duplicate": "dropped as a duplicate",
    "max_per_document": "its document had its share of hits",
    "compressed_away": "compressed away",
    "max_passages": "one passage too many",
    "budget": "no room in the budget",
}
"""Each reason in a few words, as a table shows it."""


def told(reason: str) -> str:
    """Return a reason in a few words; one of another version of the program is shown as it is written."""
    return TOLD.get(reason, reason.replace("_", " "))

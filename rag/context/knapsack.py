"""What of the selections goes into a budget: hits one after the other, or the most valuable units of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rag.context.compress import merge
from rag.errors import UnknownKeyError
from rag.ports import Tokenizer
from rag.tables import text_at
from rag.types import Dropped, ScoredSpan, Selection

Choice = tuple[list[Selection], list[Dropped]]
Packing = Callable[[Sequence[Selection], int, Tokenizer], Choice]
"""Returns what of the selections is to be packed into that many tokens, and what is left out for it."""


def in_rank_order(selections: Sequence[Selection], budget_tokens: int, tokenizer: Tokenizer) -> Choice:
    """Leave the choice to packing, which fills the budget hit by hit."""
    return list(selections), []


def most_valuable(selections: Sequence[Selection], budget_tokens: int, tokenizer: Tokenizer) -> Choice:
    """Keep the units with the highest values over all selections that fit together, as a greedy knapsack.

    A unit that does not fit closes its selection for the less valuable ones, so no row outlives its header. When all
    fit, nothing changes.
    """
    costs = [[tokenizer.count(_text(selection, unit)) for unit in selection.units] for selection in selections]
    if sum(map(sum, costs)) <= budget_tokens:
        return list(selections), []
    places = [(s, u) for s, selection in enumerate(selections) for u in range(len(selection.units))]
    kept: list[set[int]] = [set() for _ in selections]
    closed: set[int] = set()
    room = budget_tokens
    for s, u in sorted(places, key=lambda place: -selections[place[0]].units[place[1]].value):
        if costs[s][u] > room:
            closed.add(s)
        elif s not in closed:
            kept[s].add(u)
            room -= costs[s][u]
    chosen = [_only(selection, kept[s]) for s, selection in enumerate(selections) if kept[s]]
    dropped = [
        Dropped(selection.hit.chunk.doc_id, unit.span, "budget", costs[s][u], unit.value)
        for s, selection in enumerate(selections)
        for u, unit in enumerate(selection.units)
        if u not in kept[s]
    ]
    return chosen, dropped


def packing_of(name: str) -> Packing:
    """Return the packing of that name.

    Raises:
        UnknownKeyError: the name is no key of PACKINGS.
    """
    if name not in PACKINGS:
        raise UnknownKeyError("packing", name, PACKINGS)
    return PACKINGS[name]


def _only(selection: Selection, kept: set[int]) -> Selection:
    if len(kept) == len(selection.units):
        return selection
    units = tuple(unit for i, unit in enumerate(selection.units) if i in kept)
    spans = merge([unit.span for unit in units], selection.hit.chunk)
    return replace(selection, spans=spans, units=units)


def _text(selection: Selection, unit: ScoredSpan) -> str:
    return text_at(selection.hit.chunk, unit.span)


PACKINGS: dict[str, Packing] = {"rank": in_rank_order, "knapsack": most_valuable}

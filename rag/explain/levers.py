"""Settings that may let a passage in, and the search for the smallest change that does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rag.context.knapsack import PACKINGS
from rag.explain.gates import changed_chars, depth
from rag.explain.rehearsal import WorkSpentError
from rag.explain.values import Fate, SettingValue, Suggestion, Tried
from rag.retrieve.fusion import FUSIONS
from rag.settings import Settings
from rag.types.loss import Gate

Run = Callable[[Mapping[str, SettingValue]], Awaitable[Fate]]
"""Runs the flow with other values of some settings and says what became of the passage."""

MAX_CANDIDATES = 1000
MAX_PASSAGES = 1000
MAX_BUDGET_TOKENS = 32_000
BUDGET_STEP = 25
SEVERAL = "several limits at once"
"""What `not_tried` calls a change of several limits."""
_MAX_STEPS = 6


@dataclass(frozen=True, slots=True)
class Lever:
    """A setting that acts at a gate, with the values to try, the least change first.

    Of a `cut` each value admits what smaller changes admit, so the smallest is found by bisection; the others are
    tried one by one.
    """

    key: str
    gate: Gate
    values: Callable[[Settings, Fate], Sequence[SettingValue]]
    cut: bool = True


def _hundredths(start: float) -> list[float]:
    return [n / 100 for n in range(int(start * 100 + 1e-6) + 1, 101)]


def _weights(name: str) -> Callable[[Settings, Fate], Sequence[SettingValue]]:
    def values(settings: Settings, _found: Fate) -> Sequence[SettingValue]:
        weight = settings.retrieval.weights.get(name, 1.0)
        used = name in settings.retrieval.retrievers and len(settings.retrieval.retrievers) > 1
        return [round((weight or 1.0) * times, 3) for times in (1.5, 2, 3, 5, 10)] if used else []

    return values


def _rerank_weights(settings: Settings, found: Fate) -> Sequence[SettingValue]:
    now = settings.rerank.share
    others = [weight for weight in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0) if weight != now and _is_reranked(found)]
    others.sort(key=lambda weight: (abs(weight - now), weight))
    return others


def _rerankers(settings: Settings, found: Fate) -> Sequence[SettingValue]:
    if settings.rerank.name == "none":
        return ["maxsim" if settings.rerank.model else "learned"]  # another reranker's model is no file of weights
    return ["none"] if _is_reranked(found) else []


def _is_reranked(found: Fate) -> bool:
    return found.hit is not None and "reranked" in found.hit.stages


def _budgets(settings: Settings, _found: Fate) -> Sequence[SettingValue]:
    return range(settings.context.budget_tokens + BUDGET_STEP, MAX_BUDGET_TOKENS + 1, BUDGET_STEP)


def _per_document(settings: Settings, _found: Fate) -> Sequence[SettingValue]:
    limit = settings.context.max_per_document
    return range(limit + 1, MAX_PASSAGES + 1) if limit else []


def _rank(found: Fate) -> int:
    return found.hit.rank if found.hit else 0


LEVERS: tuple[Lever, ...] = (
    Lever("retrieval.candidates", "candidates", lambda s, _: range(s.retrieval.candidates + 1, MAX_CANDIDATES + 1)),
    Lever("retrieval.weights.dense", "fusion", _weights("dense"), cut=False),
    Lever("retrieval.weights.bm25", "fusion", _weights("bm25"), cut=False),
    Lever("retrieval.fusion", "fusion", lambda s, _: sorted(FUSIONS.keys() - {s.retrieval.fusion}), cut=False),
    Lever("rerank.weight", "rerank", _rerank_weights, cut=False),
    Lever("rerank.top_n", "rerank", lambda s, _: [n for n in (30, 50, 100, 200) if n > s.rerank.top_n], cut=False),
    Lever("rerank.name", "rerank", _rerankers, cut=False),
    Lever("context.max_hits", "rerank", lambda s, found: range(s.context.max_hits + 1, _rank(found) + 1)),
    Lever("context.near_duplicate", "near_duplicate", lambda s, _: _hundredths(s.context.near_duplicate)),
    Lever("context.max_per_document", "max_per_document", _per_document),
    Lever("context.keep", "compression", lambda s, _: _hundredths(s.context.keep)),
    Lever("context.max_passages", "max_passages", lambda s, _: range(s.context.max_passages + 1, MAX_PASSAGES + 1)),
    Lever("context.packing", "budget", lambda s, _: sorted(PACKINGS.keys() - {s.context.packing}), cut=False),
    Lever("context.budget_tokens", "budget", _budgets),
)
"""In the order of the flow; a setting behind the gate that removed the passage cannot bring it back."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a search for changes came to: those that admit the passage, and the settings that do not, or were not tried.

    Of `suggestions` the one that alters the context least comes first.
    """

    suggestions: tuple[Suggestion, ...] = ()
    tried: tuple[Tried, ...] = ()
    not_tried: tuple[str, ...] = ()


async def changes(run: Run, settings: Settings, now: Fate) -> Changes:
    """Return the settings that admit the passage alone, else a change of several limits that does."""
    alone = await single_changes(run, settings, now)
    if alone.suggestions:
        return alone
    try:
        joint = await joint_change(run, settings, now)
    except WorkSpentError:
        return replace(alone, not_tried=(*alone.not_tried, SEVERAL))
    return replace(alone, suggestions=(joint,) if joint else ())


async def single_changes(run: Run, settings: Settings, now: Fate) -> Changes:
    """Return for each setting that admits the passage alone its smallest such value; and those that do not."""
    found: list[Suggestion] = []
    tried: list[Tried] = []
    not_tried: list[str] = []
    for lever in LEVERS:
        values = lever.values(settings, now) if depth(lever.gate) <= depth(now.gate) else ()
        if not values:
            continue
        look = _smallest if lever.cut else _first
        try:
            value = await look(values, partial(_alone, run, lever.key))
        except WorkSpentError:
            not_tried.append(lever.key)
            continue
        if value is None:
            tried.append(Tried(lever.key, tuple(values[-1:] if lever.cut else values)))
        else:
            found.append(await _suggestion(run, {lever.key: value}, now))
    return Changes(
        tuple(sorted(found, key=lambda suggestion: suggestion.changed_chars)), tuple(tried), tuple(not_tried)
    )


async def joint_change(run: Run, settings: Settings, now: Fate) -> Suggestion | None:
    """Return a change of several limits that admits the passage, none of which can be left out; None if none does.

    Gate after gate is opened just as far as the passage needs to get behind it.
    """
    made: dict[str, SettingValue] = {}
    found = now
    for _ in range(_MAX_STEPS):
        if found.gate is None:
            return await _suggestion(run, await _without_needless(run, made), now)
        step = await _opened(run, settings.changed(made), found, made)
        if step is None:
            return None
        made.update(step)
        found = await run(made)
    return None


async def _opened(
    run: Run, settings: Settings, found: Fate, changes: Mapping[str, SettingValue]
) -> dict[str, SettingValue] | None:
    """Return the smallest changes of the limits at which the passage is stuck that let it get further.

    All of them are opened wide, then each is drawn in as far as may be.
    """
    here = depth(found.gate)
    limits = {
        lever.key: values
        for lever in LEVERS
        if lever.cut and depth(lever.gate) == here
        if (values := lever.values(settings, found))
    }
    step = {key: values[-1] for key, values in limits.items()}

    async def further(key: str, value: SettingValue) -> bool:
        return depth((await run({**changes, **step, key: value})).gate) > here

    for key, values in limits.items():
        value = await _smallest(values, partial(further, key))
        if value is None:
            return None
        step[key] = value
    return step or None


async def _without_needless(run: Run, changes: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    kept = dict(changes)
    for key in changes:
        fewer = {other: value for other, value in kept.items() if other != key}
        if await _admits(run, fewer):
            kept = fewer
    return kept


async def _alone(run: Run, key: str, value: SettingValue) -> bool:
    return await _admits(run, {key: value})


async def _admits(run: Run, changes: Mapping[str, SettingValue]) -> bool:
    return (await run(changes)).gate is None


async def _suggestion(run: Run, made: Mapping[str, SettingValue], now: Fate) -> Suggestion:
    context = (await run(made)).context
    assert context is not None and now.context is not None, "what holds the passage was packed"
    return Suggestion(dict(made), context.tokens, changed_chars(now.context, context))


async def _first(
    values: Sequence[SettingValue], fits: Callable[[SettingValue], Awaitable[bool]]
) -> SettingValue | None:
    for value in values:
        if await fits(value):
            return value
    return None


async def _smallest(
    values: Sequence[SettingValue], fits: Callable[[SettingValue], Awaitable[bool]]
) -> SettingValue | None:
    """Return a value that fits while the one before it does not; None when the last does not fit."""
    if not values or not await fits(values[-1]):
        return None
    low, high = -1, len(values) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if await fits(values[middle]) else (middle, high)
    return values[high]

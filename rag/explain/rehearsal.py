"""The runs of one explanation: one question with other settings, where only what they change is done anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rag.conditions import Condition
from rag.context.assemble import PACKED_BY, Selected
from rag.explain.gates import behind, fate, may_hold
from rag.explain.kept import Kept
from rag.explain.values import Fate, SettingValue, Target
from rag.pipeline import RagPipeline, Request, Stages, Trace
from rag.settings import Settings
from rag.types import Generation, Ranking

MAX_WORK = 12_000
"""Hits that the runs of one explanation may rerank or pack, all together; a run that begins below it is finished."""


class WorkSpentError(Exception):
    """The runs of an explanation have done what they may; what they did not try is named."""


class Rehearsal:
    """Says what became of a passage under other settings, all over one generation.

    A change of the context's limits packs the same ranking again. A change of the ranking asks the first stages only
    for what they were not asked before. A passage that no packed hit can carry is judged without packing.
    """

    def __init__(
        self,
        request: Request,
        generation: Generation,
        settings: Settings,
        variant: Callable[[Settings], Stages],
        access: Sequence[Condition] = (),
        most: int = MAX_WORK,
    ) -> None:
        self._request = request
        self._generation = generation
        self._settings = settings
        self._variant = variant
        self._access = access
        self._kept = Kept(generation)
        self._read = self._kept.documents(variant(settings).catalogue)
        self._left = most
        self._rankings: dict[tuple[str, ...], Ranking] = {}
        self._selections: dict[tuple[str, ...], Selected] = {}
        self._fates: dict[tuple[tuple[str, SettingValue], ...], Fate] = {}

    async def trace(self) -> Trace:
        """Return the run with the settings as they are."""
        trace = await self._pipeline(self._settings).trace(self._request)
        self._rankings[_ranked_by(self._settings)] = Ranking(trace.query, trace.hits)
        return trace

    async def fate(self, target: Target, changes: Mapping[str, SettingValue]) -> Fate:
        """Return what becomes of a passage under other values of some settings.

        Raises:
            WorkSpentError: it would take a run, and there were enough.
        """
        key = tuple(sorted(changes.items()))
        if key not in self._fates:
            if self._left <= 0:
                raise WorkSpentError
            self._fates[key] = await self._run(target, self._settings.changed(changes))
        return self._fates[key]

    async def _run(self, target: Target, settings: Settings) -> Fate:
        pipeline = self._pipeline(settings)
        found = await self._ranking(pipeline, settings)
        packed_from = min(settings.context.max_hits, len(found.hits))
        if not may_hold(found.hits[:packed_from], target):
            return behind(found.hits, packed_from, target)
        selected = await self._selected(pipeline, settings, found)
        self._left -= packed_from
        context = await pipeline.packed(self._request, found.query, selected, self._read)
        return fate(found.hits, packed_from, context, target)

    async def _ranking(self, pipeline: RagPipeline, settings: Settings) -> Ranking:
        key = _ranked_by(settings)
        if key not in self._rankings:
            found = await pipeline.ranking(self._request, self._generation)
            self._left -= min(settings.rerank.top_n, len(found.hits))
            self._rankings[key] = found
        return self._rankings[key]

    async def _selected(self, pipeline: RagPipeline, settings: Settings, found: Ranking) -> Selected:
        key = (*_ranked_by(settings), settings.context.model_dump_json(exclude=set(PACKED_BY)))
        if key not in self._selections:
            self._selections[key] = await pipeline.selected(found, self._read)
        return self._selections[key]

    def _pipeline(self, settings: Settings) -> RagPipeline:
        return RagPipeline(self._kept.stages(self._variant(settings)), settings, self._access)


def _ranked_by(settings: Settings) -> tuple[str, ...]:
    """Return what decides a ranking."""
    return tuple(section.model_dump_json() for section in (settings.query, settings.retrieval, settings.rerank))

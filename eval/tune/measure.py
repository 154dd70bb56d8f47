"""Scores points on questions: each question through the flow no further than the metrics need, and never twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import rag
from eval.evidence import LibraryReader
from eval.golden import Case
from eval.metrics import Metric, Unmeasured
from eval.observation import Observation
from eval.runner import Asker, RunOptions, Until
from eval.tune.board import Asked, Place, Places
from eval.tune.points import Point
from eval.tune.store import Row, Store
from rag.cache.stages import UNKEPT, KeptStages, StageResults
from rag.settings import Settings
from rag.state.reader import PinnedCatalogue

_ORDER: tuple[Until, ...] = ("search", "context", "answer")
_SECTIONS: Mapping[Until, tuple[str, ...]] = {
    "search": ("query", "retrieval", "rerank", "models"),
    "context": ("query", "retrieval", "rerank", "models", "context"),
    "answer": ("query", "retrieval", "rerank", "models", "context", "answer"),
}
"""The sections of the settings that decide what a question shows at a stage, beside those that decide the index."""


def needed(metrics: Iterable[Metric]) -> Until:
    """Return the last stage of the flow that the metrics look at."""
    return max((_needs(metric) for metric in metrics), key=_ORDER.index)


def _needs(metric: Metric) -> Until:
    if metric.name.startswith("context_"):
        return "context"
    ranked = metric.family in ("documents", "spans") and metric.name != "precision_omega"
    return "search" if ranked else "answer"


def deciding(settings: Settings, until: Until) -> str:
    """Return a digest of what decides the rows of a question taken until a stage; points with the same are one."""
    sections = set(_SECTIONS[until])
    if until != "answer":  # a context is packed from so many of the best hits, and a search is as deep as that
        tree = {"max_hits": settings.context.max_hits}
    else:
        tree = {}
    kept = {name: value for name, value in settings.recorded().items() if name in sections}
    content = [settings.index_fingerprint(), until, tree, kept]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@cache
def code_digest() -> str:
    """Return a digest of the flow's code and weights: what was scored by other code is scored again."""
    root = Path(rag.__file__).parent
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    digest = hashlib.sha256()
    for path in [*files, *sorted((Path(__file__).parents[1] / "metrics").glob("*.py"))]:
        digest.update(f"{path.relative_to(root.parent)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@dataclass(slots=True)
class Measurer:
    """Scores questions under points, through open flows.

    `timed` asks each question alone and keeps no result of a stage, so that its time is that of a service.
    """

    base: Settings
    metrics: Sequence[Metric]
    places: Places
    store: Store
    timed: bool = False
    concurrency: int = 2
    kept: StageResults = field(init=False)
    until: Until = field(init=False)
    _readers: dict[tuple[int, int], LibraryReader] = field(default_factory=dict)
    _settings: dict[Point, Settings] = field(default_factory=dict)
    _identities: dict[Point, str] = field(default_factory=dict)
    _catalogues: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.until = needed(self.metrics)
        self.kept = UNKEPT if self.timed else KeptStages()

    def settings(self, point: Point) -> Settings:
        """Return the settings of a point."""
        if point not in self._settings:
            self._settings[point] = self.base.changed(point.changes()) if point.values else self.base
        return self._settings[point]

    def identity(self, point: Point) -> str:
        """Return what decides the point's scores; points with the same identity are the same."""
        if point not in self._identities:
            self._identities[point] = deciding(self.settings(point), self.until)
        return self._identities[point]

    def key(self, point: Point, asked: Asked) -> str:
        """Return the key of a row in the store."""
        place = self.places.of(asked.set, self.settings(point))
        names = sorted(metric.name for metric in self.metrics)
        runtime = id(place.runtime)
        if runtime not in self._catalogues:
            self._catalogues[runtime] = place.runtime.catalogue.identity()
        generation = [self._catalogues[runtime], place.generation.id]
        content = [code_digest(), self.identity(point), generation, _content(asked.case), names, self.timed]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def rows(self, point: Point, asked: Sequence[Asked]) -> list[Row]:
        """Return the point's rows of these questions; those that the store does not have are worked out and kept."""
        keys = [self.key(point, item) for item in asked]
        found = self.store.rows(keys)
        missing = [(key, item) for key, item in zip(keys, asked, strict=True) if key not in found]
        if missing:
            made = asyncio.run(self._ask(point, [item for _, item in missing]))
            fresh = dict(zip((key for key, _ in missing), made, strict=True))
            self.store.put(fresh)
            found |= fresh
        return [found[key] for key in keys]

    async def _ask(self, point: Point, asked: Sequence[Asked]) -> list[Row]:
        askers = {number: self._asker(point, number) for number in dict.fromkeys(item.set for item in asked)}
        turn = asyncio.Semaphore(1 if self.timed else self.concurrency)

        async def ask(item: Asked) -> Row:
            async with turn:
                started = time.perf_counter()
                seen = await askers[item.set].observe(item.case)
                return _row(seen, self.metrics, time.perf_counter() - started)

        return list(await asyncio.gather(*(ask(item) for item in asked)))

    def _asker(self, point: Point, number: int) -> Asker:
        settings = self.settings(point)
        place = self.places.of(number, settings)
        flow = place.runtime.flow(settings, place.generation, self.kept)
        verifier = place.runtime.verifier(settings=settings.answer) if self.until == "answer" else None
        return Asker(flow, place.generation.corpus, RunOptions(), verifier, self._reader(place), self.until)

    def _reader(self, place: Place) -> LibraryReader:
        key = (id(place.runtime), place.generation.id)
        if key not in self._readers:
            self._readers[key] = LibraryReader(PinnedCatalogue(place.runtime.engine, place.generation))
        return self._readers[key]


def _row(seen: Observation, metrics: Sequence[Metric], seconds: float) -> Row:
    values: dict[str, float | None] = {}
    for metric in metrics:
        value = metric(seen)
        values[metric.name] = None if isinstance(value, Unmeasured) else float(value)
    usd = seen.usage.cost_usd if seen.usage is not None and seen.usage.cost_usd is not None else 0.0
    return Row(values, seconds, usd, seen.error)


def _content(case: Case) -> list[object]:
    """Return what of a case decides its scores."""
    gold = [[item.doc_id, item.span.start, item.span.end, item.text] for item in case.spans]
    history = [[turn.role, turn.text] for turn in case.history]
    return [case.question, case.answerable, case.expect, list(case.answers), list(case.doc_ids), gold, history]

"""Results of stages are kept by key, bounded, and counted."""

from __future__ import annotations

import asyncio

from rag.cache.stages import UNKEPT, KeptStages, StageResults, stage_key
from rag.settings import ContextSettings, RerankSettings


def asked(kept: StageResults, stage: str, *keys: object) -> list[object]:
    made: list[object] = []

    async def one(key: object) -> None:
        async def make() -> object:
            made.append(key)
            return f"result of {key}"

        assert await kept.of(stage, key, make) == f"result of {key}"

    async def all_of_them() -> None:
        for key in keys:
            await one(key)

    asyncio.run(all_of_them())
    return made


def test_an_equal_key_is_not_made_again() -> None:
    clock = iter(range(100))
    kept = KeptStages(now=lambda: float(next(clock)))
    assert asked(kept, "rank", "a", "b", "a", "a") == ["a", "b"]
    assert asked(kept, "assemble", "a") == ["a"], "stages do not share results"
    reuse = kept.reuse["rank"]
    assert (reuse.hits, reuse.misses, reuse.saved_s) == (2, 2, 2.0)


def test_the_result_used_longest_ago_is_forgotten() -> None:
    assert asked(KeptStages(size=2), "rank", "a", "b", "a", "c", "b", "a") == ["a", "b", "c", "b", "a"]


def test_a_key_of_none_and_a_service_keep_nothing() -> None:
    assert asked(KeptStages(), "rank", None, None) == [None, None]
    assert asked(UNKEPT, "rank", "a", "a") == ["a", "a"]


def test_a_key_changes_with_its_inputs_and_its_own_section_alone() -> None:
    usual = stage_key((ContextSettings(), RerankSettings()), ("question", 1))
    assert usual == stage_key((ContextSettings(), RerankSettings()), ("question", 1))
    assert usual != stage_key((ContextSettings(keep=0.4), RerankSettings()), ("question", 1))
    assert usual != stage_key((ContextSettings(), RerankSettings()), ("question", 2))

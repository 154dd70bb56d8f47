"""Where a run can be stopped: public functions that every write goes through, by the phase they belong to.

A stop is `before` or `after` the n-th call of a seam. What happens there is the caller's: raise, or kill the process.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

SEAMS: dict[str, tuple[str, ...]] = {
    "partition": ("ingest.make.workers:WorkerPool.outcomes",),
    "embed": ("tests.proofs.light:LightEmbedder.embed",),
    "write": (
        "ingest.store.catalogue:CatalogueWriter.begin",
        "ingest.store.catalogue:CatalogueWriter.add",
        "rag.index.owner:_SharedIndex.upsert",
        "rag.index.bm25:Bm25Index.add",
        "rag.index.token_vectors:StoredTokenVectors.add_packed",
        "ingest.store.catalogue:CatalogueWriter.retire",
        "rag.index.owner:_SharedIndex.set_removed",
    ),
    "flip": (
        "rag.index.bm25:Bm25Index.publish",
        "rag.index.token_vectors:StoredTokenVectors.publish",
        "rag.index.owner:_SharedIndex.flush",
        "ingest.store.catalogue:CatalogueWriter.publish",
    ),
    "discard": (
        "rag.index.owner:_SharedIndex.delete",
        "rag.index.bm25:Bm25Index.discard",
        "rag.index.token_vectors:StoredTokenVectors.discard",
        "ingest.store.catalogue:CatalogueWriter.discard",
    ),
    "vacuum": (
        "ingest.store.catalogue:CatalogueWriter.forget_generations",
        "rag.index.owner:_SharedIndex.delete",
        "ingest.store.catalogue:CatalogueWriter.erase_unseen",
        "ingest.store.catalogue:CatalogueWriter.retire_index",
        "ingest.store.catalogue:CatalogueWriter.erase_index",
        "rag.index.owner:VectorIndexes.drop",
        "rag.index.owner:_SharedIndex.compact",
        "rag.index.bm25:Bm25Index.compact",
        "rag.index.token_vectors:StoredTokenVectors.compact",
    ),
    "rollback": ("ingest.store.catalogue:CatalogueWriter.promote",),
}


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop `when` the `call`-th call (from 1) of `seam` happens."""

    seam: str
    call: int
    when: Literal["before", "after"]


def resolve(seam: str) -> tuple[type, str]:
    """Return the class and the name of its method; a seam that is gone is an error."""
    module, path = seam.split(":")
    owner, name = path.split(".")
    found: type = getattr(importlib.import_module(module), owner)
    assert callable(getattr(found, name))
    return found, name


@contextmanager
def stopped(stop: Stop, act: Callable[[], None]) -> Iterator[None]:
    """Run `act` at the stop, for as long as the block lasts."""
    owner, name = resolve(stop.seam)
    real = getattr(owner, name)
    setattr(owner, name, _stopping(real, stop, act))
    try:
        yield
    finally:
        setattr(owner, name, real)


def _stopping(real: Callable[..., Any], stop: Stop, act: Callable[[], None]) -> Callable[..., Any]:
    calls = 0

    @functools.wraps(real)
    def wrapper(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        now = calls == stop.call
        if now and stop.when == "before":
            act()
        result = real(*args, **named)
        if now and stop.when == "after":
            if isinstance(result, Iterator):
                return _ending(result, act)
            act()
        return result

    return wrapper


def _ending(items: Iterator[Any], act: Callable[[], None]) -> Iterator[Any]:
    """Pass on what a generator yields and act in its midst: after its first item."""
    for item in items:
        yield item
        act()

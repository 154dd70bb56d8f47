"""Dense vectors in one qdrant-edge shard: its schema, writes and search. The only file that imports qdrant_edge.

A point stores the generation that `added` it and, only once it was removed, the generation that `removed` it: an
index over few values is cheap to filter by. Metadata is one keyword array of `key=value`, so it needs one index.

Beside every vector stands a code of 4 bits a dimension, written with it (TurboQuant, https://arxiv.org/abs/2504.19874).
A search compares the question with all codes and then with the vectors of the best, so it reads an eighth of the bytes
and returns exact scores; nothing is trained or built, so codes cannot lag behind writes.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from rag.conditions import Filter, OneOf
from rag.errors import BusyError, IndexUnavailableError, RagwrightError, StateError
from rag.index.arrays import sync_folder
from rag.index.points import check_dim, is_impossible, keywords_of, marks_of, ordered, to_fields
from rag.ports import REMOVED_NEVER, Point
from rag.types import Candidate

_VECTOR = "dense"
_BATCH = 512
_FLUSHED = 8192  # points changed between flushes: the engine holds 0.4 kB of memory for each that is not flushed
RESERVE_BYTES = 64 * 2**20
_STEP_S = 2.0
_WHOLE = "ragwright.whole"  # says that nothing was erased since the shard was made
_CODED = "ragwright.coded"  # says that its vectors have codes; shards of older releases have none and are read whole
_RESCORED, _OVERSAMPLING = 256, 2.0  # codes that are looked at again as vectors: at least so many, and a multiple
_OLD, _COPY = ".old", ".copy"


class EdgeVectorIndex:
    """`rag.ports.VectorIndex` over one shard; made by `open_edge_index`, safe to share between threads.

    One lock guards the shard: the binding holds the interpreter lock during every call, so waiting costs nothing more.
    """

    def __init__(self, shard: edge.EdgeShard, folder: Path, dim: int) -> None:
        self._shard = shard
        self._folder = folder
        self._dim = dim
        self._lock = threading.Lock()
        self._copy: _Copy | None = None
        self._unflushed = 0

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points as never removed, or overwrite those with the same pk; vectors are `(dim,) float32`."""
        for point in points:
            check_dim(point.vector, self._dim)
        for i in range(0, len(points), _BATCH):
            batch = points[i : i + _BATCH]
            self._update(edge.UpdateOperation.upsert_points([_to_edge(point) for point in batch]), len(batch))

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Set the generation that removed the chunks; unknown pks are ignored."""
        if not pks:
            return
        chosen = edge.Filter(must=[edge.HasIdCondition(set(pks))])
        if generation >= REMOVED_NEVER:
            self._update(edge.UpdateOperation.delete_payload_by_filter(chosen, ["removed"]), len(pks))
        else:
            self._update(edge.UpdateOperation.set_payload_by_filter(chosen, {"removed": generation}), len(pks))

    def delete(self, pks: Sequence[int]) -> None:
        """Erase points; unknown pks are ignored."""
        if pks:
            with self._lock, _translated():
                self._give_up_copy()
                (self._folder / _WHOLE).unlink(missing_ok=True)
                sync_folder(self._folder)
            self._update(edge.UpdateOperation.delete_points(list(pks)), len(pks))

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        """Return up to `top_k` visible chunks that satisfy the filter, by falling cosine similarity, ties by pk.

        Scores are those of the stored vectors; without `exact` the codes choose which are compared.
        """
        check_dim(vector, self._dim)
        if is_impossible(filter):
            return []
        query = edge.Query.Nearest(vector.tolist(), _VECTOR)
        with self._lock, _translated():
            chosen = self._visible(generation, filter)
            params = _params(top_k, exact)
            found = self._shard.query(edge.QueryRequest(limit=top_k, query=query, filter=chosen, params=params))
        return ordered((int(point.id), point.score) for point in found)

    def count(self, generation: int) -> int:
        """Return how many chunks the generation sees."""
        with self._lock, _translated():
            return self._shard.count(edge.CountRequest(filter=self._visible(generation, ())))

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the stored vectors `(dim,) float32`, L2-normalised, visible or not; unknown pks are left out."""
        if not pks:
            return {}
        with self._lock, _translated():
            found = self._shard.retrieve(list(pks), False, True)
        return {int(record.id): _vector(record) for record in found}

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return up to `limit` stored points with a pk above `after`, by pk, as `(pk, added, removed)`."""
        request = edge.ScrollRequest(limit=limit, offset=after + 1, with_payload=["added", "removed"])
        with self._lock, _translated():
            records, _ = self._shard.scroll(request)
        return [marks_of(int(record.id), record.payload) for record in records]

    def compact(self) -> None:
        """Rewrite the shard where erased points may have left bytes behind or codes are missing; readers go on."""
        while not self.compact_step():
            pass

    def compact_step(self) -> bool:
        """Rewrite a part of the shard, for a few seconds; return whether it is whole. A write begins it anew.

        The binding marks erased points in its segments and its log, and keeps their bytes. So the points that are
        left go into a new shard, which takes the old one's place by renaming.
        """
        deadline = time.monotonic() + _STEP_S
        with self._lock, _translated():
            if all((self._folder / mark).exists() for mark in (_WHOLE, _CODED)):
                return True
            if self._copy is None:
                self._copy = _Copy.begin(self._folder, self._dim)
            copy = self._copy
        while True:
            with self._lock, _translated():
                if self._copy is not copy:  # a writer came in between
                    return False
                if copy.take_batch(self._shard):
                    self._swap(copy)
                    return True
            if time.monotonic() > deadline:
                return False

    def flush(self) -> None:
        """Return when everything written so far survives a crash of the machine."""
        with self._lock, _translated():
            self._flush()

    def close(self) -> None:
        """Flush, close the shard and let another process open it; later calls fail."""
        with self._lock, _translated():
            self._give_up_copy()
            self._shard.flush()
            self._shard.close()

    def _update(self, operation: edge.UpdateOperation, points: int) -> None:
        """Run an operation that changes so many points."""
        _check_space(self._folder)
        with self._lock, _translated():
            self._give_up_copy()
            self._shard.update(operation)
            self._unflushed += points
            if self._unflushed >= _FLUSHED:
                self._flush()

    def _flush(self) -> None:
        self._shard.flush()
        self._unflushed = 0

    def _give_up_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()
            shutil.rmtree(self._copy.folder, ignore_errors=True)
            self._copy = None

    def _swap(self, copy: _Copy) -> None:
        self._copy = None
        copy.finish()
        self._shard.close()
        old = self._folder.with_name(f"{self._folder.name}{_OLD}")
        try:
            self._folder.rename(old)
            copy.folder.rename(self._folder)
            sync_folder(self._folder.parent)
        finally:
            _settle(self._folder)
            self._shard = edge.EdgeShard.load(str(self._folder), _config(self._dim))

    def _visible(self, generation: int, filter: Filter) -> edge.Filter | None:
        # A range that excludes nothing still costs a look-up for every point (half of an exact search at 100k points),
        # while asking whether it excludes anything takes microseconds.
        hidden = [
            edge.FieldCondition("added", range=edge.RangeFloat(gt=generation)),
            edge.FieldCondition("removed", range=edge.RangeFloat(lte=generation)),
        ]
        hidden = [condition for condition in hidden if self._matches_any(condition)]
        wanted = [_has_one(condition) for condition in filter if not condition.negated]
        hidden += [_has_one(condition) for condition in filter if condition.negated and condition.values]
        return edge.Filter(must=[*wanted], must_not=[*hidden]) if hidden or wanted else None

    def _matches_any(self, condition: edge.FieldCondition) -> bool:
        records, _ = self._shard.scroll(
            edge.ScrollRequest(limit=1, filter=edge.Filter(must=[condition]), with_payload=False)
        )
        return bool(records)


class _Copy:
    """A shard in the making, of the points that another one still holds."""

    def __init__(self, shard: edge.EdgeShard, folder: Path) -> None:
        self._shard = shard
        self._next = 0
        self._unflushed = 0
        self.folder = folder

    @classmethod
    def begin(cls, original: Path, dim: int) -> _Copy:
        size = sum(path.stat().st_blocks * 512 for path in original.rglob("*"))
        _check_space(original, RESERVE_BYTES + size)
        folder = original.with_name(f"{original.name}{_COPY}")
        shutil.rmtree(folder, ignore_errors=True)
        return cls(_new_shard(folder, dim), folder)

    def take_batch(self, original: edge.EdgeShard) -> bool:
        """Copy some points; return whether all are copied."""
        request = edge.ScrollRequest(limit=_BATCH, offset=self._next, with_payload=True, with_vector=True)
        records, _ = original.scroll(request)
        if records:
            points = [edge.Point(int(r.id), {_VECTOR: _vector(r).tolist()}, r.payload or {}) for r in records]
            self._shard.update(edge.UpdateOperation.upsert_points(points))
            self._next = int(records[-1].id) + 1
            self._unflushed += len(records)
            if self._unflushed >= _FLUSHED:
                self._shard.flush()
                self._unflushed = 0
        return len(records) < _BATCH

    def finish(self) -> None:
        """Make the copy durable and close it, so that it can be renamed."""
        self.close()
        _mark_new(self.folder)

    def close(self) -> None:
        self._shard.flush()
        self._shard.close()


def open_edge_index(folder: Path, dim: int) -> EdgeVectorIndex:
    """Open the shard in `folder`, or create it there.

    Raises:
        BusyError: another process has it open.
        StateError: it cannot be read or written, or holds vectors of another size.
    """
    with _translated():
        _settle(folder)
        if not folder.exists():
            _create(folder, dim)
        return EdgeVectorIndex(edge.EdgeShard.load(str(folder), _config(dim)), folder, dim)


def edge_index_exists(folder: Path) -> bool:
    """Say whether a shard was made in `folder`, and bring back one whose rewrite a crash cut short."""
    with _translated():
        _settle(folder)
        return folder.exists()


def erase_edge_index(folder: Path) -> None:
    """Delete a closed shard and what an interrupted rewrite left beside it; none needs to exist."""
    for name in (f"{folder.name}{_COPY}", f"{folder.name}{_OLD}", f"{folder.name}.new", folder.name):
        shutil.rmtree(folder.with_name(name), ignore_errors=True)


def _settle(folder: Path) -> None:
    """Undo a rewrite that a crash cut short: the old shard counts until the new one has its name."""
    old = folder.with_name(f"{folder.name}{_OLD}")
    if old.exists() and not folder.exists():
        old.rename(folder)
    for name in (f"{folder.name}{_COPY}", old.name):
        shutil.rmtree(folder.with_name(name), ignore_errors=True)


def _config(dim: int) -> edge.EdgeConfig:
    codes = edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4)
    params = edge.EdgeVectorParams(size=dim, distance=edge.Distance.Cosine, quantization_config=codes)
    return edge.EdgeConfig(vectors={_VECTOR: params})


def _params(top_k: int, exact: bool) -> edge.SearchParams:
    oversampling = max(_OVERSAMPLING, _RESCORED / max(top_k, 1))
    return edge.SearchParams(
        exact=exact, quantization=edge.QuantizationSearchParams(rescore=True, oversampling=oversampling)
    )


def _create(folder: Path, dim: int) -> None:
    # Built aside and renamed, so that a crash never leaves half a shard under the final name.
    unfinished = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shard = _new_shard(unfinished, dim)
    shard.flush()
    shard.close()
    _mark_new(unfinished)
    unfinished.rename(folder)


def _new_shard(folder: Path, dim: int) -> edge.EdgeShard:
    folder.mkdir(parents=True)
    _check_space(folder)
    shard = edge.EdgeShard.create(str(folder), _config(dim))
    # Only compared, never looked up by value: that half of an integer index would take a quarter of the shard's memory.
    compared = edge.IntegerIndexParams(lookup=False, range=True)
    for field in ("added", "removed"):
        shard.update(edge.UpdateOperation.create_field_index(field, compared))
    shard.update(edge.UpdateOperation.create_field_index("f", edge.PayloadSchemaType.Keyword))
    return shard


def _mark_new(folder: Path) -> None:
    for mark in (_WHOLE, _CODED):
        (folder / mark).touch()
    sync_folder(folder)


def _check_space(folder: Path, needed: int = RESERVE_BYTES) -> None:
    """Refuse to write where room runs out.

    The shard's files are sparse, 32 MB at a time, and mapped into memory: a page that finds no room kills the process.
    """
    if shutil.disk_usage(folder).free < needed:
        raise StateError(
            f"the disk is full: the vector index needs {needed // 2**20} MB free in {folder.parent};"
            " free some space and run it again"
        )


def _has_one(condition: OneOf) -> edge.FieldCondition:
    return edge.FieldCondition("f", match=edge.MatchAny(keywords_of(condition)))


def _to_edge(point: Point) -> edge.Point:
    payload = {"added": point.added, "doc": point.doc_pk, "f": to_fields(point.fields)}
    return edge.Point(point.pk, {_VECTOR: point.vector.tolist()}, payload)


def _vector(record: edge.Record) -> NDArray[np.float32]:
    named = record.vector
    return np.asarray(named[_VECTOR] if isinstance(named, dict) else named, np.float32)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the binding's errors (all of them plain `Exception`) into ours."""
    try:
        yield
    except (RagwrightError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _translate(error) from error


def _translate(error: Exception) -> RagwrightError:
    text = " ".join(str(error).split())
    if "WouldBlock" in text:
        return BusyError("another process has the vector index open; end it or try again")
    if "not initialized" in text:
        return IndexUnavailableError("the vector index was closed; try again")
    if "No space left" in text:
        return StateError("the disk is full: the vector index could not be written; free some space and run it again")
    if "incompatible with existing" in text:
        return StateError(f"the vector index was built with another embedder ({text}); ingest the corpus again")
    return StateError(f"the vector index failed: {text}; restore a backup or ingest the corpus again")

"""Dense vectors in a collection of a Qdrant server or cluster. The only file that imports qdrant_client.

Points look as in `rag.index.qdrant_edge`: `removed` is stored only once a generation removed the chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from rag.conditions import Filter, OneOf
from rag.errors import IndexUnavailableError, RagwrightError, StateError
from rag.index.points import check_dim, is_impossible, keywords_of, marks_of, ordered, to_fields
from rag.ports import REMOVED_NEVER, Point
from rag.types import Candidate

_VECTOR = "dense"
_BATCH = 256
_EF = 256  # how widely the server's graph is built and searched: recall of .98 at 100 candidates (docs/speed.md)
_FIELDS = {
    "added": models.PayloadSchemaType.INTEGER,
    "removed": models.PayloadSchemaType.INTEGER,
    "f": models.PayloadSchemaType.KEYWORD,
}


def server_client(url: str, api_key: str | None = None, timeout_s: int = 30) -> QdrantClient:
    """Return a client of the server at `url`.

    Raises:
        IndexUnavailableError: nothing answers there.
    """
    with _translated():
        client = QdrantClient(url=url, api_key=api_key, timeout=timeout_s, check_compatibility=False)
        client.get_collections()
    return client


class QdrantServerIndex:
    """`rag.ports.VectorIndex` over one collection, which the first call creates if it is missing."""

    def __init__(self, client: QdrantClient, collection: str, dim: int) -> None:
        self._client = client
        self._collection = collection
        self._dim = dim
        self._exists = False
        self._creating = threading.Lock()

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points as never removed, or overwrite those with the same pk; vectors are `(dim,) float32`."""
        for point in points:
            check_dim(point.vector, self._dim)
        with self._collection_ready():
            for i in range(0, len(points), _BATCH):
                batch = [_to_server(point) for point in points[i : i + _BATCH]]
                self._client.upsert(self._collection, batch, wait=True)

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Set the generation that removed the chunks; unknown pks are ignored."""
        if not pks:
            return
        chosen = models.Filter(must=[models.HasIdCondition(has_id=list(pks))])
        with self._collection_ready():
            if generation >= REMOVED_NEVER:
                self._client.delete_payload(self._collection, ["removed"], points=chosen, wait=True)
            else:
                self._client.set_payload(self._collection, {"removed": generation}, points=chosen, wait=True)

    def delete(self, pks: Sequence[int]) -> None:
        """Erase points; unknown pks are ignored."""
        if not pks:
            return
        with self._collection_ready():
            self._client.delete(self._collection, models.PointIdsList(points=list(pks)), wait=True)

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        """Return up to `top_k` visible chunks that satisfy the filter, by falling cosine similarity, ties by pk."""
        check_dim(vector, self._dim)
        if is_impossible(filter):
            return []
        with self._collection_ready():
            found = self._client.query_points(
                self._collection,
                query=vector.tolist(),
                using=_VECTOR,
                query_filter=_visible(generation, filter),
                limit=top_k,
                with_payload=False,
                search_params=models.SearchParams(exact=True) if exact else None,
            )
        return ordered((int(point.id), point.score) for point in found.points)

    def count(self, generation: int) -> int:
        """Return how many chunks the generation sees."""
        with self._collection_ready():
            return self._client.count(self._collection, _visible(generation, ()), exact=True).count

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the stored vectors `(dim,) float32`, L2-normalised, visible or not; unknown pks are left out."""
        if not pks:
            return {}
        with self._collection_ready():
            found = self._client.retrieve(self._collection, list(pks), with_payload=False, with_vectors=[_VECTOR])
        return {int(record.id): _vector(record) for record in found}

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return up to `limit` stored points with a pk above `after`, by pk, as `(pk, added, removed)`."""
        with self._collection_ready():
            records, _ = self._client.scroll(
                self._collection, limit=limit, offset=after + 1, with_payload=["added", "removed"]
            )
        return [marks_of(int(record.id), record.payload) for record in records]

    def compact(self) -> None:
        """Return at once: the server's own optimiser rewrites segments with many erased points."""

    def flush(self) -> None:
        """Return at once: every write waited for the server, which keeps it in its write-ahead log."""

    def drop(self) -> None:
        """Delete the collection; one that does not exist is no error."""
        with _translated(), self._creating:
            self._exists = False
            self._client.delete_collection(self._collection)

    @contextmanager
    def _collection_ready(self) -> Iterator[None]:
        with _translated():
            with self._creating:
                if not self._exists:
                    self._create_if_missing()
                    self._exists = True
            yield

    def _create_if_missing(self) -> None:
        if self._client.collection_exists(self._collection):
            return
        graph = models.HnswConfigDiff(ef_construct=_EF)  # a search that names no ef takes this one
        params = models.VectorParams(size=self._dim, distance=models.Distance.COSINE, hnsw_config=graph)
        self._client.create_collection(self._collection, vectors_config={_VECTOR: params})
        for name, schema in _FIELDS.items():
            self._client.create_payload_index(self._collection, name, schema, wait=True)


def _to_server(point: Point) -> models.PointStruct:
    payload = {"added": point.added, "doc": point.doc_pk, "f": to_fields(point.fields)}
    return models.PointStruct(id=point.pk, vector={_VECTOR: point.vector.tolist()}, payload=payload)


def _vector(record: models.Record) -> NDArray[np.float32]:
    named = record.vector
    return np.asarray(named[_VECTOR] if isinstance(named, dict) else named, np.float32)


def _visible(generation: int, filter: Filter) -> models.Filter:
    return models.Filter(
        must=[_has_one(condition) for condition in filter if not condition.negated],
        must_not=[
            models.FieldCondition(key="added", range=models.Range(gt=generation)),
            models.FieldCondition(key="removed", range=models.Range(lte=generation)),
            *(_has_one(condition) for condition in filter if condition.negated and condition.values),
        ],
    )


def _has_one(condition: OneOf) -> models.FieldCondition:
    return models.FieldCondition(key="f", match=models.MatchAny(any=keywords_of(condition)))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's errors into ours: no answer is transient, a refusal needs a person."""
    try:
        yield
    except (ResponseHandlingException, ConnectionError, TimeoutError) as error:
        raise IndexUnavailableError(
            f"the Qdrant server does not answer ({_one_line(error)}); check QDRANT_URL"
        ) from error
    except (ApiException, QdrantException, ValueError) as error:
        raise _refused(error) from error


def _refused(error: Exception) -> RagwrightError:
    if isinstance(error, UnexpectedResponse) and error.status_code in (401, 403):
        return StateError("the Qdrant server refused the key; check QDRANT_API_KEY")
    if isinstance(error, UnexpectedResponse) and (error.status_code or 0) >= 500:
        return IndexUnavailableError(f"the Qdrant server failed ({_one_line(error)}); try again")
    return StateError(f"the Qdrant server refused the request ({_one_line(error)})")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

"""Dense vectors in a collection of a Qdrant server or cluster. The only file that imports qdrant_client.

Points look as in `rag.index.qdrant_edge`: `removed` is stored only once a generation removed the chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from rag.conditions import Filter, OneOf
from rag.errors import ConfigError, IndexUnavailableError, RagwrightError, StateError
from rag.index.attempts import Attempts
from rag.index.points import check_dim, is_impossible, keywords_of, marks_of, ordered, to_fields
from rag.ports import REMOVED_NEVER, Point
from rag.types import Candidate

_VECTOR = "dense"
_BATCH = 256
_PKS = 1000  # ids in one request
_READ_S, _WRITE_S = 5.0, 60.0  # how long a read and a write are tried again
_EF = 256  # how widely the server's graph is built and searched: recall of .98 at 100 candidates (docs/lab/speed.md)
_T = TypeVar("_T")
_FIELDS = {
    "added": models.PayloadSchemaType.INTEGER,
    "removed": models.PayloadSchemaType.INTEGER,
    "f": models.PayloadSchemaType.KEYWORD,
}


def server_client(
    url: str,
    api_key: str | None = None,
    timeout_s: int = 30,
    allow_http: bool = False,
    attempts: Attempts | None = None,
) -> QdrantClient:
    """Return a client of the server at `url`.

    Raises:
        ConfigError: the key would cross a network in plain text, and `allow_http` does not say that it may.
        IndexUnavailableError: nothing answers there.
    """
    if api_key and not allow_http and _is_plain(url):
        raise ConfigError(
            "QDRANT_URL starts with http://, so QDRANT_API_KEY would be sent in plain text;"
            " use https://, or set QDRANT_ALLOW_HTTP=1 where the network is yours"
        )

    def connect() -> QdrantClient:
        with _translated():
            client = QdrantClient(url=url, api_key=api_key, timeout=timeout_s, check_compatibility=False)
            client.get_collections()
        return client

    return (attempts or Attempts(_READ_S)).of(connect)


class QdrantServerIndex:
    """`rag.ports.VectorIndex` over one collection, which the first call creates if it is missing.

    Every request may be repeated without harm, so each is tried again while the server is busy or silent.
    """

    def __init__(
        self,
        client: QdrantClient,
        collection: str,
        dim: int,
        reads: Attempts | None = None,
        writes: Attempts | None = None,
    ) -> None:
        self._client = client
        self._collection = collection
        self._dim = dim
        self._reads = reads or Attempts(_READ_S)
        self._writes = writes or Attempts(_WRITE_S)
        self._ready = False
        self._preparing = threading.Lock()

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points as never removed, or overwrite those with the same pk; vectors are `(dim,) float32`."""
        for point in points:
            check_dim(point.vector, self._dim)
        for i in range(0, len(points), _BATCH):
            batch = [_to_server(point) for point in points[i : i + _BATCH]]
            self._write(partial(self._client.upsert, self._collection, batch, wait=True))

    def set_removed(self, pks: Sequence[int], generation: int) -> None:
        """Set the generation that removed the chunks; unknown pks are ignored."""
        for chosen in _in_batches(pks):
            points = models.Filter(must=[models.HasIdCondition(has_id=list(chosen))])
            self._write(partial(self._mark_removed, points, generation))

    def delete(self, pks: Sequence[int]) -> None:
        """Erase points; unknown pks are ignored."""
        for chosen in _in_batches(pks):
            points = models.PointIdsList(points=list(chosen))
            self._write(partial(self._client.delete, self._collection, points, wait=True))

    def search(
        self, vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
    ) -> list[Candidate]:
        """Return up to `top_k` visible chunks that satisfy the filter, by falling cosine similarity, ties by pk."""
        check_dim(vector, self._dim)
        if is_impossible(filter):
            return []
        found = self._read(
            lambda: self._client.query_points(
                self._collection,
                query=vector.tolist(),
                using=_VECTOR,
                query_filter=_visible(generation, filter),
                limit=top_k,
                with_payload=False,
                search_params=models.SearchParams(exact=True) if exact else None,
            )
        )
        return ordered((int(point.id), point.score) for point in found.points)

    def count(self, generation: int) -> int:
        """Return how many chunks the generation sees."""
        return self._read(lambda: self._client.count(self._collection, _visible(generation, ()), exact=True)).count

    def get(self, pks: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the stored vectors `(dim,) float32`, L2-normalised, visible or not; unknown pks are left out."""
        found: dict[int, NDArray[np.float32]] = {}
        for chosen in _in_batches(pks):
            found.update((int(record.id), _vector(record)) for record in self._retrieved(chosen))
        return found

    def marks(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return up to `limit` stored points with a pk above `after`, by pk, as `(pk, added, removed)`."""
        records, _ = self._read(
            lambda: self._client.scroll(
                self._collection, limit=limit, offset=after + 1, with_payload=["added", "removed"]
            )
        )
        return [marks_of(int(record.id), record.payload) for record in records]

    def compact(self) -> None:
        """Return at once: the server's own optimiser rewrites segments with many erased points."""

    def flush(self) -> None:
        """Return at once: every write waited for the server, which keeps it in its write-ahead log."""

    def drop(self) -> None:
        """Delete the collection; one that does not exist is no error."""
        with self._preparing:
            self._ready = False
            self._writes.of(lambda: _asked(lambda: self._client.delete_collection(self._collection)))

    def _read(self, request: Callable[[], _T]) -> _T:
        self._prepare()
        return self._reads.of(lambda: _asked(request))

    def _write(self, request: Callable[[], models.UpdateResult]) -> None:
        self._prepare()
        self._writes.of(lambda: _applied(_asked(request)))

    def _retrieved(self, pks: Sequence[int]) -> list[models.Record]:
        return self._read(
            lambda: self._client.retrieve(self._collection, list(pks), with_payload=False, with_vectors=[_VECTOR])
        )

    def _mark_removed(self, points: models.Filter, generation: int) -> models.UpdateResult:
        if generation >= REMOVED_NEVER:
            return self._client.delete_payload(self._collection, ["removed"], points=points, wait=True)
        return self._client.set_payload(self._collection, {"removed": generation}, points=points, wait=True)

    def _prepare(self) -> None:
        """Make sure, once, that the collection is there with all its payload indexes."""
        with self._preparing:
            if not self._ready:
                self._writes.of(lambda: _asked(self._complete_collection))
                self._ready = True

    def _complete_collection(self) -> None:
        """Create what is missing: a process that was killed may have left the collection without its indexes."""
        if not self._client.collection_exists(self._collection):
            self._create_collection()
        found = self._client.get_collection(self._collection)
        _check_same_size(found, self._dim)
        for name, schema in _FIELDS.items():
            if name not in found.payload_schema:
                _applied(self._client.create_payload_index(self._collection, name, schema, wait=True))

    def _create_collection(self) -> None:
        graph = models.HnswConfigDiff(ef_construct=_EF)  # a search that names no ef takes this one
        params = models.VectorParams(size=self._dim, distance=models.Distance.COSINE, hnsw_config=graph)
        try:
            self._client.create_collection(self._collection, vectors_config={_VECTOR: params})
        except (UnexpectedResponse, ValueError):
            # Another process may have been faster. The server says so with 409, its in-memory double with ValueError.
            if not self._client.collection_exists(self._collection):
                raise


def _is_plain(url: str) -> bool:
    """Say whether what is sent to `url` can be read on the way: plain http to another host than this one."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname != "localhost"


def _in_batches(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for i in range(0, len(pks), _PKS):
        yield pks[i : i + _PKS]


def _check_same_size(found: models.CollectionInfo, dim: int) -> None:
    vectors = found.config.params.vectors
    size = vectors[_VECTOR].size if isinstance(vectors, dict) and _VECTOR in vectors else None
    if size != dim:
        raise StateError(
            f"the collection on the Qdrant server holds vectors of {size} numbers, this index of {dim};"
            " point QDRANT_URL at the server this corpus was ingested into, or ingest the corpus again"
        )


def _applied(result: models.UpdateResult) -> None:
    """Refuse a change that the server only promised: a later read might not see it."""
    if result.status != models.UpdateStatus.COMPLETED:
        raise IndexUnavailableError(f"the Qdrant server did not apply a change in time (it is {result.status.value})")


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


def _asked(request: Callable[[], _T]) -> _T:
    with _translated():
        return request()


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
    if isinstance(error, ResourceExhaustedResponse):
        return IndexUnavailableError("the Qdrant server is busy (429); try again", error.retry_after_s)
    status = (error.status_code or 0) if isinstance(error, UnexpectedResponse) else 0
    if status in (401, 403):
        return StateError("the Qdrant server refused the key; check QDRANT_API_KEY")
    if status in (408, 429) or status >= 500:
        return IndexUnavailableError(f"the Qdrant server failed ({_one_line(error)}); try again")
    return StateError(f"the Qdrant server refused the request ({_one_line(error)})")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

"""The adapter of a Qdrant server against one that fails by script, through the real client."""

import random
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from rag.errors import ConfigError, IndexUnavailableError, StateError
from rag.index.attempts import Attempts
from rag.index.qdrant_server import QdrantServerIndex, server_client
from rag.ports import REMOVED_NEVER, Point
from tests.rag.index.qdrant_stub import QdrantStub, qdrant_stub

DIM = 4
COLLECTION = "corpus-1"
INDEXES = {"added", "removed", "f"}
BUSY = (429, {"Retry-After": "7"}, {"error": "rate limit"})
DOWN = (503, {}, {"error": "no quorum"})


@pytest.fixture
def server() -> Iterator[QdrantStub]:
    with qdrant_stub() as stub:
        yield stub


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def index(server: QdrantStub, pauses: list[float]) -> QdrantServerIndex:
    attempts = Attempts(60.0, pauses.append, random.Random(1))
    return QdrantServerIndex(server_client(server.url), COLLECTION, DIM, attempts, attempts)


def points(pks: range) -> list[Point]:
    return [Point(pk, np.ones(DIM, np.float32), 1, 1, {}) for pk in pks]


def test_no_answer_is_transient_and_names_the_setting() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(IndexUnavailableError, match="QDRANT_URL") as caught:
            server_client(url, timeout_s=1, attempts=Attempts(0.2))
    assert caught.value.transient


def test_a_crash_between_collection_and_payload_indexes_is_made_good(
    server: QdrantStub, index: QdrantServerIndex
) -> None:
    """A process died after it had made the collection and one index; the next one finishes the work."""
    server.collections[COLLECTION] = {
        "vectors": {"dense": {"size": DIM, "distance": "Cosine"}},
        "indexes": {"added": "integer"},
    }
    index.count(1)
    assert set(server.collections[COLLECTION]["indexes"]) == INDEXES
    assert {body["field_name"] for body in server.asked(r"PUT .*/index")} == INDEXES - {"added"}


def test_an_index_that_failed_to_be_made_is_made_by_the_next_call(server: QdrantStub, index: QdrantServerIndex) -> None:
    server.faults[r"PUT .*/index"] = [(400, {}, {"error": "not now"})]
    with pytest.raises(StateError):
        index.upsert(points(range(1)))
    index.upsert(points(range(1)))
    assert set(server.collections[COLLECTION]["indexes"]) == INDEXES


def test_two_processes_may_create_the_collection_at_once(server: QdrantStub, index: QdrantServerIndex) -> None:
    index.count(1)
    other = QdrantServerIndex(server_client(server.url), COLLECTION, DIM)
    server.faults[r"GET .*/exists"] = [(200, {}, {"exists": False})]  # asked just before the first made it
    other.upsert(points(range(1)))
    assert server.points == {0}


def test_a_collection_of_another_size_is_refused(server: QdrantStub, index: QdrantServerIndex) -> None:
    index.count(1)
    with pytest.raises(StateError, match="vectors of 4 numbers, this index of 5"):
        QdrantServerIndex(server_client(server.url), COLLECTION, DIM + 1).count(1)


@pytest.mark.parametrize("fault", [BUSY, DOWN, (408, {}, {"error": "slow"}), (429, {}, {"error": "rate limit"})])
def test_a_busy_server_is_asked_again(
    server: QdrantStub, index: QdrantServerIndex, pauses: list[float], fault: tuple[int, dict[str, str], object]
) -> None:
    index.count(1)
    server.faults[r"PUT .*/points"] = [fault, fault]
    index.upsert(points(range(3)))
    assert server.points == {0, 1, 2}
    named = fault[1].get("Retry-After")
    assert pauses == ([float(named)] * 2 if named else pytest.approx([0.056, 0.18], abs=0.05))
    server.faults[r"POST .*/count"] = [fault]
    assert index.count(1) == 3


def test_a_server_that_stays_busy_is_a_transient_error_within_the_deadline(
    server: QdrantStub, index: QdrantServerIndex
) -> None:
    index.count(1)
    server.faults[r"PUT .*/points"] = [BUSY] * 100
    short = Attempts(5.0)  # the server asks for more than that
    with pytest.raises(IndexUnavailableError, match="busy") as caught:
        QdrantServerIndex(server_client(server.url), COLLECTION, DIM, short, short).upsert(points(range(1)))
    assert caught.value.retry_after_s == 7
    assert len(server.asked(r"PUT .*/points")) == 1


def test_a_refusal_is_not_repeated(server: QdrantStub, index: QdrantServerIndex, pauses: list[float]) -> None:
    index.count(1)
    server.faults[r"PUT .*/points"] = [(400, {}, {"error": "wrong input"})]
    with pytest.raises(StateError, match="refused"):
        index.upsert(points(range(1)))
    assert pauses == []


@pytest.mark.parametrize("status", ["acknowledged", "wait_timeout"])
@pytest.mark.parametrize("write", ["upsert", "set_removed", "bring back", "delete"])
def test_a_promised_change_is_not_taken_for_done(
    server: QdrantStub, index: QdrantServerIndex, pauses: list[float], status: str, write: str
) -> None:
    calls = {
        "upsert": lambda: index.upsert(points(range(1))),
        "set_removed": lambda: index.set_removed([1], 2),
        "bring back": lambda: index.set_removed([1], REMOVED_NEVER),
        "delete": lambda: index.delete([1]),
    }
    index.count(1)
    asked = len(server.requests)
    server.faults[r"(PUT|POST) .*/points.*"] = [(200, {}, {"operation_id": 1, "status": status})]
    calls[write]()
    assert len(pauses) == 1
    assert len(server.requests) - asked == 2


def test_a_change_that_is_never_applied_is_an_error(server: QdrantStub) -> None:
    short = Attempts(0.3)
    index = QdrantServerIndex(server_client(server.url), COLLECTION, DIM, short, short)
    index.count(1)
    server.faults[r"PUT .*/points"] = [(200, {}, {"operation_id": 1, "status": "acknowledged"})] * 100
    with pytest.raises(IndexUnavailableError, match="did not apply a change in time"):
        index.upsert(points(range(1)))


def test_many_points_go_in_batches(server: QdrantStub, index: QdrantServerIndex) -> None:
    pks = list(range(2500))
    index.delete(pks)
    index.set_removed(pks, 3)
    index.set_removed(pks, REMOVED_NEVER)
    server.faults[r"POST .*/points"] = [(200, {}, [])] * 3
    index.get(pks)
    assert [len(body["points"]) for body in server.asked(r"POST .*/points/delete")] == [1000, 1000, 500]
    for route in (r"POST .*/points/payload", r"POST .*/points/payload/delete"):
        assert [len(body["filter"]["must"][0]["has_id"]) for body in server.asked(route)] == [1000, 1000, 500]
    assert [len(body["ids"]) for body in server.asked(r"POST .*/points")] == [1000, 1000, 500]


@pytest.mark.parametrize("url", ["http://qdrant.example.org:6333", "qdrant.example.org:6333", "http://10.1.2.3"])
def test_a_key_over_plain_http_is_refused_unless_told(url: str) -> None:
    with pytest.raises(ConfigError, match="QDRANT_ALLOW_HTTP=1"):
        server_client(url, "secret")


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_key_may_go_to_this_machine(server: QdrantStub) -> None:
    server_client(server.url, "secret").close()
    server_client(server.url.replace("127.0.0.1", "localhost"), "secret", allow_http=True).close()


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_names_the_setting(server: QdrantStub, index: QdrantServerIndex, code: int) -> None:
    index.count(1)
    server.faults[r"POST .*/count"] = [(code, {}, {"error": "forbidden"})]
    with pytest.raises(StateError, match="QDRANT_API_KEY"):
        index.count(1)

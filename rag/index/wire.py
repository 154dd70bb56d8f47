"""What the owner of the shards and its clients say to each other: a JSON header and raw float32 bytes per frame."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

import rag.errors
from rag.conditions import Filter, OneOf
from rag.errors import IndexUnavailableError, RagwrightError
from rag.ports import Point, VectorIndex
from rag.types import Candidate, as_metadata

_SIZES = struct.Struct("!4sII")
_MAGIC = b"RGW1"
_MAX_BYTES = 2**30
_UPSERT_BATCH = 4096


class BrokenFrameError(ConnectionError):
    """The peer went away in the middle of a frame, or does not speak this format."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    header: dict[str, Any]
    body: bytes = b""


def send(connection: socket.socket, frame: Frame) -> None:
    """Write one frame."""
    header = json.dumps(frame.header).encode()
    connection.sendall(_SIZES.pack(_MAGIC, len(header), len(frame.body)) + header + frame.body)


def receive(connection: socket.socket) -> Frame | None:
    """Read one frame; None when the peer closed the connection between two frames.

    Raises:
        BrokenFrameError: it closed within one, or sent something else.
    """
    start = connection.recv(_SIZES.size)
    if not start:
        return None
    magic, header_size, body_size = _SIZES.unpack(start + _exactly(connection, _SIZES.size - len(start)))
    if magic != _MAGIC or header_size + body_size > _MAX_BYTES:
        raise BrokenFrameError("the peer speaks another version of the index protocol")
    try:
        header = json.loads(_exactly(connection, header_size))
    except ValueError as error:
        raise BrokenFrameError("the peer sent a header that is no JSON") from error
    return Frame(header, _exactly(connection, body_size))


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        read = connection.recv_into(view)
        if not read:
            raise BrokenFrameError("the peer closed the connection within a message")
        view = view[read:]
    return bytes(data)


def failure(error: Exception) -> Frame:
    """Return the frame that carries an error to the caller."""
    known = isinstance(error, RagwrightError)
    return Frame({"error": type(error).__name__ if known else "", "message": str(error) if known else repr(error)})


def raise_failure(reply: Frame, pid: int) -> None:
    """Raise the error that a reply carries, if it carries one."""
    if "error" not in reply.header:
        return
    kind = getattr(rag.errors, reply.header["error"], None)
    message = reply.header["message"]
    if kind is None or kind is rag.errors.UnknownKeyError:
        raise IndexUnavailableError(f"process {pid}, which owns the vector index, failed: {message}; try again")
    raise kind(message)


@runtime_checkable
class SteppedIndex(Protocol):
    """What the owner's indexes can do beyond the port."""

    def compact_step(self) -> bool:
        """Rewrite a part of what is stored; return whether it is whole."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """How one method of `VectorIndex` travels: arguments out, run at the owner, result back."""

    requests: Callable[..., list[Frame]]
    run: Callable[[VectorIndex, Frame], Frame]
    result: Callable[[Frame], Any]


def _upsert_requests(points: Sequence[Point]) -> list[Frame]:
    return [_upsert_request(points[i : i + _UPSERT_BATCH]) for i in range(0, len(points), _UPSERT_BATCH)]


def _upsert_request(points: Sequence[Point]) -> Frame:
    header = {
        "dims": [point.vector.shape[0] for point in points],
        "points": [[point.pk, point.added, point.doc_pk, dict(point.fields)] for point in points],
    }
    return Frame(header, b"".join(np.ascontiguousarray(point.vector, np.float32).tobytes() for point in points))


def _run_upsert(index: VectorIndex, frame: Frame) -> Frame:
    values = _floats(frame)
    vectors = np.split(values, np.cumsum(frame.header["dims"])[:-1])
    rows = zip(frame.header["points"], vectors, strict=True)
    index.upsert([Point(pk, vector, added, doc, as_metadata(fields)) for (pk, added, doc, fields), vector in rows])
    return Frame({})


def _run_set_removed(index: VectorIndex, frame: Frame) -> Frame:
    index.set_removed(frame.header["pks"], frame.header["generation"])
    return Frame({})


def _run_delete(index: VectorIndex, frame: Frame) -> Frame:
    index.delete(frame.header["pks"])
    return Frame({})


def _search_requests(
    vector: NDArray[np.float32], top_k: int, generation: int, filter: Filter, exact: bool = False
) -> list[Frame]:
    conditions = [astuple(condition) for condition in filter]
    header = {"top_k": top_k, "generation": generation, "filter": conditions, "exact": exact}
    return [Frame(header, np.ascontiguousarray(vector, np.float32).tobytes())]


def _run_search(index: VectorIndex, frame: Frame) -> Frame:
    header = frame.header
    wanted = tuple(OneOf(field, tuple(values), negated) for field, values, negated in header["filter"])
    exact = header.get("exact", False)  # a client of an older release does not say
    found = index.search(_floats(frame), header["top_k"], header["generation"], wanted, exact)
    return Frame({"found": [[candidate.pk, candidate.score] for candidate in found]})


def _run_get(index: VectorIndex, frame: Frame) -> Frame:
    found = index.get(frame.header["pks"])
    return Frame({"pks": list(found)}, b"".join(vector.tobytes() for vector in found.values()))


def _vectors_by_pk(reply: Frame) -> dict[int, NDArray[np.float32]]:
    pks: list[int] = reply.header["pks"]
    return dict(zip(pks, _floats(reply).reshape(len(pks), -1), strict=True)) if pks else {}


def _run_marks(index: VectorIndex, frame: Frame) -> Frame:
    return Frame({"marks": index.marks(frame.header["after"], frame.header["limit"])})


def _run_compact_step(index: VectorIndex, _frame: Frame) -> Frame:
    if not isinstance(index, SteppedIndex):
        raise TypeError("the index does not rewrite itself in steps")
    return Frame({"done": index.compact_step()})


def _run_flush(index: VectorIndex, _frame: Frame) -> Frame:
    index.flush()
    return Frame({})


def _floats(frame: Frame) -> NDArray[np.float32]:
    return np.frombuffer(frame.body, dtype=np.float32)


def _nothing(_reply: Frame) -> None:
    return None


CALLS: dict[str, Call] = {
    "upsert": Call(_upsert_requests, _run_upsert, _nothing),
    "set_removed": Call(
        lambda pks, generation: [Frame({"pks": list(pks), "generation": generation})], _run_set_removed, _nothing
    ),
    "delete": Call(lambda pks: [Frame({"pks": list(pks)})], _run_delete, _nothing),
    "search": Call(
        _search_requests, _run_search, lambda reply: [Candidate(pk, score) for pk, score in reply.header["found"]]
    ),
    "count": Call(
        lambda generation: [Frame({"generation": generation})],
        lambda index, frame: Frame({"count": index.count(frame.header["generation"])}),
        lambda reply: reply.header["count"],
    ),
    "get": Call(lambda pks: [Frame({"pks": list(pks)})], _run_get, _vectors_by_pk),
    "marks": Call(
        lambda after, limit: [Frame({"after": after, "limit": limit})],
        _run_marks,
        lambda reply: [tuple(marks) for marks in reply.header["marks"]],
    ),
    "compact_step": Call(lambda: [Frame({})], _run_compact_step, lambda reply: reply.header["done"]),
    "flush": Call(lambda: [Frame({})], _run_flush, _nothing),
}
"""Every method of `VectorIndex` by name; `compact` travels in steps, for no call may outlast a client's patience."""

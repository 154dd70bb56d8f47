import socket
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag.errors
from rag.errors import IndexUnavailableError, RagwrightError, StateError
from rag.index.wire import CALLS, BrokenFrameError, Frame, failure, raise_failure, receive, send
from rag.ports import VectorIndex

_JSON = st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=5), max_size=4)


@given(header=_JSON, body=st.binary(max_size=2000))
def test_a_frame_arrives_as_it_was_sent(header: dict[str, object], body: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        send(left, Frame(header, body))
        left.close()
        assert receive(right) == Frame(header, body)
        assert receive(right) is None


@given(cut=st.integers(1, 40))
def test_a_cut_frame_is_broken(cut: int) -> None:
    left, right = socket.socketpair()
    with left, right:
        frame = struct.pack("!4sII", b"RGW1", 2, 40) + b"{}" + bytes(40)
        left.sendall(frame[:-cut])
        left.close()
        with pytest.raises(BrokenFrameError):
            receive(right)


def test_a_frame_of_absurd_size_is_refused_before_it_is_read() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(struct.pack("!4sII", b"RGW1", 2**31, 2**31))
        with pytest.raises(BrokenFrameError, match="another version"):
            receive(right)


def test_every_method_of_the_port_can_travel() -> None:
    port = {name for name in vars(VectorIndex) if not name.startswith("_")}
    assert set(CALLS) == port - {"compact"} | {"compact_step"}


@pytest.mark.parametrize("error", [StateError("full"), IndexUnavailableError("gone")])
def test_our_errors_keep_their_type(error: RagwrightError) -> None:
    with pytest.raises(type(error), match=str(error)):
        raise_failure(failure(error), 7)


def test_other_errors_name_the_owner() -> None:
    with pytest.raises(IndexUnavailableError, match="process 7.*KeyError"):
        raise_failure(failure(KeyError("x")), 7)
    with pytest.raises(IndexUnavailableError, match="process 7"):
        raise_failure(failure(rag.errors.UnknownKeyError("family", "key", ["a"])), 7)
    raise_failure(Frame({"found": []}), 7)


def test_search_scores_travel_exactly() -> None:
    scores = [float(np.float32(0.1)), 1 / 3, -1e-17]
    reply = Frame({"found": [[pk, score] for pk, score in enumerate(scores)]})
    left, right = socket.socketpair()
    with left, right:
        send(left, reply)
        received = receive(right)
    assert received is not None
    assert [candidate.score for candidate in CALLS["search"].result(received)] == scores

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from api.http.connections import Limits, limits_of
from tests.api.serving import answer_to, connections, made_app, served

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
POST = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
QUICK = Limits(served=8, held=12, timeout_s=0.3)


def problem_in(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", GET[:-2]], ids=["nothing", "half a line", "half a head"])
def test_a_request_that_does_not_come_is_given_up(runtime: Any, sent: bytes) -> None:
    with served(made_app(runtime), QUICK) as address, connections(address, 1) as (slow,):
        assert problem_in(answer_to(slow, sent))["status"] == 408


def test_a_body_that_stalls_is_given_up(runtime: Any) -> None:
    with served(made_app(runtime), QUICK) as address, connections(address, 1) as (slow,):
        answer_to(slow, POST + b'100\r\n\r\n{"question": ')  # returns when the server has closed the connection
        assert_answers(address)
    assert not runtime.pipeline.requests


@pytest.mark.parametrize(
    "begun",
    [b"POST /v1/sea", POST + b'100\r\n\r\n{"question": ', POST[:-16] + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"],
    ids=["half a head", "half a body", "half a chunk"],
)
def test_a_request_that_begins_behind_another_is_given_up_as_well(runtime: Any, begun: bytes) -> None:
    with served(made_app(runtime), QUICK) as address, connections(address, 1) as (slow,):
        slow.settimeout(3)
        kept = GET.replace(b"Connection: close\r\n", b"")
        assert answer_to(slow, kept + begun).startswith(b"HTTP/1.1 200")  # returns when the server has closed
    assert not runtime.pipeline.requests


def test_a_drip_of_bytes_does_not_hold_a_connection(runtime: Any) -> None:
    with served(made_app(runtime), QUICK) as address, connections(address, 1) as (slow,):
        with pytest.raises(OSError):  # closed by the server long before the head is complete
            for byte in GET * 20:
                slow.sendall(bytes([byte]))
                time.sleep(0.05)
        assert_answers(address)


def test_a_slow_body_that_comes_on_is_read(runtime: Any) -> None:
    body = json.dumps({"question": "How long? " + "x" * 3000, "corpus": "demo"}).encode()
    with served(made_app(runtime), QUICK) as address, connections(address, 1) as (slow,):
        slow.sendall(POST + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n")
        for start in range(0, len(body), 800):
            slow.sendall(body[start : start + 800])
            time.sleep(0.15)
        assert answer_to(slow, b"").startswith(b"HTTP/1.1 200")


def test_a_kept_connection_is_idle_between_requests_not_slow(runtime: Any) -> None:
    keep = GET.replace(b"Connection: close\r\n", b"")
    with served(made_app(runtime), QUICK) as address, connections(address, 1) as (kept,):
        for _ in range(3):
            kept.sendall(keep)
            received = b""
            while not received.endswith(b"}"):
                received += kept.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
            time.sleep(0.4)


def test_further_connections_are_told_to_come_back(runtime: Any) -> None:
    patient = Limits(served=4, held=8, timeout_s=20)
    with served(made_app(runtime), patient) as address, connections(address, 4):
        with connections(address, 1) as (further,):
            answer = answer_to(further, GET)
        assert problem_in(answer)["status"] == 503
        assert b"retry-after: 5" in answer.lower()


def test_two_hundred_idle_connections_leave_it_serving(runtime: Any) -> None:
    with served(made_app(runtime), QUICK) as address:
        with connections(address, 200):
            time.sleep(0.5)
            assert_answers(address)  # those that sent nothing were given up
        assert_answers(address)


def assert_answers(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        assert answer_to(connection, GET).startswith(b"HTTP/1.1 200")


def test_limits_leave_room_below_the_number_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.connections._raised_limit", lambda: 128)
    monkeypatch.setattr("psutil.Process.num_fds", lambda _self: 20)
    limits = limits_of(512, 10)
    assert limits.held + 4 * limits.backlog + 20 <= 128
    assert 4 <= limits.served < limits.held


def test_limits_follow_the_setting_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.connections._raised_limit", lambda: 65_536)
    assert limits_of(512, 10).served == 512

"""Errors of the database's driver become ours; no server is needed for that."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from rag.errors import BusyError, CatalogueUnavailableError, RagwrightError, StateError
from rag.state.engine import open_catalogue, writing
from rag.state.home import Home
from rag.state.postgres import _key, _TooLateError, _until, advisory_lock, translate


class Refusal(Exception):
    """An error as psycopg raises it."""

    def __init__(self, text: str, sqlstate: str | None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "text", "kind", "said"),
    [
        ("55P03", "could not obtain lock", BusyError, "locked by another process"),
        ("40P01", "deadlock detected", BusyError, "try again"),
        ("25006", "read-only transaction", StateError, "read-only"),
        ("42501", "permission denied for table x", StateError, "too few rights"),
        ("53100", "could not extend file", StateError, "disk of the database server is full"),
        ("28P01", "password", StateError, "refused the login"),
        ("3D000", 'database "x"', StateError, "does not exist"),
        ("57P01", "terminating connection", CatalogueUnavailableError, "does not answer"),
        ("08006", "connection failure", CatalogueUnavailableError, "does not answer"),
        (None, "no answer within 15 s", CatalogueUnavailableError, "does not answer"),
        (None, 'FATAL: password authentication failed for user "u"', StateError, "refused the login"),
        ("42P01", 'relation "chunks" does not exist', StateError, "SQLSTATE 42P01"),
    ],
)
def test_an_error_of_the_server_is_one_of_ours(
    sqlstate: str | None, text: str, kind: type[RagwrightError], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = translate(OperationalError("SELECT secret", {"p": "secret"}, Refusal(text, sqlstate)))
    assert type(found) is kind and said in str(found)
    assert "secret" not in f"{found}{caplog.text}", "neither statements nor values leave the driver"
    assert text not in str(found)
    assert (text in caplog.text) == (kind is not BusyError)


def test_a_wait_ends_at_its_deadline_and_an_answer_ends_a_wait() -> None:
    def waiting(answers: int) -> Generator[str, Any, str]:
        for _ in range(answers):
            if (yield "read"):
                return "answered"
        return "done"

    never = _until(waiting(9), time.monotonic() - 1)
    assert next(never) == "read"
    with pytest.raises(_TooLateError):
        never.send(None)
    in_time = _until(waiting(9), time.monotonic() + 60)
    assert next(in_time) == "read" == in_time.send(None)
    with pytest.raises(StopIteration) as done:
        in_time.send(1)
    assert done.value.value == "answered"


def test_names_of_locks_are_numbers_that_postgresql_takes() -> None:
    keys = {_key(f"corpus {n}") for n in range(200)}
    assert len(keys) == 200 and all(-(2**63) <= key < 2**63 for key in keys)


@pytest.fixture
def engine(database: str, tmp_path: Any) -> Any:
    engine = open_catalogue(Home(tmp_path / "home"), database)
    yield engine
    engine.dispose()


def test_a_lock_is_free_again_when_its_holder_is_done(engine: Engine) -> None:
    with advisory_lock(engine, "corpus kb") as mine:
        assert mine
        with advisory_lock(engine, "corpus kb") as also, advisory_lock(engine, "corpus other") as other:
            assert (also, other) == (False, True)
    with advisory_lock(engine, "corpus kb") as again:
        assert again
    with writing(engine) as connection:
        limit = connection.exec_driver_sql("SHOW lock_timeout").scalar()
    assert limit == "1min"

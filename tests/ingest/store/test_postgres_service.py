"""What a PostgreSQL server does to its callers: it is down, freezes, refuses; and many start on it at once."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, select, text

from ingest.pipeline import ingest
from ingest.store.catalogue import CatalogueWriter
from ingest.store.lock import ingest_lock
from rag.errors import BusyError, CatalogueUnavailableError, StateError
from rag.models.embedders import EMBEDDERS
from rag.runtime import open_runtime
from rag.settings import load_settings
from rag.state import postgres as bounds
from rag.state.engine import open_catalogue, reading, writing
from rag.state.home import Home
from rag.state.reader import SqlCatalogue
from rag.state.tables import schema
from tests.api.serving import made_app
from tests.conftest import REPOSITORY
from tests.postgres import new_database, running_server
from tests.proofs.light import use_light_embedder

OPEN = """
import sys
from pathlib import Path
from rag.state.engine import open_catalogue, reading
from rag.state.home import Home
from rag.state.reader import SqlCatalogue
print("ready", flush=True)
sys.stdin.readline()
engine = open_catalogue(Home(Path(sys.argv[1])), sys.argv[2] if len(sys.argv) > 2 else None)
print(SqlCatalogue(engine).identity())
"""


def start_at_once(homes: list[Path], *url: str) -> list[str]:
    """Open one catalogue in several processes at the same moment; return what each of them then reads."""
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(home), *url],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            cwd=REPOSITORY,
        )
        for home in homes
    ]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done = [process.communicate() for process in running]
    assert [errors for _, errors in done] == [""] * len(homes)
    return [out for out, _ in done]


def test_three_first_starts_at_once_on_an_empty_database(database: str, tmp_path: Path) -> None:
    assert len(set(start_at_once([tmp_path / f"home-{number}" for number in range(3)], database))) == 1


def test_three_first_starts_at_once_in_a_new_home(tmp_path: Path) -> None:
    assert len(set(start_at_once([tmp_path / "home"] * 3))) == 1


def test_many_threads_create_and_migrate_one_database(database: str, tmp_path: Path) -> None:
    def start(number: int) -> str:
        engine = open_catalogue(Home(tmp_path / f"home-{number}"), database)
        try:
            return SqlCatalogue(engine).identity()
        finally:
            engine.dispose()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(start, range(6)))) == 1
    engine = open_catalogue(Home(tmp_path / "home-0"), database)
    with writing(engine) as connection:
        connection.execute(text("alter table chunks drop column boxes"))
        connection.execute(text("update schema set version = 1"))
    engine.dispose()
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(start, range(6)))) == 1


def test_the_lock_of_a_corpus_is_seen_from_every_home(database: str, tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in ("one", "two")]
    engines = [open_catalogue(home, database) for home in homes]
    with ingest_lock(homes[0], "kb", engines[0]):
        with pytest.raises(BusyError, match="writing to 'kb'"), ingest_lock(homes[1], "kb", engines[1]):
            pass
        with ingest_lock(homes[1], "other", engines[1]):
            pass
    with ingest_lock(homes[1], "kb", engines[1]):
        pass
    for engine in engines:
        engine.dispose()


def test_the_lock_of_a_process_that_was_killed_is_free(database: str, tmp_path: Path) -> None:
    hold = (
        "import sys, pathlib; from ingest.store.lock import ingest_lock; from rag.state.engine import open_catalogue;"
        "from rag.state.home import Home; home = Home(pathlib.Path(sys.argv[1])); lock = ingest_lock(home, 'kb',"
        "open_catalogue(home, sys.argv[2])); lock.__enter__(); print('held', flush=True); sys.stdin.read()"
    )
    run = [sys.executable, "-c", hold, str(tmp_path / "one"), database]
    engine = open_catalogue(Home(tmp_path / "two"), database)
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError), ingest_lock(Home(tmp_path / "two"), "kb", engine):
            pass
        holder.kill()
        holder.wait()
    deadline = time.monotonic() + 20
    while True:
        try:
            with ingest_lock(Home(tmp_path / "two"), "kb", engine):
                break
        except BusyError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def writers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[CatalogueWriter, CatalogueWriter]]:
    """Two runs that both believe to hold the lock of one corpus."""
    url = request.getfixturevalue("database") if request.param == "postgresql" else None
    engine = open_catalogue(Home(tmp_path), url)
    first, second = CatalogueWriter(engine, "kb"), CatalogueWriter(engine, "kb")
    first.create_corpus()
    yield first, second
    engine.dispose()


def test_of_two_runs_that_lost_the_lock_one_is_published(writers: tuple[CatalogueWriter, CatalogueWriter]) -> None:
    first, second = writers
    index = first.create_index("f", {}, "e", 8)
    one = first.begin(index, "s")
    two = second.begin(index, "s")
    first.publish(one, {}, base=None)
    with pytest.raises(BusyError, match=f"gave up generation {two}; nothing was published"):
        second.publish(two, {}, base=None)  # it knows nothing of what the first one added
    live = first.live()
    assert live is not None and live.id == one


def test_a_generation_that_was_given_up_is_written_to_and_published_no_more(
    writers: tuple[CatalogueWriter, CatalogueWriter],
) -> None:
    first, second = writers
    index = first.create_index("f", {}, "e", 8)
    mine = first.begin(index, "s")
    for row in second.abandoned():
        second.disown(row)
        second.discard(row)
    theirs = second.begin(index, "s")
    for write in (
        lambda: first.publish(mine, {}, base=None),
        lambda: first.hold(mine, {}),
        lambda: first.retire(mine, []),
        lambda: list(first.add(index, mine, [None])),  # type: ignore[list-item]  # it is refused before it is read
    ):
        with pytest.raises(BusyError, match="nothing was published"):
            write()
    second.publish(theirs, {}, base=None)
    with pytest.raises(BusyError, match="live meanwhile"):
        first.disown(next(row for row in first.generations() if row.id == theirs))
    second.promote(theirs)
    with pytest.raises(StateError, match="no complete generation"):
        first.promote(mine)


def test_a_server_that_is_down_is_named_in_the_log_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(CatalogueUnavailableError) as caught:
        open_catalogue(Home(tmp_path), "postgresql+psycopg://u:secret@127.0.0.1:1/db")
    assert "127.0.0.1" not in str(caught.value) and "DATABASE_URL" in str(caught.value)
    assert "127.0.0.1" in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [(("/trial?", "/nothing?"), "refused the login|does not exist"), (("ragwright@", "nobody@"), "refused the login")],
)
def test_a_login_that_is_refused_needs_a_person(
    database: str, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(StateError, match=message):
        open_catalogue(Home(tmp_path), database.replace(*change))


def test_a_frozen_server_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "READ_S", 0.5)
    monkeypatch.setattr(bounds, "CONNECT_S", 2)
    with running_server() as server, new_database(server.url, "trial") as url:
        engine = open_catalogue(Home(tmp_path), url)
        catalogue = SqlCatalogue(engine)
        identity = catalogue.identity()
        server.pause()
        try:
            for _ in range(2):  # on a connection that is open, and on a new one
                started = time.monotonic()
                with pytest.raises(CatalogueUnavailableError, match="does not answer"):
                    catalogue.identity()
                assert time.monotonic() - started < 20  # not for ever; how long exactly the machine's load decides
        finally:
            server.go_on()
        assert catalogue.identity() == identity
        engine.dispose()


@pytest.mark.parametrize("fault", ["frozen", "down"])
def test_the_service_says_when_to_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(bounds, "READ_S", 0.5)
    monkeypatch.setattr(bounds, "CONNECT_S", 2)
    embedders = dict(EMBEDDERS)
    use_light_embedder(embedders)
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", embedders["onnx-int8"])
    (tmp_path / "a.md").write_text("# A\n\nThe pump is oiled every week.\n")
    with running_server() as server:
        environ = {"RAGWRIGHT_HOME": str(tmp_path / "home"), "DATABASE_URL": server.url}
        with open_runtime(load_settings(overrides=["ingest.jobs=1"], environ=environ)) as runtime:
            ingest([str(tmp_path / "a.md")], "kb", runtime)
            with TestClient(made_app(runtime), base_url="http://localhost", raise_server_exceptions=False) as client:
                assert client.get("/readyz").status_code == 200
                server.pause()
                if fault == "down":
                    os.kill(server.pid, signal.SIGKILL)
                    server.go_on()
                try:
                    answers = [
                        client.post("/v1/search", json={"question": "When is the pump oiled?", "corpus": "kb"}),
                        client.get("/v1/corpora"),
                    ]
                    ready = client.get("/readyz")
                finally:
                    server.go_on()
                for answer in answers:
                    assert answer.status_code == 503 and answer.headers["retry-after"]
                    assert answer.json()["type"].endswith("catalogue-unavailable")
                    assert str(tmp_path) not in answer.text and server.url.rpartition("=")[2] not in answer.text
                assert ready.status_code == 503 and server.url.rpartition("=")[2] not in ready.text


def test_a_server_that_was_restarted_is_used_again(tmp_path: Path, database: str) -> None:
    engine = open_catalogue(Home(tmp_path), database)
    with reading(engine) as connection:
        connection.scalar(select(schema.c.version))
    admin = create_engine(database, isolation_level="AUTOCOMMIT")
    with admin.connect() as other:
        backends = "select pg_terminate_backend(pid) from pg_stat_activity"
        other.execute(text(f"{backends} where pid <> pg_backend_pid() and datname = 'trial'"))
    admin.dispose()
    with pytest.raises(CatalogueUnavailableError):
        SqlCatalogue(engine).identity()
    assert SqlCatalogue(engine).identity()
    engine.dispose()


def test_what_the_database_says_of_a_statement_is_in_the_log_only(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_catalogue(Home(tmp_path), database)
    with caplog.at_level(logging.ERROR), pytest.raises(StateError) as caught, writing(engine) as connection:
        connection.execute(text("select cast('secret of a document' as integer)"))
    assert "secret" not in str(caught.value) and "22P02" in str(caught.value)
    assert "secret of a document" in caplog.text
    engine.dispose()

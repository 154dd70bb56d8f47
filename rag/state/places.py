"""Remembers in which home the stores of an index lie, where several homes can reach one catalogue or one Qdrant server.

A catalogue on a database server is shared, while embedded vectors, keyword weights and token vectors lie in one home.
A copied home with a Qdrant server shares the collections of the original, while its catalogue is its own. Only a
catalogue and vectors that both stand on servers serve several homes at once.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select, update

from rag.errors import StateError
from rag.state.engine import reading, writing
from rag.state.home import Home
from rag.state.tables import places, schema

_FILE = "home.id"


@dataclass(frozen=True, slots=True)
class HomeId:
    """Tells a home from every other one, its copies included; `path` says where it is."""

    id: str
    path: str


def home_id(home: Home) -> HomeId:
    """Return the id of a home, made when it is first needed.

    A copy gets an id of its own: its file has another inode, at another path, than the file says of itself.

    Raises:
        StateError: the home has none yet and cannot be written.
    """
    file, path = home.root / _FILE, f"{socket.gethostname()}:{home.root}"
    known = _noted(file)
    if known is not None and (known[1] == file.stat().st_ino or known[2] == path):
        return HomeId(known[0], path)
    home.create()
    fresh = uuid.uuid4().hex
    scratch = file.with_name(f"{file.name}.{fresh}")
    try:
        with open(scratch, "w", encoding="utf-8") as stream:
            json.dump({"id": fresh, "inode": os.fstat(stream.fileno()).st_ino, "path": path}, stream)
        if known is not None:
            scratch.replace(file)
        else:
            try:
                os.link(scratch, file)  # fails where another process was faster
            except FileExistsError:
                if _noted(file) is None:  # it is damaged: nobody links a file that is half written
                    scratch.replace(file)
                return home_id(home)
            finally:
                scratch.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"cannot write to {home.root}: {error.strerror}; make it writable once") from error
    return HomeId(fresh, path)


def claim(engine: Engine, index_id: int, mine: HomeId) -> None:
    """Make a home the place of an index that has none.

    Raises:
        StateError: another home is its place.
    """
    with writing(engine) as connection:
        if not _check(connection, index_id, mine):
            connection.execute(insert(places).values(index_id=index_id, home=mine.id, path=mine.path))


def take_over(engine: Engine, index_id: int, mine: HomeId) -> None:
    """Make a home the place of an index, whichever was, unless that one can be seen to be still there.

    Raises:
        StateError: it is.
    """
    with writing(engine) as connection:
        row = connection.execute(select(places).where(places.c.index_id == index_id)).one_or_none()
        if row is not None and row.home != mine.id:
            host, _, path = row.path.partition(":")
            known = _noted(Path(path) / _FILE) if host == socket.gethostname() else None
            if known is not None and known[0] == row.home:
                raise StateError(
                    f"index {index_id} lies in {path}, which is still there; use that home, or remove it first"
                )
            connection.execute(delete(places).where(places.c.index_id == index_id))
        if row is None or row.home != mine.id:
            connection.execute(insert(places).values(index_id=index_id, home=mine.id, path=mine.path))


def part_from_original(engine: Engine, home: Home, mine: HomeId) -> bool:
    """Give the catalogue of a copied home a name of its own, by which the Qdrant server tells it from the original's.

    Its collections are empty then. Returns False where this is no copy.
    """
    with writing(engine) as connection:
        strange = connection.scalar(select(places.c.index_id).where(places.c.home != mine.id).limit(1))
        if strange is None:
            return False
        identity = uuid.uuid4().hex[:12]
        connection.execute(update(places).values(home=mine.id, path=mine.path))
        connection.execute(update(schema).values(catalogue=identity))
    (home.root / "catalogue.id").write_text(identity, encoding="ascii")
    return True


def check(engine: Engine, index_id: int, mine: HomeId) -> None:
    """Return if a home is the place of an index, or none is known.

    Raises:
        StateError: another home is.
    """
    with reading(engine) as connection:
        _check(connection, index_id, mine)


def _check(connection: Connection, index_id: int, mine: HomeId) -> bool:
    row = connection.execute(select(places).where(places.c.index_id == index_id)).one_or_none()
    if row is not None and row.home != mine.id:
        raise StateError(
            f"index {index_id} lies in another home, {row.path}: use that home, or keep catalogue and vectors on"
            " servers (DATABASE_URL and QDRANT_URL) to use both; if it was moved here, or this home is to have an index"
            " of its own, run: ragwright doctor --repair"
        )
    return row is not None


def _noted(file: Path) -> tuple[str, int, str] | None:
    try:
        note = json.loads(file.read_text(encoding="utf-8"))
        return str(note["id"]), int(note["inode"]), str(note["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return None

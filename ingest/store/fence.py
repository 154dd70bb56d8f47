"""Keeps two runs of one corpus from mixing: a generation is changed only while its run still owns it.

The ingest lock keeps a second run away, and a lock can be lost: its connection dies, its file is removed. Then another
run may have given up this one's generation, or may have gone live. So every write asks, in its own transaction,
whether its generation is still what it was, and a run that lost it ends with an error and nothing published.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from rag.errors import BusyError
from rag.state.tables import corpora, generations


def locked(connection: Connection, corpus: str) -> int | None:
    """Return the live generation; nobody else flips or gives up a generation of the corpus in this transaction."""
    live: int | None = connection.scalar(select(corpora.c.live).where(corpora.c.name == corpus).with_for_update())
    return live


def check_building(connection: Connection, generation: int) -> None:
    """Refuse to write to a generation that is no longer being built; it stays so until the transaction ends.

    Raises:
        BusyError: another run gave it up.
    """
    query = select(generations.c.status).where(generations.c.id == generation)
    if connection.scalar(query.with_for_update(read=True)) != "building":
        raise _lost(generation)


def check_base(live: int | None, base: int | None, generation: int) -> None:
    """Refuse to flip where another generation went live since the run compared its sources with `base`.

    Raises:
        BusyError: it did.
    """
    if live != base:
        raise _lost(generation)


def advance(connection: Connection, generation: int, expected: Sequence[str], **values: Any) -> None:
    """Change the row of a generation that has one of the expected statuses.

    Raises:
        BusyError: it has another one by now.
    """
    chosen = (generations.c.id == generation) & generations.c.status.in_(expected)
    if connection.execute(update(generations).where(chosen).values(**values)).rowcount != 1:
        raise _lost(generation)


def _lost(generation: int) -> BusyError:
    return BusyError(
        f"another process wrote to the corpus meanwhile and gave up generation {generation}; nothing was published,"
        " run it again"
    )

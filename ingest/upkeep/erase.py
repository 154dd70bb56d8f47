"""Erases documents on request: from what readers see at once, and from every kept generation and store for good."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from ingest.pipeline import discard_abandoned
from ingest.sources.spool import spool_folder
from ingest.store.catalogue import CatalogueWriter, Clock, batches, utc_now
from ingest.store.lock import ingest_lock
from ingest.upkeep.generations import DroppingRuntime, sweep_corpus
from ingest.upkeep.removal import flip_without
from rag.errors import DocumentNotFoundError
from rag.state.engine import reading, writing
from rag.state.listing import near_ids
from rag.state.reader import SqlCatalogue
from rag.state.tables import chunks, documents, failures, fetches, generations, indexes

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased. `generation` is the live one afterwards (None: there is none); `chunks` counts all versions."""

    corpus: str
    documents: tuple[str, ...]
    chunks: int
    generation: int | None


def erase(doc_ids: Sequence[str], corpus: str, runtime: DroppingRuntime, clock: Clock = utc_now) -> Erasure:
    """Erase documents with all their versions, so that no file of the home holds a trace of their text.

    Readers lose them by a flip to a generation without them; then every kept generation loses them, and the stores
    are rewritten. An erasure that was cut short is finished by asking again or, once the document is unknown, by a
    vacuum. Sources are not touched: a document that is still there comes back with the next ingest.

    Raises:
        DocumentNotFoundError: the corpus holds no such document; nothing was erased.
        BusyError: an ingest into the corpus is running.
    """
    wanted = tuple(dict.fromkeys(doc_ids))
    writer = CatalogueWriter(runtime.engine, corpus, clock)
    with ingest_lock(runtime.home, corpus, runtime.engine):
        discard_abandoned(writer, runtime)
        _check_known(wanted, corpus, runtime.catalogue)
        live = flip_without(wanted, corpus, writer, runtime)
        with writing(runtime.engine) as connection:
            erased = sum(_forget(connection, corpus, batch) for batch in batches(wanted, _BATCH))
            # What a gate wrote down may quote any document.
            connection.execute(update(generations).where(generations.c.corpus == corpus).values(gate=None))
        shutil.rmtree(runtime.home.gates(corpus), ignore_errors=True)
        with spool_folder(runtime.home.spool):  # opening one removes those of runs that died
            pass
        sweep_corpus(writer, corpus, runtime)
    return Erasure(corpus, wanted, erased, live)


def _check_known(doc_ids: Collection[str], corpus: str, catalogue: SqlCatalogue) -> None:
    with reading(catalogue.engine) as connection:
        known = set(connection.scalars(select(documents.c.doc_id).where(_of_corpus(corpus)).distinct()))
        known |= set(connection.scalars(select(failures.c.doc_id).where(failures.c.corpus == corpus)))
    unknown = [doc_id for doc_id in doc_ids if doc_id not in known]
    if unknown:
        raise DocumentNotFoundError("; ".join(_unknown(doc_id, corpus, known) for doc_id in unknown))


def _unknown(doc_id: str, corpus: str, known: Collection[str]) -> str:
    near = near_ids(doc_id, known)
    hint = f"did you mean: {', '.join(repr(name) for name in near)}?" if near else "nothing there is called alike"
    return f"{corpus!r} has no document {doc_id!r}, nothing was erased ({hint})"


def _forget(connection: Connection, corpus: str, doc_ids: Sequence[str]) -> int:
    """Delete every row that knows one of the documents; return how many chunks went."""
    mine = select(documents.c.pk).where(_of_corpus(corpus), documents.c.doc_id.in_(doc_ids))
    uris = select(documents.c.uri).where(_of_corpus(corpus), documents.c.doc_id.in_(doc_ids))
    count: int = connection.scalar(select(func.count()).where(chunks.c.doc_pk.in_(mine))) or 0
    fetched = or_(fetches.c.uri.in_(doc_ids), fetches.c.uri.in_(uris))
    connection.execute(delete(fetches).where(fetches.c.corpus == corpus, fetched))
    connection.execute(delete(chunks).where(chunks.c.doc_pk.in_(mine)))
    connection.execute(delete(documents).where(_of_corpus(corpus), documents.c.doc_id.in_(doc_ids)))
    connection.execute(delete(failures).where(failures.c.corpus == corpus, failures.c.doc_id.in_(doc_ids)))
    return count


def _of_corpus(corpus: str) -> ColumnElement[bool]:
    condition: ColumnElement[Any] = documents.c.index_id.in_(select(indexes.c.id).where(indexes.c.corpus == corpus))
    return condition

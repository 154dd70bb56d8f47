"""Deletes a whole corpus: from readers at once, then from every store, file and table."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update

from ingest.sources.spool import spool_folder
from ingest.store.catalogue import CatalogueWriter
from ingest.store.lock import ingest_lock
from ingest.upkeep.generations import DroppingRuntime, status
from rag.state.engine import reading, reclaim, writing
from rag.state.tables import chunks, corpora, documents, failures, fetches, generations, indexes, places, sources


@dataclass(frozen=True, slots=True)
class Deletion:
    """A corpus that is gone; `documents` were those of its live generation, `chunks` counts all versions."""

    corpus: str
    documents: int
    chunks: int


def delete_corpus(corpus: str, runtime: DroppingRuntime) -> Deletion:
    """Delete a corpus with everything that was made of it; its sources are not touched.

    From the first step on no reader finds it. One that is cut short leaves a corpus without a live generation, which
    can be deleted again.

    Raises:
        CorpusNotFoundError: nothing was ever ingested under that name.
        BusyError: an ingest into the corpus is running.
    """
    status(corpus, runtime)
    with ingest_lock(runtime.home, corpus, runtime.engine):
        held = status(corpus, runtime)[0].documents
        writer = CatalogueWriter(runtime.engine, corpus)
        with writing(runtime.engine) as connection:
            connection.execute(update(corpora).where(corpora.c.name == corpus).values(live=None))
        count = _chunks_of(corpus, runtime)
        for index_id in writer.index_ids():
            # Nobody may find it once its stores go; its rows are its folder's owner until then.
            writer.retire_index(index_id)
            runtime.drop_index(index_id)
            shutil.rmtree(runtime.home.index(index_id), ignore_errors=True)
        shutil.rmtree(runtime.home.gates(corpus), ignore_errors=True)
        with spool_folder(runtime.home.spool):  # opening one removes those of runs that died
            pass
        _forget(corpus, runtime)
        reclaim(runtime.engine)
    return Deletion(corpus, held, count)


def _chunks_of(corpus: str, runtime: DroppingRuntime) -> int:
    mine = select(indexes.c.id).where(indexes.c.corpus == corpus)
    with reading(runtime.engine) as connection:
        return connection.scalar(select(func.count()).select_from(chunks).where(chunks.c.index_id.in_(mine))) or 0


def _forget(corpus: str, runtime: DroppingRuntime) -> None:
    """Delete every row of a corpus; those that others point to go last."""
    mine = select(indexes.c.id).where(indexes.c.corpus == corpus)
    with writing(runtime.engine) as connection:
        for table in (chunks, documents, places):
            connection.execute(delete(table).where(table.c.index_id.in_(mine)))
        for table in (generations, indexes, failures, fetches, sources):
            connection.execute(delete(table).where(table.c.corpus == corpus))
        connection.execute(delete(corpora).where(corpora.c.name == corpus))

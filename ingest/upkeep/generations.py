"""What `ragwright status` and `ragwright generations` show and do: state of a corpus, rollback, vacuum."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import func, select, true

from ingest.make.duplicates import duplicate_groups
from ingest.pipeline import Runtime, discard_abandoned
from ingest.store.catalogue import CatalogueWriter, Failure, GenerationRow
from ingest.store.lock import ingest_lock
from ingest.store.registry import Registry, Remembered
from ingest.upkeep.reconcile import sweep
from rag.errors import CorpusNotFoundError, StateError
from rag.state.engine import reading, reclaim
from rag.state.reader import visible
from rag.state.tables import chunks, corpora, indexes
from rag.types import Generation


class DroppingRuntime(Runtime, Protocol):
    """A runtime that can also erase an index."""

    def drop_index(self, index_id: int) -> None:
        """Close an index and erase its shard."""
        ...


@dataclass(frozen=True, slots=True)
class CorpusStatus:
    """A corpus at a glance. `bytes_on_disk` is the size of its indexes; `stale_settings` asks for a re-ingest.

    `index_fingerprint` names the settings that the live index was built with. `languages` counts the documents of each
    language, those whose language is not known under "". `duplicate_groups` counts the groups of documents that are
    near-duplicates of each other. `sources` are those that an ingest without a source reads, and `upload`; documents of
    none are `unowned`. `doc_ids` names the documents of the live generation, sorted.
    """

    corpus: str
    live: int | None
    documents: int
    chunks: int
    failures: tuple[Failure, ...]
    generations: tuple[GenerationRow, ...]
    embedder: str
    index_fingerprint: str
    stale_settings: bool
    bytes_on_disk: int
    languages: Mapping[str, int] = field(default_factory=dict)
    duplicate_groups: int = 0
    sources: tuple[Remembered, ...] = ()
    unowned: int = 0
    doc_ids: tuple[str, ...] = ()


def status(corpus: str | None, runtime: Runtime) -> list[CorpusStatus]:
    """Return the state of one corpus, or of all, by name.

    Raises:
        CorpusNotFoundError: nothing was ever ingested under that name.
    """
    with reading(runtime.engine) as connection:
        known = list(connection.scalars(select(corpora.c.name).order_by(corpora.c.name)))
    if corpus is not None and corpus not in known:
        hint = f"known: {', '.join(known)}" if known else "none was ingested yet"
        raise CorpusNotFoundError(f"there is no corpus {corpus!r} ({hint})")
    return [_status(name, runtime) for name in ([corpus] if corpus else known)]


def rollback(corpus: str, runtime: Runtime, generation: int | None = None) -> int:
    """Make an older generation the live one, the one before the live one by default; return its id.

    Raises:
        StateError: there is none to go back to.
        BusyError: an ingest into the corpus is running.
    """
    writer = CatalogueWriter(runtime.engine, corpus)
    with ingest_lock(runtime.home, corpus, runtime.engine):
        live = writer.live()
        older = [x.id for x in writer.generations() if x.status == "published" and live and x.id < live.id]
        if generation is None and not older:
            raise StateError(f"{corpus!r} keeps no generation before the live one")
        chosen = older[-1] if generation is None else generation
        writer.promote(chosen)
    return chosen


def vacuum(corpus: str, runtime: DroppingRuntime) -> int:
    """Erase what none of the kept generations sees, from every store; return how many chunks went.

    The live generation and the newest before it are kept, `ingest.keep_generations` in all. The vectors
    of a kept index go before their rows, so that a vacuum that was cut short leaves none without a row; the next
    one finishes it.

    Raises:
        BusyError: an ingest into the corpus is running.
    """
    writer = CatalogueWriter(runtime.engine, corpus)
    with ingest_lock(runtime.home, corpus, runtime.engine):
        discard_abandoned(writer, runtime)
        published = [row for row in writer.generations() if row.status == "published"]
        keep = runtime.settings.ingest.keep_generations
        kept, gone = published[-keep:], published[:-keep]
        writer.forget_generations([row.id for row in gone])
        erased = 0
        for index_id in writer.index_ids():
            mine = [row.id for row in kept if row.index_id == index_id]
            if mine:
                unseen = writer.unseen(index_id, min(mine))
                # Before the catalogue forgets them: a vacuum that stops in between leaves no point without a row.
                runtime.indexes(index_id).vectors.delete(unseen)
                writer.erase_unseen(index_id, min(mine))
                erased += len(unseen)
            else:
                # Nobody may find it once its stores go; its rows are its folder's owner until then.
                writer.retire_index(index_id)
                _drop_stores(index_id, runtime)
                erased += writer.erase_index(index_id)
        sweep_corpus(writer, corpus, runtime)
        return erased


@dataclass(frozen=True, slots=True)
class Kept:
    """A generation that a vacuum keeps, why, and how many chunks stay that no newer kept generation sees."""

    generation: int
    reason: str
    chunks: int


def kept_generations(corpus: str, runtime: Runtime) -> list[Kept]:
    """Return what a vacuum keeps, the newest first."""
    writer, keep = CatalogueWriter(runtime.engine, corpus), runtime.settings.ingest.keep_generations
    live = writer.live()
    published = [row for row in writer.generations() if row.status == "published"][-keep:]
    found: list[Kept] = []
    for row in reversed(published):
        newer = [other for other in published if other.id > row.id and other.index_id == row.index_id]
        only = _only_seen_by(row, min((other.id for other in newer), default=None), runtime)
        is_live = live is not None and row.id == live.id
        reason = "live" if is_live else f"for a rollback: ingest.keep_generations is {keep}"
        found.append(Kept(row.id, reason, only))
    return found


def _only_seen_by(row: GenerationRow, newer: int | None, runtime: Runtime) -> int:
    """Count the chunks that a generation sees and the next newer one of its index does not."""
    gone = chunks.c.removed <= newer if newer is not None else true()
    seen = visible(chunks, row.index_id, row.id)
    with reading(runtime.engine) as connection:
        return connection.scalar(select(func.count()).select_from(chunks).where(seen, gone)) or 0


def sweep_corpus(writer: CatalogueWriter, corpus: str, runtime: DroppingRuntime) -> None:
    """Make every store of a corpus follow the catalogue; indexes that no generation uses go whole."""
    kept = [Generation(row.id, corpus, row.index_id, row.settings) for row in writer.generations()]
    for index_id in writer.index_ids():
        mine = [generation for generation in kept if generation.index_id == index_id]
        if mine:
            sweep(runtime.indexes(index_id), mine, runtime.catalogue)
        else:
            _drop_stores(index_id, runtime)
    known = {str(generation.id) for generation in kept}
    runs = runtime.home.gates(corpus)
    for folder in runs.iterdir() if runs.is_dir() else ():
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
    reclaim(runtime.engine)


def _drop_stores(index_id: int, runtime: DroppingRuntime) -> None:
    runtime.drop_index(index_id)
    shutil.rmtree(runtime.home.index(index_id), ignore_errors=True)


def _status(corpus: str, runtime: Runtime) -> CorpusStatus:
    writer, registry = CatalogueWriter(runtime.engine, corpus), Registry(runtime.engine, corpus)
    live = writer.live()
    documents, cut = writer.counts(live) if live else (0, 0)
    with reading(runtime.engine) as connection:
        rows = {row.id: row for row in connection.execute(select(indexes).where(indexes.c.corpus == corpus))}
    index = rows.get(live.index_id) if live else None
    signatures = writer.signatures(live.index_id, live.id) if live else {}
    return CorpusStatus(
        corpus=corpus,
        live=live.id if live else None,
        documents=documents,
        chunks=cut,
        failures=tuple(writer.failures()),
        generations=tuple(writer.generations()),
        embedder=index.embedder if index else "",
        index_fingerprint=index.fingerprint if index else "",
        stale_settings=index is not None and index.fingerprint != runtime.settings.index_fingerprint(),
        languages=writer.languages(live) if live else {},
        duplicate_groups=len(duplicate_groups(signatures, runtime.settings.ingest.duplicates.threshold)),
        sources=tuple(x for x in registry.known(live).values() if x.remembered),
        unowned=registry.counts(live).get(None, 0),
        doc_ids=tuple(sorted(writer.stored(live.index_id, live.id))) if live else (),
        bytes_on_disk=sum(_size(runtime.home.index(index_id)) for index_id in rows),
    )


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            found = path.stat()
            # Shards and logs are sparse: what counts is what is allocated.
            total += min(found.st_size, found.st_blocks * 512)
        except OSError:  # it may go while it is counted
            continue
    return total

"""Takes documents away from readers by a flip to a generation without them: one document, or all of a source."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ingest.pipeline import Runtime, discard_abandoned
from ingest.sources.named import SourceKey, checked_prefix, located
from ingest.store.catalogue import CatalogueWriter, Clock, batches, utc_now
from ingest.store.lock import ingest_lock
from ingest.store.owners import UNOWNED
from ingest.store.registry import Registry, Remembered
from rag.errors import PruneRefusedError, SourceNotFoundError
from rag.ports import Index
from rag.state.reader import SqlCatalogue
from rag.types import Generation

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Removal:
    """A source that was removed or moved. `generation` is the live one afterwards (None: there is none)."""

    corpus: str
    source: str
    documents: int
    generation: int | None


def remembered(corpus: str, runtime: Runtime) -> tuple[list[Remembered], int]:
    """Return the sources of a corpus, oldest first, and how many live documents belong to none."""
    live = CatalogueWriter(runtime.engine, corpus).live()
    registry = Registry(runtime.engine, corpus)
    return [x for x in registry.known(live).values() if x.remembered], registry.counts(live).get(None, 0)


def remove_source(
    spelling: str,
    corpus: str,
    runtime: Runtime,
    *,
    prefix: str | None = None,
    allow_delete_over: float = 0.2,
    clock: Clock = utc_now,
) -> Removal:
    """Publish a generation without the documents of a source, and forget the source; `unowned` is what has none.

    Raises:
        SourceNotFoundError: the corpus does not remember it, or several of that location.
        PruneRefusedError: it has a larger share of the corpus than `allow_delete_over`.
        BusyError: an ingest into the corpus is running.
    """
    writer, registry = CatalogueWriter(runtime.engine, corpus, clock), Registry(runtime.engine, corpus, clock)
    with ingest_lock(runtime.home, corpus, runtime.engine):
        discard_abandoned(writer, runtime)
        live = writer.live()
        chosen = _chosen(spelling, prefix, registry.known(live), corpus)
        stored = writer.stored(live.index_id, live.id) if live else {}
        mine = [x.doc_id for x in stored.values() if x.source == (chosen.id if chosen else None)]
        _check_share(len(mine), len(stored), allow_delete_over)
        if chosen:
            # First, so that no moment shows it without documents and remembered: while it has some it stays so.
            registry.forget([chosen.id])
        generation = flip_without(mine, corpus, writer, runtime)
    return Removal(corpus, str(chosen.key) if chosen else UNOWNED, len(mine), generation)


def move_source(
    spelling: str, target: str, corpus: str, runtime: Runtime, *, prefix: str | None = None, clock: Clock = utc_now
) -> Removal:
    """Let a source be read from another place from now on; its documents, and their ids, stay.

    Raises:
        SourceNotFoundError: the corpus does not remember it, or remembers the target already.
        BusyError: an ingest into the corpus is running.
    """
    registry = Registry(runtime.engine, corpus, clock)
    with ingest_lock(runtime.home, corpus, runtime.engine):
        live = CatalogueWriter(runtime.engine, corpus, clock).live()
        known = registry.known(live)
        chosen = _chosen(spelling, prefix, known, corpus)
        if chosen is None:
            raise SourceNotFoundError(f"{UNOWNED} is no source; ingest the folder, which adopts its documents")
        key = SourceKey(located(target), chosen.prefix)
        taken = next((other for other in known.values() if other.key == key), None)
        if taken:
            raise SourceNotFoundError(f"{corpus!r} knows {key} already; remove that source first")
        registry.move(chosen.id, key)
    return Removal(corpus, str(key), chosen.documents, live.id if live else None)


def flip_without(doc_ids: Sequence[str], corpus: str, writer: CatalogueWriter, runtime: Runtime) -> int | None:
    """Make a generation without the documents the live one; return the live one's id."""
    live = writer.live()
    stored = writer.stored(live.index_id, live.id) if live else {}
    gone = [stored[doc_id].pk for doc_id in doc_ids if doc_id in stored]
    if live is None or not gone:
        return live.id if live else None
    index = runtime.indexes(live.index_id)
    generation = writer.begin(live.index_id, live.settings)
    for batch in batches(writer.retire(generation, gone), _BATCH):
        index.vectors.set_removed(batch, generation)
    _seal(index, Generation(generation, corpus, live.index_id, live.settings), runtime.catalogue)
    counts = {"added": 0, "changed": 0, "removed": len(gone), "unchanged": len(stored) - len(gone)}
    writer.publish(generation, {**counts, "chunks": 0, "failed": 0}, base=live.id)
    return generation


def _seal(index: Index, generation: Generation, catalogue: SqlCatalogue) -> None:
    index.keywords.publish(generation.id, catalogue.each_visible(generation))
    index.token_vectors.publish(generation.id)
    index.vectors.flush()


def _chosen(spelling: str, prefix: str | None, known: Mapping[int, Remembered], corpus: str) -> Remembered | None:
    """Return the source that is meant, None for what has no source."""
    names = {spelling, spelling.rstrip("/"), located(spelling)}
    found = [x for x in known.values() if x.remembered and x.location in names]
    if prefix is not None:
        found = [x for x in found if x.prefix == checked_prefix(prefix)]
    if len(found) == 1:
        return found[0]
    if not found and spelling == UNOWNED:
        return None
    if not found:
        raise SourceNotFoundError(f"{corpus!r} remembers no source {spelling!r}{_listed(known.values())}")
    prefixes = ", ".join(repr(x.prefix) for x in found)
    raise SourceNotFoundError(f"{spelling} is remembered under several prefixes ({prefixes}); name one with --prefix")


def _listed(known: Collection[Remembered]) -> str:
    names = [str(x.key) for x in known if x.remembered]
    return f"; it remembers: {', '.join(names)}" if names else ""


def _check_share(gone: int, all_documents: int, allow_delete_over: float) -> None:
    if gone > allow_delete_over * all_documents:
        share = min(1.0, (gone * 100 // all_documents + 1) / 100)
        raise PruneRefusedError(
            f"this would remove {gone} of {all_documents} documents, more than {allow_delete_over:.0%};"
            f" if that is meant, allow it with --allow-delete-over {share:g}"
        )

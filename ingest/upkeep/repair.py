"""Repairs what `ingest.upkeep.checks` finds wrong, from the catalogue's text; hold the corpus' ingest lock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import delete, select, update

from ingest.store.catalogue import CatalogueWriter, batches
from ingest.upkeep.checks import (
    Corpus,
    broken_vectors,
    check_keywords,
    lives,
    ownerless_folders,
    stored_lives,
    stray_chunks,
)
from ingest.upkeep.generations import DroppingRuntime
from ingest.upkeep.reconcile import listed, weighed
from rag.errors import StateError
from rag.ports import REMOVED_NEVER, Point
from rag.state.engine import writing
from rag.state.tables import chunks, documents
from rag.types import Chunk, Generation

_BATCH = 256


def mend(corpus: Corpus, runtime: DroppingRuntime) -> Iterator[str]:
    """Repair a corpus from the ground up; yield what was done, nothing if nothing was to do."""
    for step in STEPS:
        yield from step(corpus, runtime)


def remove_leftovers(_corpus: Corpus, runtime: DroppingRuntime) -> Iterator[str]:
    """Remove what no index owns."""
    for name in ownerless_folders(runtime):
        path = runtime.home.root / "indexes" / name
        if name.isdigit():
            runtime.drop_index(int(name))
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if not path.exists():
            yield f"removed the left-over {path.name} from the folder of indexes"


def adopt_chunks(corpus: Corpus, runtime: DroppingRuntime) -> Iterator[str]:
    """Give chunks the life of their documents; delete those that have none."""
    strays = stray_chunks(corpus)
    if not strays:
        return
    mine = chunks.c.index_id == corpus.index.id
    of_document = documents.c.pk == chunks.c.doc_pk
    with writing(runtime.engine) as connection:
        connection.execute(delete(chunks).where(mine, chunks.c.doc_pk.not_in(select(documents.c.pk))))
        for batch in batches(strays, _BATCH):
            life = {
                name: select(documents.c[name]).where(of_document).scalar_subquery()
                for name in ("index_id", "added", "removed")
            }
            connection.execute(update(chunks).where(chunks.c.pk.in_(batch)).values(**life))
    yield f"{len(strays)} chunks got the life of their documents, or went with them"


def mend_vectors(corpus: Corpus, runtime: DroppingRuntime) -> Iterator[str]:
    """Erase strangers, embed what is missing, set marks as the catalogue has them."""
    wanted = lives(corpus)
    try:
        found = stored_lives(corpus)
    except StateError as error:
        yield f"the vector index cannot be read ({error}); it is made anew"
        runtime.drop_index(corpus.generation.index_id)
        found = {}
    vectors = corpus.index.vectors
    strangers = sorted(found.keys() - listed(corpus.index.id, runtime.catalogue))
    for batch in batches(strangers, _BATCH):
        vectors.delete(batch)
    if strangers:
        yield f"{len(strangers)} points that the catalogue does not list erased from the vector index"
    missing = {*(wanted.keys() - found.keys()), *broken_vectors(corpus, sorted(wanted.keys() & found.keys()))}
    misplaced = {pk for pk in wanted.keys() & found.keys() if wanted[pk][0] != found[pk][0]}
    for batch in batches(sorted(missing | misplaced), _BATCH):
        _embed_points(corpus, batch, wanted)
    if missing or misplaced:
        yield f"{len(missing | misplaced)} vectors embedded again"
    yield from _mend_removed(corpus, wanted, missing | misplaced, found)
    vectors.flush()


def _mend_removed(
    corpus: Corpus, wanted: dict[int, tuple[int, int]], anew: set[int], found: dict[int, tuple[int, int]]
) -> Iterator[str]:
    wrong: dict[int, list[int]] = {}
    for pk, (_, removed) in wanted.items():
        stored = REMOVED_NEVER if pk in anew else found[pk][1]
        if stored != removed:
            wrong.setdefault(removed, []).append(pk)
    for removed, pks in wrong.items():
        for batch in batches(pks, _BATCH):
            corpus.index.vectors.set_removed(batch, removed)
    count = sum(pk not in anew for pks in wrong.values() for pk in pks)
    if count:
        yield f"{count} points got the removal mark of their chunks"


def _embed_points(corpus: Corpus, pks: Sequence[int], wanted: dict[int, tuple[int, int]]) -> None:
    found = corpus.runtime.catalogue.chunks(pks)
    embedded = corpus.index.embedder.embed([found[pk].indexed_text for pk in pks])
    owners = _owners(corpus, pks)
    rows = zip(pks, embedded.vectors, strict=True)
    corpus.index.vectors.upsert(
        [Point(pk, vector, wanted[pk][0], owners[pk], found[pk].metadata) for pk, vector in rows]
    )


def _owners(corpus: Corpus, pks: Sequence[int]) -> dict[int, int]:
    with corpus.runtime.engine.connect() as connection:
        rows = connection.execute(select(chunks.c.pk, chunks.c.doc_pk).where(chunks.c.pk.in_(pks)))
        return {row.pk: row.doc_pk for row in rows}


def mend_keywords(corpus: Corpus, runtime: DroppingRuntime) -> Iterator[str]:
    """Weigh the kept generations again; where that is not enough, count the terms of every chunk again."""
    kept = _kept(corpus)
    keywords, catalogue = corpus.index.keywords, runtime.catalogue
    keywords.compact([generation.id for generation in kept], listed(corpus.index.id, catalogue))
    views = {generation: catalogue.visible_chunks(generation) for generation in kept}
    wrong = [g for g, visible in views.items() if weighed(corpus.index, g) != frozenset(pk for pk, _ in visible)]
    if not wrong and _scores_are_true(corpus):
        return
    try:
        for generation in wrong:
            keywords.publish(generation.id, views[generation])
        recounted = not _scores_are_true(corpus)
    except StateError:
        recounted = True
    if recounted:
        yield f"the terms of {_recount(corpus)} chunks counted again"
        wrong = list(views)
        for generation in wrong:
            keywords.publish(generation.id, views[generation])
    yield f"the keyword weights of generations {', '.join(str(g.id) for g in wrong)} computed again"


def _scores_are_true(corpus: Corpus) -> bool:
    try:
        check_keywords(corpus)
    except (StateError, ValueError, IndexError):  # damaged files are also arrays that do not fit
        return False
    return True


def _recount(corpus: Corpus) -> int:
    by_generation: dict[int, list[int]] = {}
    for pk, (added, _) in lives(corpus).items():
        by_generation.setdefault(added, []).append(pk)
    for added, pks in by_generation.items():
        corpus.index.keywords.recount(added, _texts(corpus, sorted(pks)))
    return sum(map(len, by_generation.values()))


def _texts(corpus: Corpus, pks: Sequence[int]) -> Iterator[tuple[Sequence[int], list[str]]]:
    for batch in batches(pks, _BATCH):
        found = corpus.runtime.catalogue.chunks(batch)
        yield batch, [found[pk].indexed_text for pk in batch]


def mend_token_vectors(corpus: Corpus, runtime: DroppingRuntime) -> Iterator[str]:
    """Drop what is cut off, embed what is missing."""
    wanted, tokens = lives(corpus), corpus.index.token_vectors
    missing = sorted(wanted.keys() - tokens.held(list(wanted)))
    if not missing:
        return
    tokens.compact(listed(corpus.index.id, runtime.catalogue))
    for batch in batches(missing, _BATCH):
        found = runtime.catalogue.chunks(batch)
        _embed_tokens(corpus, [found[pk] for pk in batch], wanted)
    for added in sorted({wanted[pk][0] for pk in missing}):
        tokens.publish(added)
    yield f"the token vectors of {len(missing)} chunks embedded again"


def _embed_tokens(corpus: Corpus, pieces: Sequence[Chunk], wanted: dict[int, tuple[int, int]]) -> None:
    embedded = corpus.index.embedder.embed([piece.indexed_text for piece in pieces], with_tokens=True)
    for piece, vectors in zip(pieces, embedded.tokens, strict=True):
        corpus.index.token_vectors.add(wanted[piece.pk][0], [piece.pk], [vectors])


def _kept(corpus: Corpus) -> list[Generation]:
    rows = CatalogueWriter(corpus.runtime.engine, corpus.name).generations()
    return [
        Generation(row.id, corpus.name, row.index_id, row.settings)
        for row in rows
        if row.index_id == corpus.generation.index_id and row.status in ("published", "held")
    ]


STEPS: tuple[Callable[[Corpus, DroppingRuntime], Iterator[str]], ...] = (
    remove_leftovers,
    adopt_chunks,
    mend_vectors,
    mend_keywords,
    mend_token_vectors,
)
"""The repairs, from the ground up: each stands on those before it."""

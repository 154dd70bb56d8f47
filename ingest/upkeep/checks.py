"""Checks that a live corpus is what it claims to be: its chunks, its scores, and what each store holds of them.

The catalogue's clean text is the measure: the chunks are cut from it again, and everything else is compared with them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import func, or_, select

from ingest.chunkers import chunk
from ingest.pipeline import Runtime
from ingest.store.catalogue import CatalogueWriter, batches
from ingest.upkeep.reconcile import listed, marks
from rag.errors import RagwrightError, StateError
from rag.index.terms import Analyzer
from rag.ports import REMOVED_NEVER, Embedder, Index
from rag.settings import READER_VERSION, ChunkerSettings
from rag.state.engine import reading
from rag.state.tables import chunks, documents, indexes
from rag.types import Chunk, Document, Generation

SAMPLE = 2000
_RANKED_CHUNKS = 20_000
_QUERIES = 20
_TOLERANCE = 1e-5
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `detail` says what was compared, or what is wrong."""

    check: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus under examination. `seed` chooses the samples, `sample` is their size."""

    name: str
    runtime: Runtime
    generation: Generation
    seed: int = 0
    sample: int = SAMPLE

    @property
    def index(self) -> Index:
        """The index of the live generation."""
        return self.runtime.indexes(self.generation.index_id)

    def visible(self) -> list[int]:
        """Return the pks that the live generation sees, sorted."""
        return sorted(pk for pk, _ in self.runtime.catalogue.visible_chunks(self.generation))

    def sampled(self, items: Sequence[int]) -> list[int]:
        """Return a seeded sample, sorted; all items if they are few."""
        if len(items) <= self.sample:
            return list(items)
        return sorted(random.Random(self.seed).sample(items, self.sample))


class UntrueError(StateError):
    """A check failed; the message says what is wrong."""


def examine(corpus: Corpus) -> Iterator[Finding]:
    """Yield the result of every check."""
    for name, check in CHECKS.items():
        try:
            yield Finding(name, True, check(corpus))
        except RagwrightError as error:
            yield Finding(name, False, str(error))


def check_database(corpus: Corpus) -> str:
    """Ask SQLite whether its file is sound."""
    engine = corpus.runtime.engine
    if engine.dialect.name != "sqlite":
        return f"{engine.dialect.name}: left to the server"
    with reading(engine) as connection:
        broken = connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars().all()
        foreign = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    _refuse_if(broken != ["ok"], f"SQLite finds its file damaged ({'; '.join(map(str, broken))}); restore a backup")
    _refuse_if(bool(foreign), f"{len(foreign)} rows point to rows that are not there")
    return "SQLite finds its file sound"


def check_orphans(corpus: Corpus) -> str:
    """Look for chunks without a document of the same life, and folders that no index owns."""
    strays = stray_chunks(corpus)
    _refuse_if(bool(strays), f"{len(strays)} chunks have no document, or another life than theirs: pk {_few(strays)}")
    folders = ownerless_folders(corpus.runtime)
    _refuse_if(bool(folders), f"no index owns {_few(folders)} in {corpus.runtime.home.root / 'indexes'}")
    return "every chunk has its document, every folder its index"


def check_chunks(corpus: Corpus) -> str:
    """Cut the stored clean texts again and compare; of an older release's index, compare the texts alone.

    That release's chunkers are not here any more, and the next ingest reads its files again.
    """
    catalogue, index = corpus.runtime.catalogue, corpus.index
    settings = chunker_settings(corpus)
    writer = CatalogueWriter(corpus.runtime.engine, corpus.name)
    stored = writer.stored(index.id, corpus.generation.id)
    is_current = writer.index_settings(index.id).get("reader", 1) == READER_VERSION
    by_pk = {held.pk: doc_id for doc_id, held in stored.items()}
    chosen = corpus.sampled(sorted(by_pk))
    for pk in chosen:
        doc_id = by_pk[pk]
        document = catalogue.document(corpus.generation, doc_id)
        held = [replace(piece, pk=0) for piece in catalogue.document_chunks(corpus.generation, doc_id)]
        wanted = [replace(piece, text=document.text[piece.span.start : piece.span.end]) for piece in held]
        if is_current:
            wanted = _cut(document, index.embedder, settings)
        if sorted(wanted, key=_place) != sorted(held, key=_place):
            raise UntrueError(
                f"{doc_id!r}: its chunks are not those that its text gives with {settings.name!r};"
                " erase it and ingest it again"
            )
    return f"{_of(len(chosen), len(by_pk))} documents give the chunks that are stored"


def _cut(document: Document, embedder: Embedder, settings: ChunkerSettings) -> list[Chunk]:
    return chunk(document, embedder.tokenizer, settings, lambda texts: embedder.embed(texts).vectors)


def check_keywords(corpus: Corpus) -> str:
    """Compare the chunks of the keyword weights with the catalogue's, and the scores with rank_bm25's."""
    visible = corpus.visible()
    held = corpus.index.keywords.pks(corpus.generation.id)
    _refuse_if(held != set(visible), f"the keyword index weighs {_difference(held, visible)}")
    if not visible:
        return "no chunks, no weights"
    chosen = visible if len(visible) <= _RANKED_CHUNKS else []
    if not chosen:
        return f"{len(visible)} chunks weighed; scores not compared, for rank_bm25 is made for {_RANKED_CHUNKS} at most"
    compared = _compare_scores(corpus, chosen)
    return f"{len(visible)} chunks weighed; scores of {compared} queries equal rank_bm25's to {_TOLERANCE:g}"


def check_vectors(corpus: Corpus) -> str:
    """Compare the points of the vector index with the catalogue's chunks, and look at the vectors."""
    wanted, found = lives(corpus), stored_lives(corpus)
    strangers = found.keys() - listed(corpus.index.id, corpus.runtime.catalogue)
    held = (found.keys() & wanted.keys()) | strangers
    _refuse_if(held != wanted.keys(), f"the vector index holds {_difference(held, wanted)}")
    wrong = sorted(pk for pk, life in wanted.items() if found[pk] != life)
    _refuse_if(bool(wrong), f"{len(wrong)} points have another life than their chunks: pk {_few(wrong)}")
    chosen = corpus.sampled(sorted(wanted))
    broken = broken_vectors(corpus, chosen)
    _refuse_if(bool(broken), f"{len(broken)} vectors are missing, of another size or no numbers: pk {_few(broken)}")
    return f"{len(wanted)} points as the catalogue lists them; {_of(len(chosen), len(wanted))} vectors whole"


def check_token_vectors(corpus: Corpus) -> str:
    """Look for chunks without token vectors."""
    visible = corpus.visible()
    missing = sorted(set(visible) - corpus.index.token_vectors.held(visible))
    _refuse_if(bool(missing), f"{len(missing)} chunks have no whole token vectors: pk {_few(missing)}")
    return f"{len(visible)} chunks have theirs"


CHECKS: dict[str, Callable[[Corpus], str]] = {
    "database": check_database,
    "orphans": check_orphans,
    "chunks": check_chunks,
    "vectors": check_vectors,
    "keywords": check_keywords,
    "token vectors": check_token_vectors,
}
"""What is checked, from the ground up; each raises `UntrueError` or says what it compared."""


def lives(corpus: Corpus) -> dict[int, tuple[int, int]]:
    """Return `pk -> (added, removed)` of every chunk of the live index that the live or a kept older generation sees.

    What none of them sees any more waits for a vacuum: it may be in a store or be gone from it already.
    """
    index_id = corpus.generation.index_id
    kept = CatalogueWriter(corpus.runtime.engine, corpus.name).generations()
    oldest = min((row.id for row in kept if row.index_id == index_id), default=corpus.generation.id)
    query = select(chunks.c.pk, chunks.c.added, chunks.c.removed).where(chunks.c.index_id == index_id)
    with reading(corpus.runtime.engine) as connection:
        rows = connection.execute(query.where(chunks.c.added <= corpus.generation.id, chunks.c.removed > oldest))
        return {row.pk: (row.added, _settled(row.removed, corpus)) for row in rows}


def stored_lives(corpus: Corpus) -> dict[int, tuple[int, int]]:
    """Return `pk -> (added, removed)` of every point of the live index."""
    return {pk: (added, _settled(removed, corpus)) for pk, added, removed in marks(corpus.index.vectors)}


def _settled(removed: int, corpus: Corpus) -> int:
    # What an abandoned generation removed is brought back by the next run.
    return removed if removed <= corpus.generation.id else REMOVED_NEVER


def stray_chunks(corpus: Corpus) -> list[int]:
    """Return the chunks of the live index that have no document, or were not added and removed with it."""
    apart = or_(
        documents.c.pk.is_(None),
        documents.c.added != chunks.c.added,
        documents.c.removed != chunks.c.removed,
        documents.c.index_id != chunks.c.index_id,
    )
    query = select(chunks.c.pk).outerjoin(documents, documents.c.pk == chunks.c.doc_pk)
    with reading(corpus.runtime.engine) as connection:
        return list(connection.scalars(query.where(chunks.c.index_id == corpus.index.id, apart).order_by(chunks.c.pk)))


def ownerless_folders(runtime: Runtime) -> list[str]:
    """Return the names in the folder of indexes that belong to no index with chunks or a name in the catalogue."""
    folder = runtime.home.root / "indexes"
    with reading(runtime.engine) as connection:
        held = select(func.count()).where(chunks.c.index_id == indexes.c.id).scalar_subquery()
        owners = set(connection.scalars(select(indexes.c.id).where(or_(indexes.c.fingerprint != "", held > 0))))
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in names if not (name.isdigit() and int(name) in owners)]


def broken_vectors(corpus: Corpus, pks: Sequence[int]) -> list[int]:
    """Return those of `pks` whose vectors are missing, of another size, not finite or zero."""
    dim, broken = corpus.index.embedder.dim, []
    for batch in batches(pks, _BATCH):
        found = corpus.index.vectors.get(batch)
        broken += [pk for pk in batch if pk not in found or not _is_sound(found[pk], dim)]
    return broken


def chunker_settings(corpus: Corpus) -> ChunkerSettings:
    """Return how the live index was cut.

    Raises:
        StateError: the catalogue does not say.
    """
    stored = CatalogueWriter(corpus.runtime.engine, corpus.name).index_settings(corpus.generation.index_id)
    try:
        return ChunkerSettings.model_validate(stored["ingest"]["chunker"])
    except (KeyError, ValueError) as error:
        raise StateError(f"the settings of index {corpus.generation.index_id} cannot be read ({error})") from error


def _compare_scores(corpus: Corpus, pks: Sequence[int]) -> int:
    """Compare seeded queries, made of the corpus' own terms; return how many."""
    from rank_bm25 import BM25Okapi

    terms = corpus.runtime.catalogue.index(corpus.index.id).bm25
    analyzer = Analyzer(terms)
    texts = corpus.runtime.catalogue.chunks(pks)
    table = [analyzer.terms(texts[pk].indexed_text) for pk in pks]
    vocabulary = sorted({term for row in table for term in row})
    if not vocabulary:
        return 0
    okapi = BM25Okapi(table, k1=terms.k1, b=terms.b, epsilon=terms.epsilon)
    chooser = random.Random(corpus.seed)
    for _ in range(_QUERIES):
        words = chooser.choices([word for pk in chooser.choices(pks, k=2) for word in _words(texts[pk])], k=4)
        query = " ".join(words)
        wanted = dict(zip(pks, okapi.get_scores(analyzer.terms(query)), strict=True))
        found = {hit.pk: hit.score for hit in corpus.index.keywords.search(query, len(pks), corpus.generation.id)}
        worst = max(pks, key=lambda pk: abs(max(wanted[pk], 0.0) - found.get(pk, 0.0)))
        difference = abs(max(wanted[worst], 0.0) - found.get(worst, 0.0))
        _refuse_if(difference > _TOLERANCE, f"chunk {worst} scores {difference:.2g} beside rank_bm25's for {query!r}")
    return _QUERIES


def _words(piece: Chunk) -> list[str]:
    return piece.indexed_text.split() or [""]


def _is_sound(vector: np.ndarray, dim: int) -> bool:
    return vector.shape == (dim,) and bool(np.isfinite(vector).all()) and abs(float(vector @ vector) - 1) < 1e-2


def _place(piece: Chunk) -> tuple[int, int, str]:
    return piece.span.start, piece.span.end, piece.chunk_id


def _difference(found: Iterable[int], wanted: Iterable[int]) -> str:
    extra, missing = sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))
    parts = [f"{len(extra)} chunks too many (pk {_few(extra)})"] if extra else []
    parts += [f"{len(missing)} too few (pk {_few(missing)})"] if missing else []
    return " and ".join(parts)


def _few(items: Sequence[object]) -> str:
    shown = ", ".join(str(item) for item in items[:5])
    return shown if len(items) <= 5 else f"{shown}, ..."


def _of(part: int, whole: int) -> str:
    return str(whole) if part == whole else f"{part} of {whole} (a sample)"


def _refuse_if(wrong: bool, message: str) -> None:
    if wrong:
        raise UntrueError(message)

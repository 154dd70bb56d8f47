"""Reads of the catalogue, each from one generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, func, or_, select

from rag.conditions import Filter
from rag.errors import CorpusNotFoundError, DocumentNotFoundError, StateError
from rag.settings import Bm25Settings, EmbedderSettings
from rag.state.engine import reading
from rag.state.filters import matching_documents, values_of
from rag.state.tables import chunks, corpora, documents, generations, indexes, schema
from rag.tables import table_from_json
from rag.types import Block, Box, Chunk, Document, Generation, Span, as_metadata

_BATCH = 500
_STREAMED = 10_000
_READ = 20  # whole documents at a time


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What an index was built with."""

    id: int
    corpus: str
    fingerprint: str
    embedder: EmbedderSettings
    bm25: Bm25Settings


class SqlCatalogue:
    """`rag.ports.Catalogue` over SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The database."""
        return self._engine

    def live(self, corpus: str) -> Generation:
        """Return the live generation of a corpus."""
        query = select(generations).join(corpora, corpora.c.live == generations.c.id).where(corpora.c.name == corpus)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                known = ", ".join(connection.scalars(select(corpora.c.name).where(corpora.c.live.is_not(None))))
                raise CorpusNotFoundError(
                    f"there is no corpus {corpus!r} ({f'known: {known}' if known else 'none was ingested yet'});"
                    f" make it with: ragwright ingest SOURCE --corpus {corpus}"
                )
        return Generation(row.id, row.corpus, row.index_id, row.settings, row.published_at)

    def identity(self) -> str:
        """Return the catalogue's own id, which names its collections on a shared Qdrant server."""
        with reading(self._engine) as connection:
            return str(connection.scalar(select(schema.c.catalogue)))

    def corpora(self) -> list[str]:
        """Return the names of all corpora that have a live generation."""
        with reading(self._engine) as connection:
            return list(
                connection.scalars(select(corpora.c.name).where(corpora.c.live.is_not(None)).order_by(corpora.c.name))
            )

    def index(self, index_id: int) -> IndexRow:
        """Return what an index was built with.

        Raises:
            StateError: the catalogue does not know it.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(indexes).where(indexes.c.id == index_id)).one_or_none()
        if row is None:
            raise StateError(f"the catalogue has no index {index_id}; it was vacuumed while you read it, ask again")
        embedder = EmbedderSettings.model_validate(row.settings["embedder"])
        bm25 = Bm25Settings.model_validate(row.settings["bm25"])
        return IndexRow(row.id, row.corpus, row.fingerprint, embedder, bm25)

    def chunks(self, pks: Sequence[int]) -> dict[int, Chunk]:
        """Return the chunks that exist, by pk."""
        found: dict[int, Chunk] = {}
        with reading(self._engine) as connection:
            for i in range(0, len(pks), _BATCH):
                batch = pks[i : i + _BATCH]
                for row in connection.execute(_chunk_query(chunks.c.pk.in_(batch))):
                    found[row.pk] = _chunk(row)
        return found

    def visible_chunks(self, generation: Generation) -> list[tuple[int, str]]:
        """Return `(pk, chunk_id)` of every chunk that the generation sees."""
        return list(self.each_visible(generation))

    def chunk_count(self, generation: Generation) -> int:
        """Return how many chunks the generation sees."""
        query = select(func.count()).select_from(chunks).where(visible(chunks, generation.index_id, generation.id))
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def each_visible(self, generation: Generation) -> Iterator[tuple[int, str]]:
        """Yield `(pk, chunk_id)` of every chunk that the generation sees, as they are read from the database."""
        query = select(chunks.c.pk, chunks.c.chunk_id).where(visible(chunks, generation.index_id, generation.id))
        with reading(self._engine) as connection:
            for row in connection.execute(query.execution_options(yield_per=_STREAMED)):
                yield row.pk, row.chunk_id

    def embedded_by(self, embedder: str, corpus: str) -> list[int]:
        """Return the indexes whose chunks a model embedded, those of the corpus first, the newest first."""
        query = select(indexes.c.id).where(indexes.c.embedder == embedder)
        with reading(self._engine) as connection:
            return list(connection.scalars(query.order_by(indexes.c.corpus != corpus, indexes.c.id.desc())))

    def same_texts(self, index_ids: Sequence[int], hashes: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """Return the newest and the oldest chunk `(index_id, pk)` of each index with a text hash, seen or not."""
        place = (chunks.c.text_hash, chunks.c.index_id)
        query = select(*place, func.max(chunks.c.pk).label("newest"), func.min(chunks.c.pk).label("oldest"))
        found: dict[str, list[tuple[int, int]]] = {}
        with reading(self._engine) as connection:
            for i in range(0, len(hashes), _BATCH):
                chosen = chunks.c.text_hash.in_(hashes[i : i + _BATCH]) & chunks.c.index_id.in_(index_ids)
                for row in connection.execute(query.where(chosen).group_by(*place)):
                    pks = dict.fromkeys((row.newest, row.oldest))
                    found.setdefault(row.text_hash, []).extend((row.index_id, pk) for pk in pks)
        return found

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        """Return the chunks of a document that the generation sees, in reading order; none if it does not hold it."""
        condition = visible(chunks, generation.index_id, generation.id) & (documents.c.doc_id == doc_id)
        query = _chunk_query(condition).order_by(chunks.c.start, chunks.c.end)
        with reading(self._engine) as connection:
            return [_chunk(row) for row in connection.execute(query)]

    def children(self, generation: Generation, doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        """Return the chunks of a document whose parent is one of these ranges, in reading order."""
        if not parents:
            return []
        mine = visible(chunks, generation.index_id, generation.id) & (documents.c.doc_id == doc_id)
        ranges = [(chunks.c.parent_start == parent.start) & (chunks.c.parent_end == parent.end) for parent in parents]
        query = _chunk_query(mine & or_(*ranges)).order_by(chunks.c.start, chunks.c.end)
        with reading(self._engine) as connection:
            return [_chunk(row) for row in connection.execute(query)]

    def document(self, generation: Generation, doc_id: str) -> Document:
        """Return a document as the generation sees it."""
        query = select(documents).where(
            visible(documents, generation.index_id, generation.id), documents.c.doc_id == doc_id
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise DocumentNotFoundError(
                f"generation {generation.id} of {generation.corpus!r} has no document {doc_id!r}"
            )
        return _document(row)

    def documents(self, generation: Generation) -> Iterator[Document]:
        """Yield every document that the generation sees, by doc_id, one at a time."""
        query = select(documents.c.doc_id).where(visible(documents, generation.index_id, generation.id))
        with reading(self._engine) as connection:
            ids = sorted(connection.scalars(query))
        for doc_id in ids:
            yield self.document(generation, doc_id)

    def field_values(self, generation: Generation, field: str) -> frozenset[str]:
        """Return every value that a metadata field has in the documents of a generation, items of lists included."""
        chosen = visible(documents, generation.index_id, generation.id)
        with reading(self._engine) as connection:
            return frozenset(connection.scalars(values_of(field, chosen, self._engine.dialect.name)))

    def fields(self, generation: Generation) -> frozenset[str]:
        """Return the names of all metadata fields that documents of a generation have."""
        query = select(documents.c.metadata).where(visible(documents, generation.index_id, generation.id))
        with reading(self._engine) as connection:
            return frozenset(name for metadata in connection.scalars(query) for name in metadata)

    def texts(self, generation: Generation, filter: Filter) -> Iterator[str]:
        """Yield the id, title and clean text of every document that satisfies the filter, as one string each."""
        query = select(documents.c.doc_id, documents.c.title, documents.c.text)
        query = query.where(visible(documents, generation.index_id, generation.id))
        if filter:
            query = query.where(documents.c.pk.in_(matching_documents(filter, self._engine.dialect.name)))
        with reading(self._engine) as connection:
            for row in connection.execute(query.execution_options(yield_per=_READ)):
                yield f"{row.doc_id}\n{row.title}\n{row.text}"

    def matching(self, generation: Generation, filter: Filter) -> frozenset[int]:
        """Return the pks of visible chunks whose document's metadata satisfies the filter."""
        query = select(chunks.c.pk).where(visible(chunks, generation.index_id, generation.id))
        if filter:
            found = matching_documents(filter, self._engine.dialect.name)
            query = query.where(chunks.c.doc_pk.in_(found.where(documents.c.index_id == generation.index_id)))
        with reading(self._engine) as connection:
            return frozenset(connection.scalars(query))


class PinnedCatalogue(SqlCatalogue):
    """A catalogue in which one given generation is the live one, so that it can be asked before it is flipped to."""

    def __init__(self, engine: Engine, generation: Generation) -> None:
        super().__init__(engine)
        self._generation = generation

    def live(self, corpus: str) -> Generation:
        """Return the pinned generation.

        Raises:
            CorpusNotFoundError: it belongs to another corpus.
        """
        if corpus != self._generation.corpus:
            raise CorpusNotFoundError(f"generation {self._generation.id} is of {self._generation.corpus!r}")
        return self._generation


def visible(table: Any, index_id: int, generation: int) -> ColumnElement[bool]:
    """Return the condition under which rows of documents or chunks are seen by a generation."""
    condition: ColumnElement[bool] = (
        (table.c.index_id == index_id) & (table.c.added <= generation) & (table.c.removed > generation)
    )
    return condition


def _chunk_query(condition: ColumnElement[bool]) -> Select[Any]:
    return (
        select(chunks, documents.c.doc_id, documents.c.title, documents.c.uri, documents.c.metadata)
        .join(documents, documents.c.pk == chunks.c.doc_pk)
        .where(condition)
    )


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(
        chunk_id=row.chunk_id,
        doc_id=row.doc_id,
        span=Span(row.start, row.end),
        text=row.text,
        title=row.title,
        headings=tuple(row.headings),
        page=row.page,
        header=row.header,
        tokens=row.tokens,
        uri=row.uri,
        metadata=as_metadata(row.metadata),
        boxes=tuple(Box(*box) for box in row.boxes or ()),
        parent=Span(row.parent_start, row.parent_end) if row.parent_start is not None else None,
        tables=tuple(map(table_from_json, row.tables)) if row.tables is not None else None,
        pk=row.pk,
    )


def _document(row: Row[Any]) -> Document:
    return Document(
        doc_id=row.doc_id,
        title=row.title,
        text=row.text,
        blocks=tuple(block_from_json(item) for item in row.blocks),
        source_hash=row.source_hash,
        uri=row.uri,
        media_type=row.media_type,
        metadata=as_metadata(row.metadata),
        warnings=tuple(row.warnings),
    )


def block_to_json(block: Block) -> list[Any]:
    """Return the compact JSON form of a block."""
    shape = [block.kind, block.span.start, block.span.end, list(block.headings), block.level, block.page]
    boxes = [astuple(box) for box in block.boxes]
    if block.head is not None:
        return [*shape, boxes, block.head]
    return [*shape, boxes] if boxes else shape


def block_from_json(item: Sequence[Any]) -> Block:
    """Return the block of `block_to_json`."""
    kind, start, end, headings, level, page, *rest = item
    placed = tuple(Box(*box) for box in (rest[0] if rest else ()))
    return Block(kind, Span(start, end), tuple(headings), level, page, placed, rest[1] if len(rest) > 1 else None)

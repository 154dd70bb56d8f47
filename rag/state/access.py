"""The catalogue as one caller sees it: documents outside their access do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.conditions import Filter, matches
from rag.errors import DocumentNotFoundError
from rag.state.reader import SqlCatalogue
from rag.types import Chunk, Document, Generation, Span


class AccessCatalogue:
    """`rag.ports.Catalogue` over another one, without the documents that do not satisfy `access`."""

    def __init__(self, catalogue: SqlCatalogue, access: Filter) -> None:
        self._catalogue = catalogue
        self._access = access

    def live(self, corpus: str) -> Generation:
        """Return the live generation of a corpus; which corpora exist is no secret."""
        return self._catalogue.live(corpus)

    def corpora(self) -> list[str]:
        """Return the names of all corpora that have a live generation."""
        return self._catalogue.corpora()

    def chunks(self, pks: Sequence[int]) -> dict[int, Chunk]:
        """Return the chunks that exist, by pk."""
        found = self._catalogue.chunks(pks)
        return {pk: chunk for pk, chunk in found.items() if matches(chunk.metadata, self._access)}

    def document(self, generation: Generation, doc_id: str) -> Document:
        """Return a document as the generation sees it.

        Raises:
            DocumentNotFoundError: the generation does not hold it, or it is outside the access: the two look the same.
        """
        found = self._catalogue.document(generation, doc_id)
        if not matches(found.metadata, self._access):
            raise DocumentNotFoundError(
                f"generation {generation.id} of {generation.corpus!r} has no document {doc_id!r}"
            )
        return found

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        """Return the chunks of a document that the generation sees, in reading order; none if it does not hold it."""
        found = self._catalogue.document_chunks(generation, doc_id)
        return [chunk for chunk in found if matches(chunk.metadata, self._access)]

    def children(self, generation: Generation, doc_id: str, parents: Sequence[Span]) -> list[Chunk]:
        """Return the chunks of a document whose parent is one of these ranges, in reading order."""
        found = self._catalogue.children(generation, doc_id, parents)
        return [chunk for chunk in found if matches(chunk.metadata, self._access)]

    def matching(self, generation: Generation, filter: Filter) -> frozenset[int]:
        """Return the pks of visible chunks whose document's metadata satisfies the filter."""
        return self._catalogue.matching(generation, (*filter, *self._access))

    def texts(self, generation: Generation, filter: Filter) -> Iterator[str]:
        """Yield the id, title and clean text of every document that satisfies the filter, as one string each."""
        return self._catalogue.texts(generation, (*filter, *self._access))

    def chunk_count(self, generation: Generation) -> int:
        """Return how many chunks the generation sees, whoever asks."""
        return self._catalogue.chunk_count(generation)

    def field_values(self, generation: Generation, field: str) -> frozenset[str]:
        """Return every value that a metadata field has in the documents of a generation, items of lists included."""
        return self._catalogue.field_values(generation, field)

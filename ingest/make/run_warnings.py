"""What is said once about all documents of a run: languages that the models do not read, cut words, bare chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.make.languages import FIELD, STEMMERS
from rag.settings import Settings
from rag.types import Chunk, Document

_OFTEN = 0.05
_UNSPACED = "\u0e00"
"""From Thai on, scripts are met that put no spaces between words."""


@dataclass(slots=True)
class Tally:
    """Counts over the documents of one run."""

    documents: int = 0
    chunks: int = 0
    bare: int = 0
    cut_words: int = 0
    languages: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document, chunks: Sequence[Chunk]) -> None:
        """Count a document and its chunks."""
        self.documents += 1
        self.chunks += len(chunks)
        self.languages[str(document.metadata.get(FIELD, ""))] += 1
        self.bare += sum(not chunk.header and bool(chunk.title or chunk.headings) for chunk in chunks)
        self.cut_words += sum(_ends_in_a_word(document.text, chunk.span.end) for chunk in chunks)

    def warnings(self, settings: Settings, reads: Collection[str]) -> Iterator[str]:
        """Yield what a user should know; `reads` are the embedder's languages, empty where they are not known."""
        yield from self._of_sizes(settings)
        yield from self._of_languages(settings, reads)

    def _of_sizes(self, settings: Settings) -> Iterator[str]:
        size = settings.ingest.chunker.max_tokens
        if self.cut_words:
            yield (
                f"{self.cut_words} of {self.chunks} chunks end inside a word, for it alone is longer than"
                f" ingest.chunker.max_tokens ({size}); is it encoded data?"
            )
        if settings.ingest.chunker.header and self.bare > _OFTEN * self.chunks:
            yield (
                f"{self.bare} of {self.chunks} chunks are embedded without their title and headings, which do not fit"
                f" a third of ingest.chunker.max_tokens ({size}); raise it, or shorten the titles"
            )

    def _of_languages(self, settings: Settings, reads: Collection[str]) -> Iterator[str]:
        model, stemmer = settings.embedder.model, settings.bm25.stemmer
        unread = self._others(reads)
        if reads and unread:
            yield (
                f"{self._said(unread)}; the embedder {model} reads {', '.join(sorted(reads))}: set embedder.model to a"
                " multilingual model (a folder, or with embedder.runtime=torch a hub id such as"
                " intfloat/multilingual-e5-small)"
            )
        unstemmed = self._others({STEMMERS[stemmer]}) if stemmer in STEMMERS else []
        if unstemmed:
            fitting = next((name for name, language in STEMMERS.items() if language == unstemmed[0]), "")
            choice = f"{fitting} if that is the language of most, else to none" if fitting else "none"
            known = f"the stemmer {stemmer} is for {STEMMERS[stemmer]}"
            yield f"{self._said(unstemmed)}; {known}: set bm25.stemmer to {choice}"

    def _others(self, known: Collection[str]) -> list[str]:
        """Return the languages that are not among those known, the most frequent first."""
        return [code for code, _ in sorted(self.languages.items(), key=_by_count) if code and code not in known]

    def _said(self, languages: Sequence[str]) -> str:
        count = sum(self.languages[code] for code in languages)
        noun, verb = "document" if self.documents == 1 else "documents", "is" if count == 1 else "are"
        return f"{count} of {self.documents} {noun} {verb} in {', '.join(languages)}"


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _ends_in_a_word(text: str, end: int) -> bool:
    sides = text[end - 1 : end + 1]
    return len(sides) == 2 and all(not side.isspace() and side < _UNSPACED for side in sides)

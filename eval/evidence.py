"""What can be known about an answer beyond itself: the text at its citations, the chunks at gold, its support."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from eval.golden import Case, GoldSpan
from eval.golden.anchors import anchored
from eval.observation import Evidence, Excerpt, Range, SupportFinding
from rag.context.tags import untagged
from rag.errors import DocumentNotFoundError
from rag.ports import Verifier
from rag.types import Answer, Chunk, Document, Generation, Sentence, Span

_AROUND = 240
"""Characters shown before and after a passage."""
_LONGEST = 3_000
_KEPT = 64
_T = TypeVar("_T")


class Library(Protocol):
    """The part of the catalogue that scoring reads."""

    def document(self, generation: Generation, doc_id: str) -> Document:
        """Return a document as the generation sees it.

        Raises:
            DocumentNotFoundError: the generation does not hold it.
        """
        ...

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        """Return the chunks of a document that the generation sees; none if it does not hold it."""
        ...


class LibraryReader:
    """Reads what scoring needs from the catalogue; what it read last is kept."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._texts: dict[tuple[int, str], str | None] = {}
        self._chunks: dict[tuple[int, str], tuple[Range, ...]] = {}

    def place(self, case: Case, generation: Generation) -> Case:
        """Return the case with its passages anchored; those in documents that the corpus does not hold stay."""
        return replace(case, spans=tuple(self._placed(gold, generation) for gold in case.spans))

    def evidence(self, case: Case, answer: Answer) -> Evidence:
        """Return the texts at the answer's citations, the chunks that touch gold, and both in their sources."""
        generation = answer.context.search.generation
        cited = [citation for sentence in answer.sentences for citation in sentence.citations]
        touching = tuple(
            chunk
            for doc_id in {gold.doc_id for gold in case.spans}
            for chunk in self._ranges(generation, doc_id)
            if any(gold.doc_id == doc_id and gold.span.overlaps(Span(chunk.start, chunk.end)) for gold in case.spans)
        )
        ingested = bool(touching) if case.spans else any(self._text(generation, d) for d in case.doc_ids)
        shown = [Range(gold.doc_id, gold.span.start, gold.span.end) for gold in case.spans if not gold.lost]
        shown += [Range(citation.doc_id, citation.span.start, citation.span.end) for citation in cited]
        return Evidence(
            tuple(_slice(self._text(generation, c.doc_id), c.span.start, c.span.end) for c in cited),
            touching,
            ingested=ingested,
            sources=excerpts(shown, lambda doc_id: self._text(generation, doc_id)),
        )

    def _placed(self, gold: GoldSpan, generation: Generation) -> GoldSpan:
        text = self._text(generation, gold.doc_id)
        return gold if text is None else anchored(gold, text)

    def _text(self, generation: Generation, doc_id: str) -> str | None:
        return _kept(self._texts, (generation.id, doc_id), lambda: _read(self._library, generation, doc_id))

    def _ranges(self, generation: Generation, doc_id: str) -> tuple[Range, ...]:
        def read() -> tuple[Range, ...]:
            chunks = self._library.document_chunks(generation, doc_id)
            return tuple(Range(chunk.doc_id, chunk.span.start, chunk.span.end) for chunk in chunks)

        return _kept(self._chunks, (generation.id, doc_id), read)


def _kept(cache: dict[tuple[int, str], _T], key: tuple[int, str], read: Callable[[], _T]) -> _T:
    """Return a value of a small cache; threads may share it, and at worst read the same twice."""
    try:
        return cache[key]
    except KeyError:
        found = read()
    while len(cache) >= _KEPT:
        cache.pop(next(iter(cache), key), None)
    cache[key] = found
    return found


def excerpts(ranges: Iterable[Range], text_of: Callable[[str], str | None]) -> tuple[Excerpt, ...]:
    """Return the ranges in their surroundings; those that meet are one, and a long one is cut.

    Documents stand in the order of their first range; one that is not there is left out.
    """
    wanted: dict[str, list[Range]] = {}
    for item in ranges:
        wanted.setdefault(item.doc_id, []).append(item)
    found = []
    for doc_id, items in wanted.items():
        text = text_of(doc_id)
        if text is not None:
            found += [Excerpt(doc_id, start, text[start:end]) for start, end in _windows(items, len(text))]
    return tuple(found)


def _windows(ranges: Iterable[Range], length: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for item in sorted(ranges, key=lambda item: (item.start, item.end)):
        start, end = max(0, item.start - _AROUND), min(length, item.end + _AROUND)
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return [(start, min(end, start + _LONGEST)) for start, end in merged]


async def judge_support(sentences: Sequence[Sentence], verifier: Verifier | None) -> tuple[SupportFinding, ...]:
    """Ask for every sentence whether its citations support it: together, each alone, and without each.

    Without a verifier the runtime's finding on each citation alone stands in: together then means any of them, which
    is a lower bound of what they support jointly.
    """
    if verifier is None:
        return tuple(_from_answer(sentence) for sentence in sentences)
    claims = list(dict.fromkeys(claim for sentence in sentences for claim in _claims(sentence)))
    found = dict(zip(claims, await verifier.verify(claims), strict=True)) if claims else {}
    supported = {claim: support.supported for claim, support in found.items()}
    findings = []
    for sentence in sentences:
        joint, *parts = (supported.get(claim, False) for claim in _claims(sentence) or [("", "")])
        middle = len(sentence.citations)
        findings.append(SupportFinding(joint, tuple(parts[:middle]), tuple(parts[middle:])))
    return tuple(findings)


def _claims(sentence: Sentence) -> list[tuple[str, str]]:
    """Return `(claim, evidence)`: all quotes together, then each alone, then all but each; none if nothing is cited."""
    quotes = [citation.quote for citation in sentence.citations]
    if not quotes:
        return []
    claim = sentence.claim or untagged(sentence.text)
    without = ["\n".join(quotes[:i] + quotes[i + 1 :]) for i in range(len(quotes))]
    return [(claim, evidence) for evidence in ("\n".join(quotes), *quotes, *without)]


def _from_answer(sentence: Sentence) -> SupportFinding:
    alone = tuple(citation.support.supported for citation in sentence.citations)
    without = tuple(any(alone[:i] + alone[i + 1 :]) for i in range(len(alone)))
    return SupportFinding(any(alone), alone, without)


def _read(library: Library, generation: Generation, doc_id: str) -> str | None:
    try:
        return library.document(generation, doc_id).text
    except DocumentNotFoundError:
        return None


def _slice(text: str | None, start: int, end: int) -> str | None:
    return None if text is None or end > len(text) else text[start:end]

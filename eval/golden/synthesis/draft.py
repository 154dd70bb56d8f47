"""What a template makes: a question with the place that answers it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from eval.golden.sections import heading_text
from rag.types import Document, Span

_CAPITALISED = re.compile(r"A|[A-Z][a-z]+(?:-[a-z]+)*")
_TOP = 3
_DETERMINERS = frozenset("a all an each every most no some the your".split())


@dataclass(frozen=True, slots=True)
class Place:
    """A range of one document's clean text."""

    doc_id: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A question, its answer and the places that hold the answer, before any filter.

    `entity` is the part of the question that names what it is about; `negated` asks the same with the opposite
    polarity; `section` is where it was found (the unit of resampling).
    """

    question: str
    answer: str
    places: tuple[Place, ...]
    template: str
    section: str
    entity: str = ""
    negated: str = ""

    @property
    def doc_id(self) -> str:
        """The document of the first place."""
        return self.places[0].doc_id

    def qualified(self, source: str) -> Draft:
        """Return the draft asking what one source says."""
        rest = _lower_first_word(self.question)
        return replace(self, question=f"According to “{source}”, {rest}", negated="")


def place(document: Document, start: int, end: int) -> Place:
    """Return a range of a document without the white space at its ends."""
    text = document.text[start:end]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    return Place(document.doc_id, Span(start, start + len(text)), text)


def lines(document: Document, span: Span) -> Iterator[tuple[int, str]]:
    """Yield every line of a range with where it starts."""
    at = span.start
    for line in document.text[span.start : span.end].split("\n"):
        yield at, line
        at += len(line) + 1


def lowered(words: str, document: Document) -> str:
    """Return a phrase as it stands inside a sentence: its first word small, unless the document spells it otherwise."""
    first = words.split(" ", 1)[0]
    if not _CAPITALISED.fullmatch(first):
        return words
    small = first.lower()
    inside = len(re.findall(rf"(?<=[a-z,;] ){re.escape(first)}\b", document.text))
    if small in _DETERMINERS or len(re.findall(rf"\b{re.escape(small)}\b", document.text)) >= inside:
        return small + words[len(first) :]
    return words


def name_of(document: Document) -> str:
    """Return what a reader calls a document: its title, or the heading at its top where that says more, else its file.

    A title that asks, ends like a sentence, or is a heading from the middle of the text, names no document.
    """
    heads = [block for block in document.blocks if block.kind == "heading"]
    top = heading_text(heads[0].headings[-1]) if heads and heads[0] in document.blocks[:_TOP] else ""
    title = document.title
    if title and title.casefold() in top.casefold():
        title = top
    below = {heading_text(block.headings[-1]) for block in heads[1:]} - {top}
    if title and title not in below and not title.endswith(("?", ".", ":", "!")):
        return title
    return PurePosixPath(document.doc_id).stem.replace("_", " ").replace("-", " ")


def _lower_first_word(question: str) -> str:
    return question[0].lower() + question[1:]

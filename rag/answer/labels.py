"""Short lines that only say what the lines around them are of ("Invoice 7103", "Certificate C-882"); pure.

Where a form has no headings, such a line tells whose total stands below it. It is no answer itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Protocol, TypeVar

from rag.answer.mentions import folded, is_code, tokens_in
from rag.context.terms import content_terms

_SENTENCE = re.compile(r"[.!?…:;。！？][\"'”’)*_`]*$")
_FIGURES = re.compile(r"\d+")
_LONGEST = 60
NUMBER_SIGNS = frozenset(("no", "nr", "number", "#"))


class Line(Protocol):
    """A sentence or a table row; only a row has cells. `source` is the section that it stands in."""

    @property
    def text(self) -> str:
        """As the source has it."""
        ...

    @property
    def cells(self) -> Sequence[str]:
        """The cells of a row."""
        ...

    @property
    def source(self) -> tuple[int, int]:
        """The section."""
        ...


L = TypeVar("L", bound=Line)


def labelled(question: str, lines: Sequence[L]) -> list[tuple[L, str]]:
    """Return the lines that are no labels, each with its label, or nothing.

    A label is a short line that says no more than the question but for figures: "Invoice 7102" for one about invoice
    7103. It stands above or below what it names.
    """
    forms = _forms(question)
    if not forms:
        return [(line, "") for line in lines]
    said = frozenset((*content_terms(_FIGURES.sub(" ", question)), *NUMBER_SIGNS))
    groups = (list(group) for _, group in groupby(lines, key=lambda line: line.source))
    return [pair for group in groups for pair in _in_passage(group, [_is_label(line, forms, said) for line in group])]


def _in_passage(lines: Sequence[L], marks: Sequence[bool]) -> Iterator[tuple[L, str]]:
    """Yield the lines that are no labels with theirs: the one before, or the one after where labels come last."""
    texts = list(dict.fromkeys(line.text for line, mark in zip(lines, marks, strict=True) if mark))
    if len(texts) > 1 and marks[-1] and not marks[0]:
        yield from reversed(list(_in_passage(lines[::-1], marks[::-1])))
        return
    above = texts[0] if len(texts) == 1 else ""
    for line, mark in zip(lines, marks, strict=True):
        if mark:
            above = line.text
        else:
            yield line, above


def _is_label(line: Line, forms: frozenset[str], said: frozenset[str]) -> bool:
    if line.cells or len(line.text) > _LONGEST or _SENTENCE.search(line.text):
        return False
    own = _forms(line.text)
    return bool(own) and own <= forms and said.issuperset(content_terms(_FIGURES.sub(" ", line.text)))


def _forms(text: str) -> frozenset[str]:
    """Return the identifiers of a text with # for figures; a number is one with the word before it."""
    tokens = [flat for token in tokens_in(text) if (flat := folded(token)) not in NUMBER_SIGNS]
    return frozenset(_FIGURES.sub("#", form) for form in _identifiers(tokens))


def _identifiers(tokens: Sequence[str]) -> Iterator[str]:
    for before, token in pairwise(("", *tokens)):
        if is_code(token):
            yield token
        elif token.isdecimal() and before.isalpha():
            yield f"{before} {token}"

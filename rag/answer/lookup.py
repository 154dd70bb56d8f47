"""Look-ups of an identifier in a table: which rows hold it, and whether they have what is asked; pure.

An identifier is a word with figures (`T-250`, `0x80070005`), a number, or words joined by signs (`net.mtu`, `C++`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol, TypeVar

from rag.answer.labels import NUMBER_SIGNS, labelled
from rag.answer.mentions import folded, is_code, tokens_in
from rag.context.terms import content_terms

_NUMBER = re.compile(r"#?\d[\d.,:/-]*")
_JOINED = re.compile(r"\w+(?:[._/:\\]+\w+)+|[A-Za-z]+(?:\+\+|#)")
_EDGES = re.compile(r"^[\W_]+|(?:[^\w+#]|_)+$")
_VERSION = re.compile(r"^v(?=\d)")

_ASKING = frozenset(content_terms("many mean stand tell know show look find detail information entry row"))
_ALSO = {"cost": ("price", "fee", "charg", "rate", "amount")}
_HOW_TO = re.compile(r"\s*(?:why|how (?:do|does|did|can|could|should|would|to|is|are|was|were))\b", re.IGNORECASE)
_TELLING = 3  # characters of a number or word that is not likely to be there by chance
_FORM = 3  # characters: a word that begins another one counts as a form of it


@dataclass(frozen=True, slots=True)
class _Key:
    """An identifier as it is compared; `code`: it tells by itself, in any cell; `before` is the word before it."""

    text: str
    code: bool
    before: str


class Statement(Protocol):
    """A sentence or a table row; only a row has cells. `heads` are the cells of the header row above it."""

    @property
    def text(self) -> str:
        """As the source has it."""
        ...

    @property
    def cells(self) -> Sequence[str]:
        """The cells of a row."""
        ...

    @property
    def heads(self) -> Sequence[str]:
        """The name of each cell, as far as the row has a header."""
        ...

    @property
    def above(self) -> str:
        """Title and headings."""
        ...

    @property
    def headings(self) -> Sequence[str]:
        """The headings above it, outermost first."""
        ...

    @property
    def source(self) -> tuple[int, int]:
        """The section that it stands in."""
        ...


S = TypeVar("S", bound=Statement)


def narrowed(question: str, statements: Sequence[S]) -> list[S]:
    """Return what may answer a look-up: rows that hold what is looked up, and sentences that name it.

    Where no row holds an identifier of the question, it is what stands below a heading that names one ("Invoice 7103"),
    and where no heading does, all statements. Where there are several identifiers, the rows or headings that hold the
    most of them count.
    """
    keys, pairs = _keys(question), labelled(question, statements)
    labels = {id(statement): label for statement, label in pairs}
    statements = [statement for statement, _ in pairs]
    held, rest = _holders(question, statements), _rest(question)
    found = (
        [row for row in held if _has(row, rest)]
        or held
        or _named_rows(question, statements)
        or _below(keys, statements, labels)
    )
    if not found:
        return [statement for statement in statements if not labels[id(statement)]]
    chosen = {id(statement) for statement in found}
    return [s for s in statements if id(s) in chosen or (not s.cells and any(_names(key.text, s.text) for key in keys))]


def answered(question: str, statements: Sequence[Statement]) -> bool:
    """Say whether a row holds what a question looks up and, with its header and headings, all else that it asks for."""
    rest = _rest(question)
    return any(_has(row, rest) for row in _holders(question, statements)) or bool(_named_rows(question, statements))


def _rest(question: str) -> list[str]:
    """Return the terms of a question beside its identifiers and the words of asking."""
    known = {term for key in _keys(question) for term in _terms(key.text)} | _ASKING
    return [term for term in _terms(question) if term not in known]


def _has(row: Statement, wanted: Sequence[str]) -> bool:
    """Say whether a row, with its header and headings, has all the terms."""
    text = " ".join((*row.cells, *row.heads, row.above))
    return all(_covers(text, term) for term in wanted)


def _named_rows(question: str, statements: Sequence[S]) -> list[S]:
    """Return the rows whose first cell the question names and that have, with what is above them, all that it asks.

    "What does the roast cost?" is answered by the row `Roast`, "What is the noise level?" by the row `Noise level`.
    """
    asked = frozenset() if _HOW_TO.match(question) else frozenset(_terms(question))
    wanted = [term for term in asked if term not in _ASKING]
    named = (s for s in statements if len(s.cells) > 1 and (first := _terms(s.cells[0])) and asked.issuperset(first))
    return [row for row in named if _has(row, wanted)]


def _holders(question: str, statements: Sequence[S]) -> list[S]:
    """Return the rows that hold the most of the question's identifiers, if any holds one."""
    keys = _keys(question)
    rows = [statement for statement in statements if statement.cells] if keys else []
    counts = [sum(_holds(row, key) for key in keys) for row in rows]
    most = max(counts, default=0)
    return [row for row, count in zip(rows, counts, strict=True) if count == most > 0]


def _below(keys: Sequence[_Key], statements: Sequence[S], labels: Mapping[int, str]) -> list[S]:
    """Return the statements whose headings or labels name the most identifiers, if any names one."""
    above = [(*statement.headings, labels[id(statement)]) for statement in statements]
    counts = [sum(_is_named(key, names) for key in keys) for names in above]
    most = max(counts, default=0)
    return [statement for statement, count in zip(statements, counts, strict=True) if count == most > 0]


def _is_named(key: _Key, headings: Sequence[str]) -> bool:
    """Say whether a heading names an identifier; a number counts only with the word before it in the question."""
    named = [heading for heading in headings if _names(key.text, heading)]
    return any(key.code or any(_covers(heading, term) for term in _terms(key.before)) for heading in named)


def _keys(question: str) -> list[_Key]:
    tokens = [token for token in tokens_in(question) if folded(token) not in NUMBER_SIGNS]
    found = {_key(token): (token, before) for before, token in pairwise(["", *tokens]) if _is_identifier(token)}
    return [_Key(text, is_code(token), before) for text, (token, before) in found.items() if text]


def _is_identifier(token: str) -> bool:
    return is_code(token) or bool(_NUMBER.fullmatch(token) or _JOINED.fullmatch(token))


def _holds(row: Statement, key: _Key) -> bool:
    """Say whether a row is found under an identifier.

    A number may count anything: it stands behind the word before it in the question (`Depot 6`), or it is a whole
    cell, in the first column or below that word.
    A short one must have that word (`level 1`), for it stands in many first columns.
    """
    if key.code:
        return _names(key.text, row.text)
    called = f"{folded(key.before)} {key.text}"
    if key.before and any(_names(called, cell) for cell in row.cells):
        return True
    places = [i for i, cell in enumerate(row.cells) if _key(cell) == key.text]
    named = (i < len(row.heads) and any(_covers(row.heads[i], term) for term in _terms(key.before)) for i in places)
    return (0 in places and len(key.text) >= _TELLING) or any(named)


def _names(key: str, text: str) -> bool:
    """Say whether a text holds an identifier, not as a part of a longer one: `v1.1` is not in `v1.10` or `v1.1.3`."""
    pattern = rf"(?<![a-z0-9])(?<![a-z0-9][-._/])v?{re.escape(key)}(?![a-z0-9])(?![-._/][a-z0-9])"
    flat = folded(text)
    return key in flat and re.search(pattern, flat) is not None


def _key(text: str) -> str:
    """Return an identifier or a cell as it is compared: without case, marks around it, and the v of a version."""
    return _VERSION.sub("", _EDGES.sub("", folded(text)))


@lru_cache(maxsize=1024)
def _terms(text: str) -> tuple[str, ...]:
    return tuple(content_terms(text))


def _covers(text: str, wanted: str) -> bool:
    """Say whether a text has the wanted term or a form of it: `owner` for `own`, `released` for `releas`."""
    forms = (wanted, *_ALSO.get(wanted, ()))
    return any(_same(term, form) for term in _terms(text) for form in forms)


def _same(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return a == b or (len(short) >= _FORM and short.isalpha() and long.startswith(short))

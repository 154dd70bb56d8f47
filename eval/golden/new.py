"""A case that is about to be written: a line of `questions.jsonl` before any reader has checked it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eval.files import JsonTree
from rag.types import Turn

_OPTIONAL = {"optional": True}
"""A field that is None has no key in the line."""


@dataclass(frozen=True, slots=True)
class NewSpan:
    """A gold passage at `[start, end)` of its document."""

    doc_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a document a question was drafted."""

    doc_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Drafted:
    """The provenance of a synthetic case; `change` says how its draft was asked otherwise."""

    source: str
    template: str
    seed: int
    drafted_at: Place
    change: str | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """A line of `questions.jsonl` (`eval.golden.rows.CaseRow`), its keys in the order in which they are written.

    `relevant` holds document ids or spans. `provenance` is a word, or says more in a mapping.
    """

    id: str
    question: str
    answers: Sequence[str] = ()
    relevant: Sequence[str | NewSpan] = ()
    answerable: bool
    expect: str | None = field(default=None, metadata=_OPTIONAL)
    kind: str | None = field(default=None, metadata=_OPTIONAL)
    tags: Sequence[str] | None = field(default=None, metadata=_OPTIONAL)
    cluster: str | None = field(default=None, metadata=_OPTIONAL)
    split: str | None = field(default=None, metadata=_OPTIONAL)
    synthetic: bool | None = field(default=None, metadata=_OPTIONAL)
    history: Sequence[Turn] | None = field(default=None, metadata=_OPTIONAL)
    provenance: str | Drafted | JsonTree
    description: str | None = field(default=None, metadata=_OPTIONAL)

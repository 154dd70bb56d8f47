"""Golden sets: strict reading, selection, and the log of every opening of the sealed split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from eval.golden.rows import (
    CaseRow,
    DocumentTexts,
    Expect,
    Kind,
    SpanRow,
    Split,
    followed,
    gold_document,
    read_bytes,
    read_rows,
    row_problems,
)
from rag.errors import ConfigError, GoldenSetError
from rag.types import Span, Turn

_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """A labelled range of one document's clean text; `text` is what stands there.

    `lost` says that the corpus asked does not have that text in the document any more.
    """

    doc_id: str
    span: Span
    text: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its labels.

    Gold is `spans`, or `doc_ids` alone where the set labels whole documents; both empty means that retrieval cannot be
    scored. `cluster` is the unit of resampling. `rubrics` says what an answer is judged by; `provenance` where the case
    comes from, and `synthetic` that no person asked it. `fields` holds every scalar of the row as text, for `--where`.
    """

    id: str
    question: str
    answerable: bool
    expect: Expect
    answers: tuple[str, ...] = ()
    doc_ids: tuple[str, ...] = ()
    spans: tuple[GoldSpan, ...] = ()
    history: tuple[Turn, ...] = ()
    kind: Kind = "golden"
    tags: tuple[str, ...] = ()
    cluster: str = ""
    split: Split | None = None
    rubrics: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    synthetic: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """A named set of cases in file order. `sha256` is that of `questions.jsonl`, whatever was selected from it.

    `notes` name the gold passages that stand elsewhere in their documents than the file says.
    """

    name: str
    folder: Path
    documents: Path
    cases: tuple[Case, ...]
    sha256: str
    split: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def primary(self) -> str:
        """The metric that decides on this set, named before any run: span recall at equal budget, else nDCG@10."""
        return "recall@4000ch" if any(case.spans for case in self.cases) else "nDCG@10"


def load_golden(folder: Path) -> GoldenSet:
    """Read and check a golden-set folder: `questions.jsonl` beside `docs/` or `documents.jsonl`.

    The documents may be live (`docs` a link to where they are written): gold follows its text, see `rows.followed`.

    Raises:
        GoldenSetError: with all `problems`, each with file, line and field; its message shows the first.
    """
    questions = folder / "questions.jsonl"
    if not questions.is_file():
        raise GoldenSetError(f"{folder} is no golden set: it has no questions.jsonl")
    problems: list[str] = []
    documents = _documents_path(folder)
    texts = DocumentTexts(documents, problems)
    raw = read_bytes(questions)
    cases: list[Case] = []
    notes: list[str] = []
    seen: set[str] = set()
    for place, tree, row in read_rows(questions.name, raw, CaseRow, problems):
        if row.id in seen:
            problems.append(f"{place}: id: {row.id!r} was used before")
        seen.add(row.id)
        row, moved = followed(row, texts)
        notes += (f"{place}: {note}" for note in moved)
        problems.extend(f"{place}: {problem}" for problem in row_problems(row, tree.keys(), texts))
        cases.append(_case(row, tree))
    _raise_all(folder, problems)
    if not cases:
        raise GoldenSetError(f"{questions} holds no question")
    digest = hashlib.sha256(raw).hexdigest()
    return GoldenSet(folder.resolve().name, folder, documents, tuple(cases), digest, notes=tuple(notes))


def select_cases(golden: GoldenSet, split: str | None = None, where: Sequence[str] = ()) -> GoldenSet:
    """Return the set with only the cases of a split and of every `key=value` condition (for `tags`: one of them).

    Raises:
        ConfigError: a condition is malformed, names a field that no case has, or nothing is left.
    """
    conditions = dict(_condition(item) for item in where)
    known = {key for case in golden.cases for key in case.fields} | {"tags"}
    for key in conditions:
        if key not in known:
            raise ConfigError(f"--where {key}: no case of {golden.name!r} has it; fields: {', '.join(sorted(known))}")
    kept = tuple(
        case
        for case in golden.cases
        if split in (None, case.split) and all(_matches(case, key, value) for key, value in conditions.items())
    )
    if not kept:
        splits = ", ".join(sorted({str(case.split) for case in golden.cases}))
        raise ConfigError(f"no case of {golden.name!r} is left by the selection (its splits: {splits})")
    return replace(golden, cases=kept, split=split, where=conditions)


def open_golden(
    folder: Path, *, home: Path, now: datetime, split: str | None = None, where: Sequence[str] = ()
) -> GoldenSet:
    """Load and select the cases of a run; if sealed ones are among them, say so in `<home>/sealed.log` first.

    Raises:
        GoldenSetError: the set breaks its schema.
        ConfigError: the selection is wrong or empty, or the log cannot be written.
    """
    golden = select_cases(load_golden(folder), split, where)
    sealed = sum(case.split == "sealed" for case in golden.cases)
    if sealed:
        _log_opening(golden, sealed, home, now)
    return golden


def _log_opening(golden: GoldenSet, sealed: int, home: Path, now: datetime) -> None:
    entry = {"at": now.isoformat(), "set": golden.name, "sha256": golden.sha256, "sealed_cases": sealed}
    entry |= {"split": golden.split, "where": dict(golden.where)}
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / "sealed.log").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot log the opening of sealed cases in {home}: {error.strerror}") from error


def _documents_path(folder: Path) -> Path:
    listing, files = folder / "documents.jsonl", folder / "docs"
    if listing.is_file() and files.is_dir():
        raise GoldenSetError(f"{folder} has both docs/ and documents.jsonl; keep the one that the labels refer to")
    if listing.is_file():
        return listing
    if files.is_dir():
        return files
    raise GoldenSetError(f"{folder} has neither docs/ nor documents.jsonl")


def _case(row: CaseRow, tree: Mapping[str, Any]) -> Case:
    spans = tuple(
        GoldSpan(gold.doc_id, Span(gold.start, gold.end), gold.text)
        for gold in row.relevant
        if isinstance(gold, SpanRow) and gold.end > gold.start
    )
    ids = [gold_document(gold) for gold in row.relevant]
    expect = row.expect or ("answer" if row.answerable else "abstain")
    defaults = {"kind": row.kind, "expect": expect, "cluster": row.cluster or row.id, "synthetic": row.synthetic}
    scalars = {key: _text(value) for key, value in (defaults | dict(tree)).items() if _is_scalar(value)}
    return Case(
        id=row.id,
        question=row.question,
        answerable=row.answerable,
        expect=expect,
        answers=tuple(row.answers),
        doc_ids=tuple(dict.fromkeys(ids)),
        spans=spans,
        history=tuple(Turn("user" if turn.role == "user" else "assistant", turn.text) for turn in row.history),
        kind=row.kind,
        tags=tuple(row.tags),
        cluster=row.cluster or row.id,
        split=row.split,
        rubrics=row.rubrics,
        provenance=row.provenance,
        synthetic=row.synthetic,
        fields=scalars,
    )


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool | int | float)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition(item: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not key or not equals:
        raise ConfigError(f"--where needs key=value, got {item!r}")
    return key, value


def _matches(case: Case, key: str, value: str) -> bool:
    return value in case.tags if key == "tags" else case.fields.get(key) == value


def _raise_all(folder: Path, problems: Sequence[str]) -> None:
    if not problems:
        return
    lines = [" ".join(problem.split()) for problem in problems]
    left = len(lines) - _SHOWN_PROBLEMS
    more = f" (and {left} more; list them with: ragwright golden check {folder})" if left > 0 else ""
    raise GoldenSetError(f"{folder}: {'; '.join(lines[:_SHOWN_PROBLEMS])}{more}", lines)

"""Golden sets: strict reading, selection, and the log of every opening of the sealed split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, StrictInt, Tag, ValidationError

from rag.errors import ConfigError, GoldenSetError
from rag.types import Span, Turn

Kind = Literal["golden", "edge", "adversarial", "regression"]
Expect = Literal["answer", "abstain", "clarify"]
Split = Literal["dev", "select", "sealed"]

_SHOWN_PROBLEMS = 5
_PLAIN_TEXT = {".md", ".txt"}  # formats whose clean text is the file's text, so gold offsets can be checked here


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
    scored. `cluster` is the unit of resampling. `rubrics` says what an answer is judged by. `fields` holds every scalar
    of the row as text, for `--where`.
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
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """A named set of cases in file order. `sha256` is that of `questions.jsonl`, whatever was selected from it."""

    name: str
    folder: Path
    documents: Path
    cases: tuple[Case, ...]
    sha256: str
    split: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    @property
    def primary(self) -> str:
        """The metric that decides on this set, named before any run: span recall at equal budget, else nDCG@10."""
        return "recall@4000ch" if any(case.spans for case in self.cases) else "nDCG@10"


class _SpanRow(BaseModel):
    model_config = ConfigDict(extra="ignore")
    doc_id: str = Field(min_length=1)
    start: StrictInt = Field(ge=0)
    end: StrictInt
    text: str


def _gold_form(value: object) -> str:
    return "<id>" if isinstance(value, str) else "<span>"


_Gold = Annotated[
    Annotated[str, Field(min_length=1), Tag("<id>")] | Annotated[_SpanRow, Tag("<span>")], Discriminator(_gold_form)
]


class _TurnRow(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["user", "assistant", "agent"]
    text: str


class _CaseRow(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str = Field(min_length=1)
    question: str = Field(pattern=r"\S")
    relevant: list[_Gold]
    answerable: StrictBool
    answers: list[str] = []
    expect: Expect | None = None
    history: list[_TurnRow] = []
    kind: Kind = "golden"
    tags: list[str] = []
    cluster: str | None = None
    split: Split | None = None
    rubrics: dict[str, str] = {}


class _DocumentRow(BaseModel):
    model_config = ConfigDict(extra="ignore")
    doc_id: str = Field(min_length=1)
    title: str = ""
    text: str


_Row = TypeVar("_Row", bound=BaseModel)


def load_golden(folder: Path) -> GoldenSet:
    """Read and check a golden-set folder: `questions.jsonl` beside `docs/` or `documents.jsonl`.

    Raises:
        GoldenSetError: the first problems found, each with file, line and field.
    """
    questions = folder / "questions.jsonl"
    if not questions.is_file():
        raise GoldenSetError(f"{folder} is no golden set: it has no questions.jsonl")
    problems: list[str] = []
    documents = _documents_path(folder)
    texts = _Texts(documents, problems)
    raw = _read_bytes(questions)
    cases: list[Case] = []
    seen: set[str] = set()
    for place, tree, row in _rows(questions.name, raw, _CaseRow, problems):
        if row.id in seen:
            problems.append(f"{place}: id: {row.id!r} was used before")
        seen.add(row.id)
        problems.extend(f"{place}: {problem}" for problem in _row_problems(row, texts))
        cases.append(_case(row, tree))
    _raise_first(folder, problems)
    if not cases:
        raise GoldenSetError(f"{questions} holds no question")
    return GoldenSet(folder.resolve().name, folder, documents, tuple(cases), hashlib.sha256(raw).hexdigest())


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


class _Texts:
    """Clean texts of a set's documents where they can be known without partitioning."""

    def __init__(self, documents: Path, problems: list[str]) -> None:
        self._documents = documents
        self._texts: dict[str, str | None] = {}
        if documents.is_file():
            for place, _, row in _rows(documents.name, _read_bytes(documents), _DocumentRow, problems):
                if row.doc_id in self._texts:
                    problems.append(f"{place}: doc_id: {row.doc_id!r} was used before")
                self._texts[row.doc_id] = _clean(row.text)
        else:
            for path in sorted(documents.rglob("*")):
                if path.is_file():
                    self._texts[path.relative_to(documents).as_posix()] = None

    def __contains__(self, doc_id: str) -> bool:
        return doc_id in self._texts

    def get(self, doc_id: str) -> str | None:
        """Return a document's clean text, or None where only a partitioner can tell."""
        if self._texts[doc_id] is None and Path(doc_id).suffix.lower() in _PLAIN_TEXT:
            try:
                self._texts[doc_id] = _clean((self._documents / doc_id).read_bytes().decode("utf-8-sig"))
            except (OSError, UnicodeDecodeError) as error:
                raise GoldenSetError(f"cannot read {self._documents / doc_id}: {error}") from error
        return self._texts[doc_id]


def _clean(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _documents_path(folder: Path) -> Path:
    listing, files = folder / "documents.jsonl", folder / "docs"
    if listing.is_file() and files.is_dir():
        raise GoldenSetError(f"{folder} has both docs/ and documents.jsonl; keep the one that the labels refer to")
    if listing.is_file():
        return listing
    if files.is_dir():
        return files
    raise GoldenSetError(f"{folder} has neither docs/ nor documents.jsonl")


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GoldenSetError(f"cannot read {path}: {error.strerror}") from error


def _rows(
    name: str, raw: bytes, model: type[_Row], problems: list[str]
) -> Iterator[tuple[str, Mapping[str, Any], _Row]]:
    """Yield place, raw tree and model of every good line; add what is wrong with the others to `problems`."""
    for number, line in enumerate(raw.split(b"\n"), start=1):
        place = f"{name}:{number}"
        if not line.strip():
            continue
        try:
            tree = json.loads(line.decode("utf-8-sig"))
            yield place, tree, model.model_validate(tree)
        except ValidationError as error:
            problems.extend(f"{place}: {_field(item['loc'])}: {item['msg']}" for item in error.errors())
        except ValueError as error:
            problems.append(f"{place}: not a JSON object in UTF-8: {error}")


def _field(loc: tuple[int | str, ...]) -> str:
    # pydantic names the member of a union that it chose; the reader of the message has only the field
    return ".".join(str(part) for part in loc if not str(part).startswith("<")) or "row"


def _row_problems(row: _CaseRow, texts: _Texts) -> Iterator[str]:
    if row.expect and (row.expect == "answer") != row.answerable:
        yield f"expect: {row.expect!r} contradicts answerable = {str(row.answerable).lower()}"
    if len({_gold_form(gold) for gold in row.relevant}) > 1:
        yield "relevant: mixes document ids and spans; use one form in a case"
    for i, gold in enumerate(row.relevant):
        doc_id = _doc_id(gold)
        if doc_id not in texts:
            yield f"relevant.{i}.doc_id: there is no document {doc_id!r}"
        elif isinstance(gold, _SpanRow):
            yield from (f"relevant.{i}.{problem}" for problem in _span_problems(gold, texts.get(doc_id)))


def _doc_id(gold: str | _SpanRow) -> str:
    return gold if isinstance(gold, str) else gold.doc_id


def _span_problems(gold: _SpanRow, text: str | None) -> Iterator[str]:
    if gold.end <= gold.start:
        yield f"end: {gold.end} is not after start {gold.start}"
    elif text is not None and gold.end > len(text):
        yield f"end: {gold.end} is beyond the document's {len(text)} characters"
    elif text is not None and text[gold.start : gold.end] != gold.text:
        yield f"text: the document says {text[gold.start : gold.end][:40]!r} there, not {gold.text[:40]!r}"


def _case(row: _CaseRow, tree: Mapping[str, Any]) -> Case:
    spans = tuple(
        GoldSpan(gold.doc_id, Span(gold.start, gold.end), gold.text)
        for gold in row.relevant
        if isinstance(gold, _SpanRow) and gold.end > gold.start
    )
    ids = [_doc_id(gold) for gold in row.relevant]
    expect = row.expect or ("answer" if row.answerable else "abstain")
    defaults = {"kind": row.kind, "expect": expect, "cluster": row.cluster or row.id}
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


def _raise_first(folder: Path, problems: Sequence[str]) -> None:
    if not problems:
        return
    more = f" (and {len(problems) - _SHOWN_PROBLEMS} more)" if len(problems) > _SHOWN_PROBLEMS else ""
    shown = "; ".join(" ".join(problem.split()) for problem in problems[:_SHOWN_PROBLEMS])
    raise GoldenSetError(f"{folder}: {shown}{more}")

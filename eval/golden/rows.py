"""The lines of a golden set's files: their schema, and everything that can be wrong with one of them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    Tag,
    ValidationError,
)

from eval.files import json_tree
from eval.golden.places import first_difference, places
from rag.errors import GoldenSetError

Kind = Literal["golden", "edge", "adversarial", "regression"]
Expect = Literal["answer", "abstain", "clarify"]
Split = Literal["dev", "select", "sealed"]

_PLAIN_TEXT = {".md", ".txt"}  # formats whose clean text is the file's text, so gold offsets can be checked here
_MISSPELT = 0.84


class SpanRow(BaseModel):
    """A labelled range, as a member of `relevant`."""

    model_config = ConfigDict(extra="ignore")
    doc_id: str = Field(min_length=1)
    start: StrictInt = Field(ge=0)
    end: StrictInt
    text: str


def _gold_form(value: object) -> str:
    return "<id>" if isinstance(value, str) else "<span>"


_Gold = Annotated[
    Annotated[str, Field(min_length=1), Tag("<id>")] | Annotated[SpanRow, Tag("<span>")], Discriminator(_gold_form)
]
_Rubric = Annotated[str, Field(pattern=r"\S")]
_Provenance = Annotated[
    dict[str, Any], BeforeValidator(lambda value: {"source": value} if isinstance(value, str) else value)
]


class TurnRow(BaseModel):
    """An earlier message; some sets call the assistant `agent`."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["user", "assistant", "agent"]
    text: str


class CaseRow(BaseModel):
    """A line of `questions.jsonl`; scalars beyond these fields are kept for `--where`.

    `rubrics` names what an answer is judged by (`{"score5_description": "names the deadline"}`); `provenance` says
    where the case comes from, a word or a mapping.
    """

    model_config = ConfigDict(extra="ignore")
    id: str = Field(min_length=1)
    question: str = Field(pattern=r"\S")
    relevant: list[_Gold]
    answerable: StrictBool
    answers: list[str] = []
    expect: Expect | None = None
    history: list[TurnRow] = []
    kind: Kind = "golden"
    tags: list[str] = []
    cluster: str | None = None
    split: Split | None = None
    rubrics: dict[str, _Rubric] = {}
    provenance: _Provenance = {}
    synthetic: StrictBool = False


class DocumentRow(BaseModel):
    """A line of `documents.jsonl`."""

    model_config = ConfigDict(extra="ignore")
    doc_id: str = Field(min_length=1)
    title: str = ""
    text: str


_Row = TypeVar("_Row", bound=BaseModel)


class DocumentTexts:
    """Clean texts of a set's documents where they can be known without partitioning."""

    def __init__(self, documents: Path, problems: list[str]) -> None:
        self._documents = documents
        self._problems = problems
        self._texts: dict[str, str | None] = {}
        if documents.is_file():
            for place, _, row in read_rows(documents.name, read_bytes(documents), DocumentRow, problems):
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
        plain = Path(doc_id).suffix.lower() in _PLAIN_TEXT and self._documents.is_dir()
        if self._texts[doc_id] is None and plain:
            try:
                self._texts[doc_id] = _clean((self._documents / doc_id).read_bytes().decode("utf-8-sig"))
            except (OSError, UnicodeDecodeError) as error:
                problem = f"docs/{doc_id}: cannot be read: {error}"
                if problem not in self._problems:
                    self._problems.append(problem)
        return self._texts[doc_id]


def read_rows(
    name: str, raw: bytes, model: type[_Row], problems: list[str]
) -> Iterator[tuple[str, dict[str, Any], _Row]]:
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


def read_bytes(path: Path) -> bytes:
    """Return what a file of a set holds.

    Raises:
        GoldenSetError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise GoldenSetError(f"cannot read {path}: {error.strerror}") from error


def rows_text(rows: Iterable[object]) -> str:
    """Return rows as lines of JSON."""
    return "".join(json.dumps(json_tree(row), ensure_ascii=False) + "\n" for row in rows)


def row_problems(row: CaseRow, names: Collection[str], texts: DocumentTexts) -> Iterator[str]:
    """Yield what a schema cannot see: contradictions, misspelt fields, gold that is not where the row says.

    `names` are the fields as the line has them.
    """
    yield from _misspelt(names)
    if row.expect and (row.expect == "answer") != row.answerable:
        yield f"expect: {row.expect!r} contradicts answerable = {str(row.answerable).lower()}"
    if len({_gold_form(gold) for gold in row.relevant}) > 1:
        yield "relevant: mixes document ids and spans; use one form in a case"
    for i, gold in enumerate(row.relevant):
        doc_id = gold_document(gold)
        if doc_id not in texts:
            yield f"relevant.{i}.doc_id: there is no document {doc_id!r}"
        elif isinstance(gold, SpanRow):
            yield from (f"relevant.{i}.{problem}" for problem in _span_problems(gold, texts.get(doc_id)))


def followed(row: CaseRow, texts: DocumentTexts) -> tuple[CaseRow, list[str]]:
    """Return the row with its spans where their texts stand now, and a note for each that moved.

    A span moves if its document does not say its text there any more and says it in one other place, white space
    aside. What stands in several places or in none stays as it is, and is a problem of the row.
    """
    moved = [_followed(gold, texts) for gold in row.relevant]
    notes = [
        f"relevant.{i}: the gold text moved in {new.doc_id} from [{old.start}:{old.end}] to [{new.start}:{new.end}]"
        for i, (old, new) in enumerate(zip(row.relevant, moved, strict=True))
        if isinstance(old, SpanRow) and isinstance(new, SpanRow) and old is not new
    ]
    return (row.model_copy(update={"relevant": moved}) if notes else row), notes


def _followed(gold: str | SpanRow, texts: DocumentTexts) -> str | SpanRow:
    if isinstance(gold, str) or gold.doc_id not in texts or gold.end <= gold.start:
        return gold
    text = texts.get(gold.doc_id)
    if text is None or text[gold.start : gold.end] == gold.text:
        return gold
    found = places(gold.text, text)
    if len(found) != 1:
        return gold
    start, end = found[0]
    return gold.model_copy(update={"start": start, "end": end, "text": text[start:end]})


def gold_document(gold: str | SpanRow) -> str:
    """Return the document that a member of `relevant` is in."""
    return gold if isinstance(gold, str) else gold.doc_id


def _misspelt(names: Collection[str]) -> Iterator[str]:
    """Yield the fields that are a slip of the pen away from one that the row lacks: they would be ignored silently."""
    missing = [name for name in CaseRow.model_fields if name not in names]
    for name in names:
        meant = difflib.get_close_matches(name, missing, 1, _MISSPELT) if name not in CaseRow.model_fields else []
        if meant:
            yield f"{name}: there is no such field; did you mean {meant[0]!r}?"


def _field(loc: tuple[int | str, ...]) -> str:
    # pydantic names the member of a union that it chose; the reader of the message has only the field
    return ".".join(str(part) for part in loc if not str(part).startswith("<")) or "row"


def _span_problems(gold: SpanRow, text: str | None) -> Iterator[str]:
    if gold.end <= gold.start:
        yield f"end: {gold.end} is not after start {gold.start}"
    elif text is not None and gold.end > len(text):
        yield f"end: {gold.end} is beyond the document's {len(text)} characters"
    elif text is not None and text[gold.start : gold.end] != gold.text:
        yield f"text: the document says {first_difference(text[gold.start : gold.end], gold.text)}"


def _clean(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")

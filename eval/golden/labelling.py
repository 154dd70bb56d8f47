"""Labels as people give them, one by one: each is a valid case on disk before the next question is shown."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from eval.files import json_object, utf8
from eval.golden import GoldSpan, load_golden
from eval.golden.anchors import anchored
from eval.golden.export import check_new, documents_text, write_documents
from eval.golden.new import NewCase, NewSpan
from eval.golden.question_log import Asked
from eval.golden.rows import CaseRow, DocumentRow, DocumentTexts, Expect, read_bytes, read_rows, row_problems, rows_text
from rag.errors import BusyError, ConfigError, GoldenSetError
from rag.files import write_atomic
from rag.types import Document, Span, Turn

TextOf = Callable[[str], str]
"""Returns the clean text of a document of the corpus by its id."""

SOURCE = "ragwright label"
_UNHAPPY = frozenset("down bad no false negative wrong 0 -1 thumbs_down".split())


@dataclass(frozen=True, slots=True)
class Queued:
    """A question that waits for its label, and how often it was asked."""

    asked: Asked
    times: int


class LabelFile:
    """The set that labels go to, as `open_labels` gives it."""

    def __init__(self, folder: Path, descriptor: int, texts: DocumentTexts, text_of: TextOf, done: set[str]) -> None:
        self.folder = folder
        self._descriptor = descriptor
        self._texts = texts
        self._text_of = text_of
        self._done = done

    def __len__(self) -> int:
        return len(self._done)

    def holds(self, question: str, history: Sequence[Turn] = ()) -> bool:
        """Say whether a question has its label."""
        return _key(question, history) in self._done

    def place(self, doc_id: str, span: Span, quote: str) -> GoldSpan | None:
        """Return where the set has a quote: in the passage of the corpus that it was read in, else nearest to it.

        None: the set's text of the document does not hold it.
        """
        if doc_id not in self._texts:
            return None
        text = self._texts.get(doc_id)
        if text is None:  # only the corpus knows what a binary file says
            text = self._text_of(doc_id)
        found = anchored(GoldSpan(doc_id, Span(span.start, span.start + len(quote)), quote), text)
        return None if found.lost else GoldSpan(doc_id, found.span, text[found.span.start : found.span.end])

    def append(self, row: NewCase) -> None:
        """Add a case for good: it is on disk when this returns.

        Raises:
            GoldenSetError: it is no valid case of this set, or the question has a label.
            ConfigError: it cannot be written.
        """
        problems = _problems(row, self._texts)
        key = _key(row.question, row.history or ())
        if key in self._done:
            problems.append("question: it has a label already")
        if problems:
            raise GoldenSetError(f"this is no case of {self.folder}: {'; '.join(problems)}", problems)
        with _writing(self.folder):
            _append(self._descriptor, rows_text([row]))
        self._done.add(key)


@contextmanager
def open_labels(folder: Path, documents: Sequence[Document]) -> Iterator[LabelFile]:
    """Open a set for labels, alone; a new one gets these documents, an old one those that its list lacks.

    A label is one append that is forced to disk, so a process that is killed loses at most the label that it was
    writing; what it left of that one is moved to `questions.jsonl.torn` when the set is opened again.

    Raises:
        GoldenSetError: the set breaks its schema.
        BusyError: another process labels into it.
        ConfigError: the folder is something else, or cannot be written.
    """
    listing = folder / "documents.jsonl"
    questions = folder / "questions.jsonl"
    if not any(path.exists() for path in (questions, listing, folder / "docs")):
        check_new(folder)
        write_documents(folder, documents)
    with _writing(folder):
        descriptor = os.open(questions, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        _lock(descriptor, folder)
        with _writing(folder):
            _mend(descriptor, questions)
            if listing.exists():
                _add_missing(listing, documents)
            empty = os.fstat(descriptor).st_size == 0
        done = set() if empty else {_key(case.question, case.history) for case in load_golden(folder).cases}
        problems: list[str] = []
        texts = DocumentTexts(listing if listing.exists() else folder / "docs", problems)
        if problems:
            raise GoldenSetError(f"{folder}: {problems[0]}", problems)
        known = {document.doc_id: document for document in documents}
        yield LabelFile(folder, descriptor, texts, lambda doc_id: known[doc_id].text, done)
    finally:
        os.close(descriptor)


def queue(asked: Iterable[Asked], done: LabelFile) -> list[Queued]:
    """Return the questions without a label, each once: those that left someone unhappy first, then the most asked."""
    rows = [row for row in asked if not done.holds(row.question, row.history)]
    times = Counter(_key(row.question, row.history) for row in rows)
    first: dict[str, Asked] = {}
    for row in rows:
        key = _key(row.question, row.history)
        if key not in first or (row.verdict in _UNHAPPY and first[key].verdict not in _UNHAPPY):
            first[key] = row
    found = [Queued(row, times[key]) for key, row in first.items()]
    return sorted(found, key=lambda item: (item.asked.verdict not in _UNHAPPY, -item.times))


def label_row(
    asked: Asked,
    gold: Sequence[GoldSpan],
    expect: Expect,
    answers: Sequence[str],
    provenance: Mapping[str, object],
    *,
    kind: str | None = None,
    tags: Sequence[str] | None = None,
    split: str | None = None,
) -> NewCase:
    """Return the case of a label; `append` checks it."""
    return NewCase(
        id=f"label-{_key(asked.question, asked.history)[:10]}",
        question=asked.question,
        answers=answers,
        relevant=[NewSpan(g.doc_id, g.span.start, g.span.end, g.text) for g in gold],
        answerable=expect == "answer",
        expect=expect,
        kind=kind,
        tags=tags,
        split=split,
        history=asked.history or None,
        provenance={"source": SOURCE, **provenance},
    )


def _key(question: str, history: Sequence[Turn]) -> str:
    words = [" ".join(question.casefold().split()), *(f"{turn.role}: {turn.text}" for turn in history)]
    return hashlib.blake2b("\n".join(words).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _problems(case: NewCase, texts: DocumentTexts) -> list[str]:
    tree = json_object(case)
    try:
        return list(row_problems(CaseRow.model_validate(tree), tree.keys(), texts))
    except ValidationError as error:
        return [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}") from error


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"another process labels into {folder}; end that session first") from None


def _append(descriptor: int, text: str) -> None:
    content = text.encode("utf-8", "replace")
    while content:
        content = content[os.write(descriptor, content) :]
    os.fsync(descriptor)


def _add_missing(listing: Path, documents: Sequence[Document]) -> None:
    """Add the documents that came to the corpus since; those that changed stay as the labels know them."""
    problems: list[str] = []
    known = {row.doc_id for _, _, row in read_rows(listing.name, read_bytes(listing), DocumentRow, problems)}
    fresh = [document for document in documents if document.doc_id not in known]
    if fresh and not problems:
        old = read_bytes(listing)
        between = b"" if old.endswith(b"\n") else b"\n"
        write_atomic(listing, old + between + utf8(documents_text(fresh)))


def _mend(descriptor: int, path: Path) -> None:
    """Give the file whole lines again after a writer was killed in the middle of one."""
    content = read_bytes(path)
    last = content.rpartition(b"\n")[2]
    if _is_json(last):
        os.write(descriptor, b"\n")
    elif last:
        with path.with_name(f"{path.name}.torn").open("ab") as torn:
            torn.write(last + b"\n")
        os.ftruncate(descriptor, len(content) - len(last))
    os.fsync(descriptor)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True

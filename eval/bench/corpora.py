"""Corpora for benchmarks: public sets where RAGWRIGHT_DATA names them, filled up with seeded text of our own.

Documents are written in turn as a Markdown file, a text file and a row of a documents.jsonl.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from eval.golden import GoldenSet, load_golden, select_cases
from rag.errors import ConfigError

FORMS = ("md", "txt", "jsonl")
_CHARS_A_CHUNK = 600  # what the default chunker makes of these corpora is a little less
_SYLLABLES = (
    "ba ce di fo gu ha ki lo mu ne pa ri so tu va we xo yi za bre cli dor fen gan hol jin kam lis mor nav".split()
)
_REWRITTEN = 10  # of the documents that are edited, one in so many is written anew; the others change one word


@dataclass(frozen=True, slots=True)
class BenchDocument:
    """One document: `name` is the doc_id that ingestion will give it, `form` how it is written."""

    name: str
    form: str
    title: str
    text: str

    @property
    def content(self) -> str:
        """What its file, or the text of its row, holds."""
        return f"# {self.title}\n\n{self.text}\n" if self.form == "md" and self.title else self.text


@dataclass(frozen=True, slots=True)
class BenchQuestion:
    """A question and the names of the documents that answer it."""

    text: str
    relevant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BenchCorpus:
    """Documents with the questions they answer; those that answer one come first. `made` were generated."""

    documents: tuple[BenchDocument, ...]
    questions: tuple[BenchQuestion, ...]
    made: int

    def head(self, chunks: int) -> BenchCorpus:
        """Return the first documents, about `chunks` chunks of them, with the questions they answer wholly."""
        kept: list[BenchDocument] = []
        for document in self.documents:
            if chunks <= 0:
                break
            kept.append(document)
            chunks -= estimated_chunks(document.content)
        names = {document.name for document in kept}
        questions = tuple(question for question in self.questions if names.issuperset(question.relevant))
        return BenchCorpus(tuple(kept), questions, max(0, len(kept) + self.made - len(self.documents)))


def estimated_chunks(text: str) -> int:
    """Return about how many chunks the default chunker makes of a text, rather too few than too many."""
    return max(1, len(text) // _CHARS_A_CHUNK)


def text_corpus(chunks: int, data: Path | None, sets: Sequence[str] = (), *, seed: int = 0) -> BenchCorpus:
    """Return documents of at least `chunks` chunks: those of public sets first, then generated ones.

    `sets` names folders below `data`; without names every golden set there with a documents.jsonl is taken.

    Raises:
        ConfigError: a named set is no golden set.
        GoldenSetError: a set breaks its schema.
    """
    rng = random.Random(seed)
    raw: list[tuple[str, str, str]] = []
    questions: list[tuple[str, tuple[str, ...]]] = []
    for number, golden in enumerate(_golden_sets(data, sets)):
        raw += ((f"{number}:{doc_id}", title, text) for doc_id, title, text in _rows(golden))
        asked = (case for case in golden.cases if case.doc_ids)
        questions += ((case.question, tuple(f"{number}:{doc_id}" for doc_id in case.doc_ids)) for case in asked)
    rng.shuffle(raw)
    wanted = {key for _, relevant in questions for key in relevant}
    raw.sort(key=lambda row: row[0] not in wanted)
    public = _taken(raw, chunks)
    missing = chunks - sum(estimated_chunks(text) for _, _, text in public)
    made, made_questions = generated(missing, rng)
    documents, names = _named([*public, *made])
    every = [*questions, *made_questions]
    known = [
        BenchQuestion(text, tuple(names[key] for key in keys)) for text, keys in every if names.keys() >= set(keys)
    ]
    return BenchCorpus(documents, tuple(known), len(made))


def _taken(raw: Sequence[tuple[str, str, str]], chunks: int) -> list[tuple[str, str, str]]:
    taken: list[tuple[str, str, str]] = []
    for row in raw:
        if chunks <= 0:
            break
        taken.append(row)
        chunks -= estimated_chunks(row[2])
    return taken


def _golden_sets(data: Path | None, sets: Sequence[str]) -> Iterator[GoldenSet]:
    if data is None:
        return
    for name in sets or sorted(path.parent.name for path in data.glob("*/questions.jsonl")):
        folder = data / name
        if sets and not (folder / "documents.jsonl").is_file():
            raise ConfigError(f"{folder} has no documents.jsonl; name golden sets that have one")
        if (folder / "documents.jsonl").is_file():
            golden = load_golden(folder)
            split = "dev" if any(case.split == "dev" for case in golden.cases) else None
            yield select_cases(golden, split)


def _rows(golden: GoldenSet) -> Iterator[tuple[str, str, str]]:
    with golden.documents.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                row = json.loads(line)
                yield row["doc_id"], row.get("title") or "", row["text"]


def generated(chunks: int, rng: random.Random) -> tuple[list[tuple[str, str, str]], list[tuple[str, tuple[str, ...]]]]:
    """Return seeded documents `(key, title, text)` of about `chunks` chunks, and a question for one in four of them."""
    words = [_word(rng) for _ in range(4000)]
    documents: list[tuple[str, str, str]] = []
    questions: list[tuple[str, tuple[str, ...]]] = []
    for number in count():
        if chunks <= 0:
            break
        subject, value = f"{_word(rng)} {_word(rng)}", _word(rng)
        fact = f"The {subject} is kept at {value}."
        sentences = [fact, *(_sentence(rng, words) for _ in range(rng.randint(6, 50)))]
        rng.shuffle(sentences)
        paragraphs = [" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5)]
        documents.append((f"made:{number}", subject.title(), "\n\n".join(paragraphs)))
        chunks -= estimated_chunks(documents[-1][2])
        if number % 4 == 0:
            questions.append((f"Where is the {subject} kept?", (f"made:{number}",)))
    return documents, questions


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3)))


def _sentence(rng: random.Random, words: Sequence[str]) -> str:
    # Zipf-like: few words are frequent, as in language.
    chosen = [words[int(len(words) * rng.random() ** 3)] for _ in range(rng.randint(6, 18))]
    return " ".join(chosen).capitalize() + "."


def _named(raw: Sequence[tuple[str, str, str]]) -> tuple[tuple[BenchDocument, ...], dict[str, str]]:
    documents: list[BenchDocument] = []
    names: dict[str, str] = {}
    for number, (key, title, text) in enumerate(raw):
        form = FORMS[number % len(FORMS)]
        name = f"d{number:06}" if form == "jsonl" else f"d{number:06}.{form}"
        names[key] = name
        documents.append(BenchDocument(name, form, title, text))
    return tuple(documents), names


def write_corpus(documents: Sequence[BenchDocument], folder: Path) -> Path:
    """Write documents below a folder, and return it; files whose content stays the same are not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [document for document in documents if document.form == "jsonl"]
    lines = (json.dumps({"doc_id": row.name, "title": row.title, "text": row.text}) + "\n" for row in rows)
    if rows:
        _write(folder / "documents.jsonl", "".join(lines))
    for document in documents:
        if document.form != "jsonl":
            _write(folder / document.name, document.content)
    return folder


def _write(path: Path, content: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8", newline="")


def edited(documents: Sequence[BenchDocument], share: float, rng: random.Random) -> list[BenchDocument]:
    """Return the documents with a share of them changed: one word each, one in ten of those written anew."""
    chosen = rng.sample(range(len(documents)), round(share * len(documents)))
    changed = list(documents)
    for turn, position in enumerate(chosen):
        text = _rewritten(documents[position].text, rng) if turn % _REWRITTEN == 0 else ""
        changed[position] = replace(documents[position], text=text or _one_word(documents[position].text, rng))
    return changed


def _one_word(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    words[rng.randrange(len(words))] = f"{_word(rng)}{rng.randrange(1000)}"
    return " ".join(words)


def _rewritten(text: str, rng: random.Random) -> str:
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)

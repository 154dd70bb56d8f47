"""Training groups for a cross-encoder: a question, passages that answer it, and passages that only look as if."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.bench.ranking_data import Pool, gains
from rag.text import words
from rag.types import Hit

_MINED_FROM = 30
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Group:
    """A question with passages that hold its gold, and mined ones that hold none; neither is empty."""

    question: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]


def groups_of(pools: Sequence[Pool]) -> list[Group]:
    """Return a group for every pool whose best candidates hold gold and its opposite."""
    found = []
    for pool in pools:
        positives, negatives = (tuple(hit.chunk.indexed_text for hit in side) for side in sides_of(pool))
        if positives and negatives:
            found.append(Group(pool.query.text, positives, negatives))
    return found


def sides_of(pool: Pool) -> tuple[list[Hit], list[Hit]]:
    """Return the candidates that hold most of some gold, and the first of fusion that hold nothing of any."""
    hits = pool.hits
    best = gains(pool.case, hits).max(axis=1, initial=0.0)
    positives = [hit for hit, gain in zip(hits, best, strict=True) if gain > _MOSTLY]
    head = zip(hits[:_MINED_FROM], best[:_MINED_FROM], strict=True)
    return positives, [hit for hit, gain in head if gain == 0]


def write_ranking_sets(
    source: Path, target: Path, per_file: int, asked: Collection[str], held: tuple[str, ...] = ()
) -> list[Path]:
    """Turn every `*.jsonl.gz` of rows `{query, positive, negatives?}` into a golden-set folder of at most `per_file`.

    The passages of all its rows become the documents, so negatives are mined from them as from any corpus. Questions
    of `asked` (as `normalised` gives them) are left out, and files whose names begin with one of `held`: they are what
    somebody is measured with.
    """
    folders = []
    for path in sorted(source.glob("*.jsonl.gz")):
        if path.name.startswith(held):
            continue
        rows = [row for row in _rows(path) if normalised(row.query) not in asked]
        random.Random(0).shuffle(rows)
        folders.append(target / f"ranking-{path.name.partition('.')[0]}")
        _write_set(folders[-1], rows[:per_file])
    return folders


def normalised(question: str) -> str:
    """Return a question without what does not tell it from another: case, punctuation, spacing."""
    return " ".join(words(question))


def asked_in(data: Path) -> frozenset[str]:
    """Return every question of the golden sets below a folder, whatever its split."""
    found: set[str] = set()
    for path in sorted(data.glob("*/questions.jsonl")):
        with path.open(encoding="utf-8") as lines:
            found.update(normalised(json.loads(line)["question"]) for line in lines)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A question with a passage that answers it and some that do not."""

    query: str
    positive: str
    negatives: tuple[str, ...]


def _write_set(folder: Path, rows: Sequence[_Ranked]) -> None:
    ids: dict[str, str] = {}
    for row in rows:
        for text in (row.positive, *row.negatives):
            ids.setdefault(text, f"passage-{len(ids)}")
    documents = ({"doc_id": doc_id, "title": "", "text": text} for text, doc_id in ids.items())
    questions = (
        {"id": str(n), "question": row.query, "answerable": True, "relevant": [ids[row.positive]], "split": "dev"}
        for n, row in enumerate(rows)
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("documents.jsonl", documents), ("questions.jsonl", questions)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / name).write_text(text, encoding="utf-8")


def _rows(path: Path) -> Iterator[_Ranked]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield _Ranked(row["query"], row["positive"], tuple(row.get("negatives") or ()))

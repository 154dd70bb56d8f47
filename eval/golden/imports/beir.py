"""BEIR folders: corpus.jsonl, queries.jsonl, qrels/*.tsv (Thakur et al. 2021, https://arxiv.org/abs/2104.08663)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from eval.golden.imports import Imported, count, read_jsonl
from eval.golden.new import NewCase
from eval.golden.rows import DocumentRow
from rag.errors import GoldenSetError

_SPLITS = {"train": "dev", "dev": "select", "test": "sealed"}


def read(source: Path, documents: Mapping[str, str]) -> Imported:
    """Return one case for every judged query; train, dev and test become the splits dev, select and sealed.

    Raises:
        GoldenSetError: a file is missing or malformed.
    """
    corpus = [
        DocumentRow(doc_id=str(row["_id"]), title=str(row.get("title") or ""), text=str(row.get("text") or ""))
        for row in read_jsonl(source / "corpus.jsonl")
    ]
    known = {row.doc_id for row in corpus if row.text.strip()}
    queries = {str(row["_id"]): str(row["text"]) for row in read_jsonl(source / "queries.jsonl")}
    left: list[str] = ["document without text"] * (len(corpus) - len(known))
    cases = list(_cases(source / "qrels", queries, known, left))
    return Imported(cases, [row for row in corpus if row.doc_id in known], count(left))


def _cases(folder: Path, queries: Mapping[str, str], known: set[str], left: list[str]) -> Iterator[NewCase]:
    used: set[str] = set()
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise GoldenSetError(f"{folder} holds no qrels (*.tsv)")
    for path in files:
        relevant = _relevant(path, left)
        left += [
            "judged document that is not in the corpus" for ids in relevant.values() for i in ids if i not in known
        ]
        for query, ids in relevant.items():
            if query not in queries or query in used:
                left.append("query without a text" if query not in queries else "query judged in two splits")
                continue
            used.add(query)
            yield NewCase(
                id=query,
                question=queries[query],
                relevant=[doc_id for doc_id in ids if doc_id in known],
                answerable=True,
                split=_SPLITS.get(path.stem),
                provenance="beir",
            )


def _relevant(path: Path, left: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
            if number == 1 and row and not row[-1].lstrip("-").isdigit():
                continue  # the header
            if len(row) != 3 or not row[2].lstrip("-").isdigit():
                raise GoldenSetError(f"{path.name}:{number}: needs query, document and score parted by tabs")
            if int(row[2]) > 0:
                found.setdefault(row[0], []).append(row[1])
            else:
                left.append("judgement of not relevant")
    return found

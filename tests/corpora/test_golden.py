"""The demo golden set is well formed, and its gold quotes stand where it says."""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "corpora"
DOCS = ROOT / "demo" / "docs"
ROWS = [json.loads(line) for line in (ROOT / "demo" / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"demo_{name}", ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plain(doc_id: str) -> str:
    return (DOCS / doc_id).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")


def test_sizes():
    assert len(ROWS) >= 200
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert sum(not row["answerable"] for row in ROWS) >= 60
    assert len({row["cluster"] for row in ROWS}) >= 30
    assert len({row["question"].strip().lower() for row in ROWS}) == len(ROWS) - repeated_follow_ups()


def repeated_follow_ups() -> int:
    """Follow-ups of multi-turn cases may repeat each other's words; nothing else may."""
    seen = [row["question"].strip().lower() for row in ROWS if row.get("history")]
    return len(seen) - len(set(seen))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_row(row):
    assert row["question"].strip() and row["cluster"]
    assert row["kind"] in {"golden", "edge", "adversarial", "regression"}
    assert row["expect"] in {"answer", "abstain", "clarify"}
    assert row["split"] in {"dev", "select", "sealed"}
    assert isinstance(row["tags"], list) and all(isinstance(tag, str) for tag in row["tags"])
    assert 1 <= len(row["answers"]) <= 2 and all(row["answers"])
    assert row["answerable"] is (row["expect"] == "answer")
    assert bool(row["relevant"]) is row["answerable"]
    for turn in row.get("history", []):
        assert turn["role"] in {"user", "assistant"} and turn["text"].strip()
    for span in row["relevant"]:
        assert (DOCS / span["doc_id"]).is_file(), span["doc_id"]
        assert span["text"] and "\n" not in span["text"]
        assert span["end"] - span["start"] == len(span["text"])
        if span["doc_id"].endswith((".md", ".txt")):
            assert plain(span["doc_id"])[span["start"] : span["end"]] == span["text"]


def test_one_cluster_in_one_split():
    splits = defaultdict(set)
    for row in ROWS:
        splits[row["cluster"]].add(row["split"])
    assert not {cluster: found for cluster, found in splits.items() if len(found) > 1}


def test_split_sizes():
    for split, share in (("dev", 0.5), ("select", 0.25), ("sealed", 0.25)):
        assert abs(sum(row["split"] == split for row in ROWS) / len(ROWS) - share) < 0.03


def test_every_document_is_asked_about():
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*") if path.is_file()}
    asked = {span["doc_id"] for row in ROWS for span in row["relevant"]}
    assert there == asked
    assert len(there) >= 28


def test_anchor_finds_repairs_and_reports():
    anchor = load("anchor").anchor
    text = "one two one three"
    rows = [
        {
            "id": "x",
            "relevant": [
                {"doc_id": "d", "start": 0, "end": 3, "text": "two"},
                {"doc_id": "d", "start": 0, "end": 3, "text": "one", "nth": 2},
            ],
        }
    ]
    assert anchor(rows, lambda _: text) == (2, [])
    assert [(s["start"], s["end"]) for s in rows[0]["relevant"]] == [(4, 7), (8, 11)]
    assert anchor(rows, lambda _: text) == (0, [])
    bad = [
        {
            "id": "y",
            "relevant": [
                {"doc_id": "d", "start": 0, "end": 3, "text": "one"},
                {"doc_id": "d", "start": 0, "end": 4, "text": "four"},
                {"doc_id": "d", "start": 0, "end": 3, "text": "one", "nth": 3},
            ],
        }
    ]
    changed, errors = anchor(bad, lambda _: text)
    assert changed == 0 and len(errors) == 3


def test_binary_documents_are_what_generate_writes(tmp_path):
    for module in ("reportlab", "docx", "pptx", "openpyxl"):
        pytest.importorskip(module)
    generate = load("generate")
    first = generate.build()
    assert first == generate.build()
    assert {name for name in first} == {
        path.relative_to(DOCS).as_posix()
        for path in DOCS.rglob("*")
        if path.suffix in {".pdf", ".docx", ".pptx", ".xlsx"}
    }

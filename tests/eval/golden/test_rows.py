from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.golden.rows import (
    CaseRow,
    DocumentTexts,
    followed,
    gold_document,
    read_bytes,
    read_rows,
    row_problems,
    rows_text,
)
from rag.errors import GoldenSetError

TEXT = "Oil the pump in March. Wait an hour."
ROW: dict[str, Any] = {"id": "1", "question": "When?", "relevant": ["a.md"], "answerable": True}
SPAN = {"doc_id": "a.md", "start": 0, "end": 22, "text": TEXT[:22]}


@pytest.fixture
def texts(tmp_path: Path) -> DocumentTexts:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    (tmp_path / "docs" / "b.pdf").write_bytes(b"%PDF")
    return DocumentTexts(tmp_path / "docs", [])


def problems(texts: DocumentTexts, **changes: Any) -> list[str]:
    tree = ROW | changes
    return list(row_problems(CaseRow.model_validate(tree), tree, texts))


def test_texts_are_known_where_no_reader_is_needed(texts: DocumentTexts) -> None:
    assert texts.get("a.md") == TEXT and texts.get("b.pdf") is None and "c.md" not in texts


def test_rows_of_documents_are_their_texts(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text('{"doc_id": "x", "text": "one"}\n{"doc_id": "x", "text": "two"}\n')
    found: list[str] = []
    assert DocumentTexts(tmp_path / "documents.jsonl", found).get("x") == "two"
    assert found == ["documents.jsonl:2: doc_id: 'x' was used before"]


def test_every_bad_line_is_named_and_the_good_ones_are_read() -> None:
    lines = [json.dumps(ROW), "", "{", json.dumps({**ROW, "answerable": "yes"}), "[1]"]
    found: list[str] = []
    rows = list(read_rows("q.jsonl", "\n".join(lines).encode(), CaseRow, found))
    assert [place for place, _, _ in rows] == ["q.jsonl:1"]
    assert [problem.partition(": ")[0] for problem in found] == ["q.jsonl:3", "q.jsonl:4", "q.jsonl:5"]
    assert "answerable" in found[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expect": "abstain"}, "expect: 'abstain' contradicts answerable = true"),
        ({"relevant": ["c.md"]}, "relevant.0.doc_id: there is no document 'c.md'"),
        ({"relevant": ["a.md", SPAN]}, "relevant: mixes document ids and spans"),
        ({"relevant": [SPAN | {"end": 99}]}, "relevant.0.end: 99 is beyond the document's"),
        ({"relevant": [SPAN | {"end": 0}]}, "relevant.0.end: 0 is not after start 0"),
        ({"relevant": [SPAN | {"text": "Oil the lamp in March."}]}, "relevant.0.text: the document says"),
        ({"anwsers": ["March"]}, "anwsers: there is no such field; did you mean 'answers'?"),
    ],
)
def test_what_a_schema_cannot_see(texts: DocumentTexts, changes: dict[str, Any], said: str) -> None:
    assert any(problem.startswith(said) for problem in problems(texts, **changes))


def test_a_sound_row_has_no_problem(texts: DocumentTexts) -> None:
    assert problems(texts) == [] == problems(texts, relevant=[SPAN], expect="answer")


def test_gold_follows_its_text_to_its_new_place(texts: DocumentTexts) -> None:
    moved = CaseRow.model_validate(ROW | {"relevant": [SPAN | {"start": 9, "end": 31}]})
    row, notes = followed(moved, texts)
    assert row.relevant[0].start == 0 and notes == ["relevant.0: the gold text moved in a.md from [9:31] to [0:22]"]  # type: ignore[union-attr]
    lost = CaseRow.model_validate(ROW | {"relevant": [SPAN | {"text": "gone for good here now"}]})
    assert followed(lost, texts) == (lost, [])
    assert gold_document(row.relevant[0]) == "a.md" == gold_document("a.md")


def test_rows_are_written_as_they_are_read(tmp_path: Path) -> None:
    assert rows_text([{"a": "ö"}, {"b": 1}]) == '{"a": "ö"}\n{"b": 1}\n'
    with pytest.raises(GoldenSetError, match="cannot read"):
        read_bytes(tmp_path / "none")

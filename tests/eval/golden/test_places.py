"""Gold follows its text, imports see through white space, and what looks alike is told apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from eval.golden import load_golden
from eval.golden.imports import import_set
from eval.golden.places import first_difference, marked_difference
from rag.errors import GoldenSetError

LIVE = "# Refunds\n\nRefunds take thirty\ndays. They go to the card that paid.\n"
GOLD = "They go to the card that paid."


def case(text: str, body: str, **more: Any) -> dict[str, Any]:
    start = body.index(text)
    gold = {"doc_id": "refunds.md", "start": start, "end": start + len(text), "text": text}
    return {"id": "q1", "question": "Where?", "answerable": True, "relevant": [gold]} | more


def live_set(tmp_path: Path, *rows: dict[str, Any]) -> tuple[Path, Path]:
    live = tmp_path / "handbook"
    live.mkdir()
    (live / "refunds.md").write_text(LIVE)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "docs").symlink_to(live)
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder, live / "refunds.md"


@pytest.mark.parametrize(
    "edited",
    ["# Refunds\n\nNew words above.\n" + LIVE[11:], LIVE.replace("card that", "card\n   that"), LIVE[11:]],
)
def test_gold_of_live_documents_follows_its_text(
    tmp_path: Path, edited: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, document = live_set(tmp_path, case(GOLD, LIVE))
    assert load_golden(folder).notes == ()
    document.write_text(edited)
    golden = load_golden(folder)
    gold = golden.cases[0].spans[0]
    assert edited[gold.span.start : gold.span.end] == gold.text and gold.text.split() == GOLD.split()
    assert golden.notes[0].startswith("questions.jsonl:1: relevant.0: the gold text moved in refunds.md from [")
    assert main(["golden", "check", str(folder)]) == 0
    assert "note: questions.jsonl:1: relevant.0: the gold text moved" in capsys.readouterr().out


def test_gold_of_rows_follows_its_text_too(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text(json.dumps({"doc_id": "refunds.md", "text": "Before. " + LIVE}) + "\n")
    (tmp_path / "questions.jsonl").write_text(json.dumps(case(GOLD, LIVE)) + "\n")
    gold = load_golden(tmp_path).cases[0].spans[0]
    assert ("Before. " + LIVE)[gold.span.start : gold.span.end] == GOLD


@pytest.mark.parametrize("edited", ["# Gone\n\nNothing of it is left here any more, alas.\n", "New. " + LIVE + LIVE])
def test_gold_that_is_gone_or_stands_twice_is_a_problem(tmp_path: Path, edited: str) -> None:
    folder, document = live_set(tmp_path, case(GOLD, LIVE))
    document.write_text(edited)
    with pytest.raises(GoldenSetError, match=r"relevant\.0\.(text: the document says|end: )"):
        load_golden(folder)


def test_a_wrong_label_is_told_from_its_first_difference_on(tmp_path: Path) -> None:
    body = LIVE + "Long ago the very same words stood in this very same place, said Ann.\n"
    folder, document = live_set(tmp_path, case(body[-70:-1], body))
    document.write_text(body.replace("said Ann", "said Bob"))
    with pytest.raises(GoldenSetError, match="place, said Bob.' there, not '.*place, said Ann.' "):
        load_golden(folder)


def test_differences_of_texts_that_look_alike() -> None:
    assert "\\xa0" in first_difference("thirty\u00a0days", "thirty days")
    assert "e\\u0301" in first_difference("cafe\u0301", "caf\u00e9") and "\\xe9" in first_difference(
        "cafe\u0301", "caf\u00e9"
    )
    assert marked_difference("What is 3?", "What is 4?") == "What is [-3?-]{+4?+}"
    assert marked_difference("Is it so?", "Is it so?") == "Is it so?"
    assert marked_difference("caf\u00e9 open", "cafe\u0301 open") == "[-caf\\xe9-]{+cafe\\u0301+} open"
    assert marked_difference("a b", "a b c") == "a b {+c+}"


def test_golden_check_shows_how_two_questions_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("How long does a refund to the card take?", "How long does a refund to the card really take?")
    rows = [
        case(GOLD, LIVE, id=f"q{i}", question=question, split=split)
        for i, (question, split) in enumerate(zip(asked, ("dev", "select"), strict=True))
    ]
    folder, _ = live_set(tmp_path, *rows)
    assert main(["golden", "check", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "leak: near-duplicate question: q0 and q1\n      How long does a refund to the card {+really+} take?" in out
    main(["golden", "check", str(folder), "--json"])
    assert "{+really+}" in json.loads(capsys.readouterr().out)["leaks"][0]["difference"]


FAULT = "Refunds take thirty days. They go to the card that paid."
BODY = "# Refunds\n\nRefunds take thirty\ndays. They go to the\ncard that paid.\n"


@pytest.mark.parametrize(
    "body", [BODY, BODY.replace("\n", "\r\n"), BODY.replace(" ", "  "), BODY.replace(" that", "\tthat")]
)
@pytest.mark.parametrize("shape", ["folder", "rows"])
def test_contexts_that_differ_in_white_space_become_spans(tmp_path: Path, body: str, shape: str) -> None:
    (tmp_path / "docs").mkdir()
    if shape == "folder":
        (tmp_path / "docs" / "refunds.md").write_bytes(body.encode())
        documents = tmp_path / "docs"
    else:
        documents = tmp_path / "documents.jsonl"
        documents.write_text(json.dumps({"doc_id": "refunds.md", "text": body.replace("\r\n", "\n")}) + "\n")
    (tmp_path / "t.jsonl").write_text(
        json.dumps(
            {"user_input": "How long?", "reference": "30 days", "reference_contexts": [FAULT, "Not there at all."]}
        )
    )
    golden, left = import_set("ragas", tmp_path / "t.jsonl", tmp_path / "set", documents)
    gold = golden.cases[0].spans
    assert [x.text.split() for x in gold] == [FAULT.split()] and left == {"context that is in no document": 1}
    shutil.rmtree(tmp_path / "set")

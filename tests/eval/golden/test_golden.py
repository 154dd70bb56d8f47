"""The strict reader of golden sets, selection and the sealed log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eval.golden import load_golden, open_golden, select_cases
from rag.errors import ConfigError, GoldenSetError
from rag.types import Span

TEXT = "Ümlauts first. Then gold 🥇 here."
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def row(**more: Any) -> dict[str, Any]:
    good = {"id": "q1", "question": "Where?", "relevant": [], "answerable": True}
    return {key: value for key, value in (good | more).items() if value is not ...}


def span(**more: Any) -> dict[str, Any]:
    return {"doc_id": "a.md", "start": 20, "end": 26, "text": "gold 🥇"} | more


def make(folder: Path, *rows: Any) -> Path:
    (folder / "docs/sub").mkdir(parents=True)
    (folder / "docs/a.md").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    (folder / "docs/sub/b c#.pdf").write_bytes(b"%PDF")
    lines = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in rows]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_full_row(tmp_path: Path) -> None:
    history = [{"role": "user", "text": "Hi"}, {"role": "agent", "text": "Hello"}]
    full = row(
        relevant=[span(section="x")], answers=["here"], history=history, kind="edge", tags=["t"], cluster="c",
        split="dev", type="factoid", level=3,
    )  # fmt: skip
    case = load_golden(make(tmp_path, full)).cases[0]
    assert case.spans[0].span == Span(20, 26) and case.spans[0].text == TEXT[20:26] and case.doc_ids == ("a.md",)
    assert [turn.role for turn in case.history] == ["user", "assistant"]
    assert (case.kind, case.expect, case.tags, case.cluster, case.split) == ("edge", "answer", ("t",), "c", "dev")
    assert case.fields["type"] == "factoid" and case.fields["level"] == "3"


def test_rubrics_and_provenance(tmp_path: Path) -> None:
    judged = row(rubrics={"score5_description": "names the day"}, provenance={"source": "ticket", "by": "ann"})
    made = row(id="q2", provenance="beir", synthetic=True)
    first, second = load_golden(make(tmp_path, judged, made)).cases
    assert first.rubrics == {"score5_description": "names the day"} and first.provenance["by"] == "ann"
    assert second.provenance == {"source": "beir"} and second.synthetic and not first.synthetic
    assert [case.id for case in select_cases(load_golden(tmp_path), where=["synthetic=false"]).cases] == ["q1"]


def test_what_public_sets_leave_out_has_defaults(tmp_path: Path) -> None:
    golden = load_golden(make(tmp_path, row(relevant=["sub/b c#.pdf"]), row(id="q2", answerable=False)))
    first, second = golden.cases
    assert (first.kind, first.expect, first.cluster, first.split, first.history) == ("golden", "answer", "q1", None, ())
    assert first.doc_ids == ("sub/b c#.pdf",) and first.spans == () and second.expect == "abstain"
    assert golden.primary == "nDCG@10" and golden.documents == tmp_path / "docs" and len(golden.sha256) == 64


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(id=...), "questions.jsonl:2: id: Field required"),
        (row(id="first"), "questions.jsonl:2: id: 'first' was used before"),
        (row(question="  "), "questions.jsonl:2: question: "),
        (row(answerable="yes"), "questions.jsonl:2: answerable: "),
        (row(kind="hard"), "questions.jsonl:2: kind: "),
        (row(split="test"), "questions.jsonl:2: split: "),
        (row(expect="abstain"), "questions.jsonl:2: expect: 'abstain' contradicts answerable = true"),
        (row(relevant=...), "questions.jsonl:2: relevant: Field required"),
        (row(relevant=["nope.md"]), "questions.jsonl:2: relevant.0.doc_id: there is no document 'nope.md'"),
        (row(relevant=["a.md", span()]), "questions.jsonl:2: relevant: mixes document ids and spans"),
        (row(relevant=[span(start="20")]), "questions.jsonl:2: relevant.0.start: "),
        (row(relevant=[span(end=20)]), "questions.jsonl:2: relevant.0.end: 20 is not after start 20"),
        (
            row(relevant=[span(end=400, text="silver")]),
            "relevant.0.end: 400 is beyond the document's 32 characters",
        ),
        (row(relevant=[span(text="silver")]), "questions.jsonl:2: relevant.0.text: the document says 'gold 🥇'"),
        (row(rubrics={"5": " "}), "questions.jsonl:2: rubrics.5: "),
        (row(rubrics=["good"]), "questions.jsonl:2: rubrics: "),
        (row(provenance=3), "questions.jsonl:2: provenance: "),
        (row(synthetic="yes"), "questions.jsonl:2: synthetic: "),
        (row(anwsers=["x"]), "questions.jsonl:2: anwsers: there is no such field; did you mean 'answers'?"),
        (row(history=[{"role": "system", "text": "x"}]), "questions.jsonl:2: history.0.role: "),
        ("{nonsense", "questions.jsonl:2: not a JSON object"),
        ("[1]", "questions.jsonl:2: row: "),
    ],
)
def test_every_problem_names_file_line_and_field(tmp_path: Path, bad: Any, message: str) -> None:
    folder = make(tmp_path, row(id="first"), bad)
    with pytest.raises(GoldenSetError) as caught:
        load_golden(folder)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_all_problems_are_there_and_the_first_are_shown(tmp_path: Path) -> None:
    folder = make(tmp_path, *(row(id=f"q{i}", kind="x") for i in range(9)))
    with pytest.raises(GoldenSetError, match=r"jsonl:1: .*jsonl:5: .*\(and 4 more; .*golden check") as caught:
        load_golden(folder)
    assert [line.split(":")[1] for line in caught.value.problems] == [str(n) for n in range(1, 10)]


def test_a_document_that_is_no_text_is_one_problem_among_others(tmp_path: Path) -> None:
    folder = make(tmp_path, row(relevant=[span(doc_id="b.md")]), row(id="q2", relevant=[span(doc_id="b.md")], kind="x"))
    (folder / "docs" / "b.md").write_bytes(b"\xff\xfe")
    with pytest.raises(GoldenSetError) as caught:
        load_golden(folder)
    assert len(caught.value.problems) == 2 and caught.value.problems[0].startswith("docs/b.md: cannot be read")


def test_documents_jsonl_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text(json.dumps(row(relevant=["d:1"])))
    good = {"doc_id": "d:1", "title": "", "text": "x"}
    (tmp_path / "documents.jsonl").write_text(json.dumps(good))
    assert load_golden(tmp_path).documents.name == "documents.jsonl"
    (tmp_path / "documents.jsonl").write_text(json.dumps(good) + "\n" + json.dumps(good))
    with pytest.raises(GoldenSetError, match="documents.jsonl:2: doc_id: 'd:1' was used before"):
        load_golden(tmp_path)


def test_a_folder_that_is_no_set(tmp_path: Path) -> None:
    with pytest.raises(GoldenSetError, match="no questions.jsonl"):
        load_golden(tmp_path)
    (tmp_path / "questions.jsonl").write_text("")
    with pytest.raises(GoldenSetError, match="neither docs/ nor documents.jsonl"):
        load_golden(tmp_path)
    (tmp_path / "docs").mkdir()
    with pytest.raises(GoldenSetError, match="holds no question"):
        load_golden(tmp_path)
    (tmp_path / "documents.jsonl").write_text("")
    with pytest.raises(GoldenSetError, match="both"):
        load_golden(tmp_path)


def test_selection(tmp_path: Path) -> None:
    golden = load_golden(
        make(
            tmp_path,
            row(id="1", split="dev", tags=["x", "y"], type="claim"),
            row(id="2", split="sealed", tags=["y"], answerable=False),
            row(id="3", split="dev"),
        )
    )
    ids = lambda **kw: [case.id for case in select_cases(golden, **kw).cases]  # noqa: E731
    assert ids() == ["1", "2", "3"]
    assert ids(split="dev") == ["1", "3"]
    assert ids(where=["tags=y"]) == ["1", "2"]
    assert ids(split="dev", where=["tags=y", "type=claim"]) == ["1"]
    assert ids(where=["answerable=false"]) == ids(where=["expect=abstain"]) == ["2"]
    assert select_cases(golden, "dev").sha256 == golden.sha256
    for wrong, message in (
        ({"where": ["level=1"]}, "no case of .* has it; fields: .*tags"),
        ({"where": ["type"]}, "needs key=value"),
        ({"split": "select"}, "no case .* is left .*dev, sealed"),
    ):
        with pytest.raises(ConfigError, match=message):
            select_cases(golden, **wrong)  # type: ignore[arg-type]


def test_opening_sealed_cases_is_logged_and_nothing_else_is(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", row(id="1", split="dev"), row(id="2", split="sealed"))
    home = tmp_path / "home"
    open_golden(folder, home=home, now=NOW, split="dev")
    assert not (home / "sealed.log").exists()
    open_golden(folder, home=home, now=NOW)
    open_golden(folder, home=home, now=NOW, split="sealed")
    entries = [json.loads(line) for line in (home / "sealed.log").read_text().splitlines()]
    assert [entry["split"] for entry in entries] == [None, "sealed"]
    assert entries[0] | {"sha256": ""} == {
        "at": "2030-01-01T00:00:00+00:00", "set": "set", "sha256": "", "sealed_cases": 1, "split": None, "where": {},
    }  # fmt: skip

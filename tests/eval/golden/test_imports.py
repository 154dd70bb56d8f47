"""Sets of other tools come in whole, say what they lose, and are read back strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.golden.imports import import_set
from rag.errors import ConfigError, GoldenSetError, UnknownKeyError


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "kb"
    folder.mkdir()
    (folder / "wash.md").write_text("# Washing\n\nWash at 30 degrees. Dry flat.\n", encoding="utf-8")
    return folder


def rows(path: Path, *items: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def test_promptfoo(tmp_path: Path, docs: Path) -> None:
    tests = tmp_path / "promptfoo.yaml"
    tests.write_text(
        """
prompts: ["{{question}}"]
tests:
  - description: temperature
    vars: {question: "How hot?"}
    assert:
      - {type: icontains, value: 30 degrees}
      - {type: contains-any, value: [thirty, "30"]}
      - {type: latency, threshold: 500}
    metadata: {id: hot, tags: [care]}
  - vars: {query: "Who founded Atlantis?"}
    assert: [{type: is-refusal}]
  - vars: {name: nobody asks}
""",
        encoding="utf-8",
    )
    golden, left = import_set("promptfoo", tests, tmp_path / "set", docs)
    hot, atlantis = golden.cases
    assert (hot.id, hot.answers, hot.tags, hot.answerable) == ("hot", ("30 degrees", "thirty", "30"), ("care",), True)
    assert (atlantis.id, atlantis.answerable, atlantis.expect) == ("test-2", False, "abstain")
    assert left == {
        "assertion latency": 1,
        "test with name and no question (one of the vars question, query, input, prompt, message)": 1,
    }


def test_ragas_rows_with_documents_become_spans(tmp_path: Path, docs: Path) -> None:
    source = rows(
        tmp_path / "testset.jsonl",
        {"user_input": "How hot?", "reference": "30", "reference_contexts": ["Wash at 30 degrees.", "Not there."]},
        {"question": "Who?", "answerable": False, "ground_truth": "nobody"},
        {"reference": "no question"},
    )
    golden, left = import_set("ragas", source, tmp_path / "set", docs)
    gold = golden.cases[0].spans[0]
    assert (gold.doc_id, gold.span.start, gold.text) == ("wash.md", 11, "Wash at 30 degrees.")
    assert not golden.cases[1].answerable and golden.cases[1].answers == ()
    assert left == {"context that is in no document": 1, "row without a question": 1}


def test_ragas_rows_without_documents_bring_their_contexts(tmp_path: Path) -> None:
    source = rows(
        tmp_path / "t.jsonl",
        {"question": "a?", "contexts": ["One.", "Two."], "answer": "x"},
        {"question": "b?", "contexts": ["Two."], "answer": "y"},
    )
    golden, _ = import_set("ragas", source, tmp_path / "set")
    assert golden.cases[0].doc_ids == ("context-1", "context-2") and golden.cases[1].doc_ids == ("context-2",)


@pytest.mark.parametrize("indent", [None, 2])
def test_ragas_rows_in_one_json_array_are_those_of_its_lines(tmp_path: Path, docs: Path, indent: int | None) -> None:
    items = [{"user_input": "How hot?", "reference": "30", "reference_contexts": ["Wash at 30 degrees."]}]
    lines = rows(tmp_path / "lines.jsonl", *items)
    array = tmp_path / "array.json"
    array.write_text(json.dumps(items, indent=indent), encoding="utf-8")
    found = [import_set("ragas", source, tmp_path / f"set{source.stem}", docs)[0].cases for source in (lines, array)]
    assert found[0] == found[1] and len(found[0]) == 1


def test_beir(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    rows(
        folder / "corpus.jsonl", {"_id": "d1", "title": "T", "text": "One."}, {"_id": "d 2", "text": "Two."},
        {"_id": "empty", "text": " "},
    )  # fmt: skip
    rows(folder / "queries.jsonl", {"_id": "q1", "text": "one?"}, {"_id": "q2", "text": "two?"})
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td 2\t0\nq9\td1\t1\n")
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td 2\t2\nq2\tgone\t1\n")
    golden, left = import_set("beir", folder, tmp_path / "set")
    assert {case.id: (case.doc_ids, case.split) for case in golden.cases} == {
        "q1": (("d1",), "sealed"),
        "q2": (("d 2",), "dev"),
    }
    assert left == {
        "document without text": 1,
        "judgement of not relevant": 1,
        "judged document that is not in the corpus": 1,
        "query without a text": 1,
    }


def test_trec_topics_and_qrels(tmp_path: Path, docs: Path) -> None:
    folder = tmp_path / "trec"
    folder.mkdir()
    (folder / "topics.txt").write_text(
        "<top>\n<num> Number: 301\n<title> washing heat\n<desc> Description:\nx\n</top>\n"
        "<top>\n<num> Number: 302\n<title> nothing\n</top>\n"
    )
    (folder / "qrels.txt").write_text("301 0 wash.md 2\n301 0 other.md 0\n")
    golden, left = import_set("trec", folder, tmp_path / "set", docs)
    assert [(case.id, case.question, case.doc_ids) for case in golden.cases] == [("301", "washing heat", ("wash.md",))]
    assert left == {"judgement of not relevant": 1, "topic without a relevant document": 1}


def test_our_own_trec_export_comes_back(tmp_path: Path, docs: Path) -> None:
    folder = tmp_path / "trec"
    folder.mkdir()
    (folder / "topics.tsv").write_text("a%20b\tHow hot?\n", encoding="utf-8")
    (folder / "qrels.trec").write_text("a%20b 0 wash.md 1\n", encoding="utf-8")
    golden, _ = import_set("trec", folder, tmp_path / "set", docs)
    assert golden.cases[0].id == "a b"


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        ("promptfoo", "a: b", "source holds no tests but the keys a; promptfoo tests are a list"),
        ("promptfoo", "tests: file://tests.csv", "only names the file of its tests, file://tests.csv"),
        ("promptfoo", "tests: [file://a.yaml, file://b.yaml]", "only names the file of its tests, file://a.yaml, f"),
        ("promptfoo", "[{vars: {ask: why}}]", "holds no case: 1 test with ask and no question"),
        ("promptfoo", "[{assert: []}, {vars: x}]", "holds no case: 2 test with no vars and no question"),
        ("promptfoo", "tests: [", "cannot read"),
        ("ragas", "[1]", "source: item 1 of its JSON array is no object"),
        ("ragas", '[{"user_input": "q"}, "x"]', "source: item 2 of its JSON array is no object"),
        ("ragas", '{"samples": [], "version": 1}', "source: one JSON object with the keys samples, version"),
        ("ragas", '[{"prompt": "q"}]', "holds no case: 1 row without a question"),
        ("ragas", '{"question": "q"}\n[1]\n', "source:2: not a JSON object but list"),
        ("ragas", "{", "source:1: not a JSON object"),
        ("ragas", "", "holds no case"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, docs: Path, format: str, content: str, message: str) -> None:
    source = tmp_path / "source"
    source.write_text(content, encoding="utf-8")
    with pytest.raises(GoldenSetError, match=message):
        import_set(format, source, tmp_path / "set", docs)
    assert not (tmp_path / "set").exists()


def test_an_unknown_format_a_full_folder_and_a_set_without_documents(tmp_path: Path, docs: Path) -> None:
    source = rows(tmp_path / "t.jsonl", {"question": "a?"})
    with pytest.raises(UnknownKeyError, match="promptfoo"):
        import_set("xml", source, tmp_path / "set")
    with pytest.raises(ConfigError, match="not empty"):
        import_set("ragas", source, docs)
    with pytest.raises(ConfigError, match="--documents"):
        import_set("ragas", source, tmp_path / "set")

"""The retrieval benchmark over two tiny sets: every system on every set, each pair compared once."""

import json
import shutil
from math import inf
from pathlib import Path

import pytest

from eval.bench.figures import write_figures
from eval.bench.retrieval_bench import DEFAULT, SYSTEMS, Options, SetResult, _on_set, bench_retrieval, pooled
from rag.errors import ConfigError
from rag.rerank.learned import WEIGHTS

TEXTS = {
    "kettle.md": "# Kettle\n\nThe kettle switches itself off after ninety seconds.\n",
    "lamp.md": "# Lamp\n\nThe lamp takes two watts and dims with the wheel.\n",
    "fan.md": "# Fan\n\nThe fan is cleaned with a dry brush once a month.\n",
}
QUESTIONS = {"kettle.md": "When does the kettle switch off?", "lamp.md": "How many watts does the lamp take?"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, spans in (("documents", False), ("spans", True)):
        folder = tmp_path / "data" / name
        (folder / "docs").mkdir(parents=True)
        for file, text in TEXTS.items():
            (folder / "docs" / file).write_text(text)
        rows = [row(file, question, spans) for file, question in QUESTIONS.items()]
        (folder / "questions.jsonl").write_text("".join(json.dumps(item) + "\n" for item in rows))
    return tmp_path / "data"


def row(file: str, question: str, spans: bool) -> dict[str, object]:
    text = TEXTS[file].rsplit("\n\n", 1)[1].strip()
    start = TEXTS[file].index(text)
    gold = {"doc_id": file, "start": start, "end": start + len(text), "text": text} if spans else file
    return {"id": file, "question": question, "answerable": True, "relevant": [gold], "split": "dev"}


def test_every_system_is_measured_and_compared(data, tmp_path, model_cache, monkeypatch):
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))
    monkeypatch.setattr("rag.context.compress.LEAST_CHARS", 0)  # these documents are too small to be compressed else
    figures = bench_retrieval(Options(data, ("documents", "spans"), extra=("rerank.weight=1",)), tmp_path / "home")
    assert figures["primary"] == {"documents": "nDCG@10", "spans": "recall@4000ch"}
    for found in figures["sets"].values():
        assert found.keys() == {*SYSTEMS, "candidate"}
        assert found[DEFAULT]["MRR@10"].value == 1.0 and found[DEFAULT]["MRR@10"].n == 2
    assert figures["sets"]["documents"]["bm25"]["recall@4000ch"].value is None
    assert figures["pooled"].keys() == {"bm25", "dense", "rrf", "candidate"}
    assert figures["context"].keys() == {"spans"}
    for name, found in figures["context"]["spans"].items():
        assert found["compressed"]["recall"].n == found["recall_difference"].n == 2
        assert found["compressed"]["tokens"].value <= min(
            found["whole"]["tokens"].value, float(name) if name.isdigit() else inf
        )
        assert found["compressed"]["precision"].value >= found["whole"]["precision"].value > 0
    assert figures["context"]["spans"]["no budget"]["tokens_share"].value <= 0.6
    written = json.loads(write_figures(tmp_path, "retrieval", figures).read_text())
    assert written["sets"]["spans"][DEFAULT]["recall@4000ch"].keys() >= {"value", "n", "low", "high"}


def test_a_folder_that_is_no_set_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no golden set"):
        bench_retrieval(Options(tmp_path, ("missing",)), tmp_path / "home")


def test_cases_without_a_value_are_left_out_of_the_pairs():
    values = {
        DEFAULT: {"m": (1.0, None, 1.0, 0.5)},
        "bm25": {"m": (0.0, 1.0, 1.0, None)},
    }
    found = pooled([SetResult("s", "m", ("a", "b", "c", "d"), values)], ["bm25"])["bm25"]
    assert found["difference"].value == 0.5 and found["difference"].n == 2
    assert found["p_holm"].value == found["p"].value


def test_weights_that_never_saw_a_set_judge_it(data, tmp_path, model_cache, monkeypatch):
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))
    left_out = tmp_path / "each"
    left_out.mkdir()
    options = Options(data, ("documents",), extra=("retrieval.top_k=7",), left_out=left_out)
    with pytest.raises(ConfigError, match="documents.json"):
        bench_retrieval(options, tmp_path / "home")
    shutil.copy(WEIGHTS, left_out / "documents.json")
    figures = bench_retrieval(options, tmp_path / "home")
    assert figures["about"]["trained_parts"] == "fitted without the set"
    assert figures["sets"]["documents"][DEFAULT]["MRR@10"].value == 1.0
    reranking = {DEFAULT: options.default("documents"), "candidate": (*options.default("documents"), *options.extra)}
    assert _on_set(SYSTEMS | {"candidate": options.extra}, options.default("documents")) == SYSTEMS | reranking

"""The latency benchmark over some hundred chunks: what it counts is checked, no time is."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from eval.bench.aside import Aside
from eval.bench.figures import branch, figure_at, quantile_of, to_json, write_figures
from eval.bench.latency_bench import Options, _built, bench_latency, plotted
from eval.bench.latency_keys import LATENCY, contract_latency, put_latency, size_name
from eval.bench.own import BENCH_CORPUS, settings_of
from eval.bench.probe import OwnSearch
from eval.bench.volume import Base, Volume, fill
from rag.errors import ConfigError, RagwrightError
from rag.runtime import open_runtime

TEXTS = {
    "kettle.md": "# Kettle\n\nThe kettle switches itself off after ninety seconds.\n",
    "lamp.md": "# Lamp\n\nThe lamp takes two watts and dims with the wheel.\n",
    "fan.md": "# Fan\n\nThe fan is cleaned with a dry brush once a month.\n",
}
QUESTIONS = ("When does the kettle switch off?", "How many watts does the lamp take?", "How is the fan cleaned?")


@pytest.fixture(autouse=True)
def model_home(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    folder = tmp_path / "golden"
    (folder / "docs").mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text)
    rows = [
        {"id": name, "question": question, "answerable": True, "relevant": [name], "split": "dev"}
        for name, question in zip(TEXTS, QUESTIONS, strict=True)
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def base(dim: int = 384) -> Base:
    rows = np.random.default_rng(1).standard_normal((3, dim)).astype(np.float32)
    tokens = tuple(np.full((5 + i, dim // 2), i, np.uint8) for i in range(3))
    return Base(tuple(TEXTS.values()), rows / np.linalg.norm(rows, axis=1, keepdims=True), tokens)


def test_a_size_is_measured_against_its_own_exact_search_and_kept(golden: Path, tmp_path: Path) -> None:
    options = Options(golden, sizes=(150,), clients=(1, 4), rival_questions=0)
    figures = bench_latency(options, tmp_path / "work")
    found = figures["sizes"]["150"]
    assert found["p95_ms"].n == len(QUESTIONS) and found["p95_ms"].value >= found["p50_ms"].value > 0
    assert found["recall_at_10"].value == found["recall_at_100"].value == 1.0
    assert found["stages"].keys() >= {"retrieve", "fuse", "rerank", "total"}
    assert found["clients"].keys() == {"1", "4"} and found["cold"].keys() == {"evicted", "in_page_cache"}
    assert found["speedup_vs_llamaindex"].value is None and "fill_s" in found
    path = write_figures(tmp_path, "latency", figures)
    ElementTree.fromstring(plotted(figures["sizes"]))
    assert figure_at(branch(contract_latency(path), "10k"), "p95_ms").value is None


def test_the_corpus_of_a_size_is_made_once_for_one_seed(tmp_path: Path) -> None:
    assert "fill_s" in _built(tmp_path / "home", base(), 30, 0)
    assert "fill_s" not in _built(tmp_path / "home", base(), 30, 0)
    assert "fill_s" in _built(tmp_path / "home", base(), 30, 1)


def test_what_fills_a_home_is_found_in_it(tmp_path: Path) -> None:
    with open_runtime(settings_of(tmp_path / "home")) as runtime:
        fill(runtime, Volume(base(), 4), 45)
        live = runtime.catalogue.live(BENCH_CORPUS)
        index = runtime.indexes(live.index_id)
        chunks = runtime.catalogue.chunks([pk for pk, _ in runtime.catalogue.visible_chunks(live)])
        assert len(chunks) == index.vectors.count(live.id) == index.keywords.count(live.id) == 45
        for pk, chunk in chunks.items():
            text = runtime.catalogue.document(live, chunk.doc_id).text
            assert text[chunk.span.start : chunk.span.end] == chunk.text
            assert len(index.token_vectors.packed([pk])[pk]) == 4
        assert chunks[index.keywords.search("kettle", 1, live.id)[0].pk].text == TEXTS["kettle.md"]


def test_a_volume_is_seeded_begins_with_the_real_chunks_and_keeps_their_words() -> None:
    made = [block for block in Volume(base(64), 9, seed=2).blocks(2500)]
    assert [len(block.texts) for block in made] == [2000, 500] == [len(block.vectors) for block in made]
    assert tuple(made[0].texts[:3]) == base(64).texts and (made[0].vectors[:3] == base(64).vectors).all()
    words = {word for text in base(64).texts for word in text.split(" ")}
    assert all(words.issuperset(text.split(" ")) for block in made for text in block.texts)
    vectors = np.concatenate([block.vectors for block in made])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2500), abs=1e-5)
    assert len(np.unique(vectors.round(4), axis=0)) == 2500
    fewer = next(iter(Volume(base(64), 9, seed=2).blocks(70)))
    assert fewer.texts == made[0].texts[:70] and (fewer.vectors == made[0].vectors[:70]).all()
    assert next(iter(Volume(base(64), 9, seed=3).blocks(70))).texts != fewer.texts


def test_the_rivals_answer_the_same_questions(tmp_path: Path) -> None:
    rivals = pytest.importorskip("eval.bench.rivals")
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((2, 64)).astype(np.float32)
    llama = rivals.LlamaSearch(base(64), 40)
    assert len(llama.ask(QUESTIONS[:2], vectors, 10, 2).ms) == 2
    bundle = rivals._bundles(QUESTIONS[:1], base(64).vectors[:1])[0]
    best = llama._fusion(10).retrieve(bundle)
    assert len(best) == 10 and best[0].node.text == TEXTS["kettle.md"]
    assert [len(half) for half in llama.parts(QUESTIONS[:2], vectors, 10)] == [2, 2]
    assert len(rivals.RankBm25Search(base(64), 40).ask(QUESTIONS, 5).ms) == 3


def test_a_failure_aside_is_told_here_and_the_process_goes_on(tmp_path: Path) -> None:
    with Aside(OwnSearch, tmp_path / "home") as own:
        with pytest.raises(RagwrightError, match="CorpusNotFoundError"):
            own.call("ask", ["anything"], 1)
        assert own.call("memory")[0] > 0
        own._process.kill()
        with pytest.raises(RagwrightError, match="may have run out of memory"):
            own.call("memory")


def test_too_many_questions_are_refused(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 256 questions"):
        bench_latency(Options(golden, questions=300), tmp_path)


def test_the_contract_keys_are_filled_from_what_was_measured(tmp_path: Path) -> None:
    measured = {"value": 3.0, "n": 2, "low": 1.0, "high": 4.0}
    (tmp_path / "latency.json").write_text(json.dumps({"sizes": {"100k": {"p95_ms": measured, "other": 1}}}))
    found = to_json(contract_latency(tmp_path / "latency.json"))
    assert found.keys() == {"10k", "100k", "1m"} and all(tuple(keys) == LATENCY for keys in found.values())
    assert found["100k"]["p95_ms"] == measured and found["1m"]["p95_ms"]["value"] is None
    put_latency(tmp_path / "retrieval.json", found)
    assert not (tmp_path / "retrieval.json").exists()
    (tmp_path / "retrieval.json").write_text('{"sets": {"s": 1}, "latency": {}}')
    put_latency(tmp_path / "retrieval.json", found)
    assert json.loads((tmp_path / "retrieval.json").read_text()) == {"sets": {"s": 1}, "latency": found}
    assert [size_name(size) for size in (10_000, 1_000_000, 2500)] == ["10k", "1m", "2500"]


def test_quantiles_have_intervals_around_them() -> None:
    found = quantile_of([float(i) for i in range(101)], 0.95)
    assert found.value == 95.0 and found.low is not None and found.high is not None and found.low < 95.0 < found.high
    with pytest.raises(ValueError, match="no quantile"):
        quantile_of([], 0.5)

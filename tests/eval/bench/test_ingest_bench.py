"""The benchmark's code over thirty documents: what it counts is checked, no time is."""

import json
import random
import time

import pytest

from eval.bench.corpora import FORMS, edited, generated, text_corpus, write_corpus
from eval.bench.figures import Figure, mean_of, ratio_of_sums, table, to_json, unmeasured, write_figures
from eval.bench.footprint import documents
from eval.bench.ingest_bench import SPEEDUPS, VOLUME, Options, bench_ingest, full_and_edits
from eval.bench.memory import watch_memory
from eval.bench.own import own_ingestion
from eval.bench.pages import as_pages, write_pages
from eval.bench.versus import HYBRID, compare_with_llamaindex, slice_seconds
from ingest.partition import partition_file

CONTRACT = {"documents_per_s", "chunks_per_s", "wall_vs_embedding_alone", "peak_rss_mb"} | {
    f"edit_{percent}pct_cost" for percent in (0, 1, 10)
}


@pytest.fixture(scope="module")
def corpus():
    made = text_corpus(120, None)
    assert len(made.documents) >= 30 and made.made == len(made.documents)
    return made.head(60)


@pytest.fixture(autouse=True)
def model_home(model_cache, monkeypatch):
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))


@pytest.mark.accept
def test_full_ingest_and_edits_over_generated_text(corpus, tmp_path):
    figures = full_and_edits(corpus.documents, write_corpus, tmp_path, Options(alone_share=1.0, repeats=1))
    assert figures.keys() >= CONTRACT
    assert figures["chunks"] >= len(corpus.documents)
    assert all(figures[key].value > 0 for key in CONTRACT)
    written = json.loads(write_figures(tmp_path, "ingest", figures).read_text())
    assert written["edit_0pct_cost"].keys() >= {"value", "n", "low", "high"}
    assert "edit_10pct_cost" in table("ingest", figures)


@pytest.mark.accept
def test_llamaindex_reads_the_same_documents_and_finds_them(corpus, tmp_path):
    pytest.importorskip("llama_index.vector_stores.qdrant")
    corpus = corpus.head(16)  # torch reads it twice
    from eval.bench.llama_stores import keyword_package

    with own_ingestion(tmp_path / "home") as own:
        found = compare_with_llamaindex(own, corpus, tmp_path / "slices", 2)
    assert sum(found["documents"].values()) == len(corpus.documents) and found["slices"] == len(found["documents"])
    assert found["speedups_by_kind"].keys() == found["documents"].keys()
    tokens = found["tokens_embedded"]
    # its default chunks lose what lies beyond the model's window; cut at our size nothing is lost
    assert tokens["llamaindex"] < tokens["llamaindex_same_chunks"] == tokens["llamaindex_same_runtime"]
    speedups = found["speedups"]
    assert speedups.keys() >= {*SPEEDUPS.values(), "llamaindex_same_runtime_json"}
    assert all(figure.value > 0 for name, figure in speedups.items() if name != HYBRID)
    assert (speedups[HYBRID].value is None) == (keyword_package() == "")
    scores = found["quality"]["nDCG@10"]
    assert all(0 < figure.value <= 1 for figure in scores.values())
    assert found["quality"]["verdict"] in {"PASS", "FAIL", "INCONCLUSIVE"}


def test_what_is_left_out_is_unmeasured(tmp_path):
    figures = bench_ingest(Options(chunks=3, parts=()), tmp_path)
    assert all(figures[key].value is None for key in SPEEDUPS)


def test_every_system_meets_every_slice_in_turning_order(tmp_path):
    order = []
    systems = {name: lambda folder, name=name: order.append((name, folder)) for name in "ab"}
    seconds = slice_seconds(systems, [tmp_path / "0", tmp_path / "1"])
    assert [name for name, _ in order] == ["a", "b", "b", "a"]
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_edits_change_the_share_asked_for_and_only_their_files(corpus, tmp_path):
    write_corpus(corpus.documents, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    time.sleep(0.02)
    changed = edited(corpus.documents, 0.1, random.Random(1))
    write_corpus(changed, tmp_path)
    different = {old.name for old, new in zip(corpus.documents, changed, strict=True) if old.text != new.text}
    assert len(different) == round(0.1 * len(corpus.documents))
    touched = {path.name for path in tmp_path.iterdir() if path.stat().st_mtime_ns != before[path.name]}
    assert touched - {"documents.jsonl"} == {name for name in different if "." in name}
    assert edited(corpus.documents, 0.0, random.Random(1)) == list(corpus.documents)


def test_generated_corpora_are_seeded_and_in_all_forms(corpus):
    assert generated(5, random.Random(3)) == generated(5, random.Random(3))
    assert {document.form for document in corpus.documents} == set(FORMS)
    names = {document.name for document in corpus.documents}
    assert corpus.questions and all(names.issuperset(question.relevant) for question in corpus.questions)


def test_pages_keep_the_text(corpus, tmp_path):
    pages = as_pages(corpus.documents[:9])
    write_pages(pages, tmp_path)
    assert [page.form for page in pages].count("pdf") == 2
    for page in pages[:2]:
        clean = partition_file(tmp_path / page.name, page.name, pdf_strategy="fast").text
        assert set(page.text.split()[:20]) <= set(clean.split())
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_pages(pages, tmp_path)
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_figures():
    ratio = ratio_of_sums([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert (ratio.value, ratio.n) == (2.0, 3) and ratio.low == ratio.high == 2.0
    assert ratio_of_sums([3.0], [2.0]) == Figure(1.5, 1)
    with pytest.raises(ValueError, match="pairs"):
        ratio_of_sums([1.0], [])
    assert mean_of([1.0, 2.0, 3.0]).value == 2.0
    assert to_json({"a": {"b": unmeasured("why")}}) == {
        "a": {"b": {"value": None, "n": 0, "low": None, "high": None, "note": "why"}}
    }


def test_peak_memory_sees_what_was_held_meanwhile():
    with watch_memory() as peak:
        before = peak.mb
        held = bytearray(64 * 1024 * 1024)
        held[::4096] = b"x" * len(held[::4096])
        peak.sample()
    assert peak.mb > before + 50


@pytest.mark.accept
def test_volume_is_ingested_without_a_model_and_its_memory_told_apart(tmp_path):
    figures = bench_ingest(Options(parts=(VOLUME,), gigabytes=0.0004), tmp_path)[VOLUME]
    assert 10 < figures["documents"] < figures["chunks"]
    parts = [figures["parent"], figures["workers"], figures["asked"]]
    assert all(part["own_mb"].value > 0 and part["files_mb"].value > 0 for part in parts)
    assert figures["peak_own_mb"].value >= max(part["own_mb"].value for part in parts[:2])
    assert figures["stages_own_mb"].keys() >= {"scan", "documents", "publish"}
    assert figures["curve_own_mb"] and figures["disk_mb"].value > 0


def test_the_vocabulary_of_volume_grows_and_equal_seeds_make_equal_documents():
    def words(size):
        return {word for document in documents(size, None, seed=0) for word in document.text.split()}

    small, large = words(50_000), words(1_000_000)
    assert small < large and sum(word.startswith("w") and "q" in word for word in large - small) > 50
    assert list(documents(50_000, None, seed=0)) == list(documents(50_000, None, seed=0))
    assert len({document.name for document in documents(200_000, None, seed=1)}) > 10

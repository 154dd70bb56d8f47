"""The cross-encoder's recipe at toy size: what is mined, that a killed run goes on, what is written."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.bench.ranking_data import Pool
from eval.bench.retrieval_bench import primaries
from eval.golden import Case
from eval.recipes.cross_encoder import Plan, checkpoints, train
from eval.recipes.hard_negatives import Group, asked_in, groups_of, write_ranking_sets
from eval.recipes.train_reranker import MAX_MB, Options, main
from rag.bridge import run_sync
from rag.errors import ConfigError, ModelError
from rag.models.cross_encoder import MODEL, OnnxCrossEncoder
from rag.rerank.rerankers import CrossEncoderReranker
from rag.settings import Settings
from tests.eval.recipes.sets import write_set
from tests.fakes import make_hit, make_query

GROUPS = [
    Group(f"what is the colour of thing {n}", (f"thing {n} is red",), (f"thing {n} is old", "nothing", "a sea"))
    for n in range(6)
]
PLAN = Plan(steps=4, questions=2, negatives=2, max_tokens=32, save_every=2)


class Killed(Exception):
    pass


def tensors(checkpoint: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(str(checkpoint / "model.safetensors"))


def test_negatives_hold_no_gold_and_positives_most_of_one() -> None:
    hits = tuple(make_hit(f"text {doc}", doc, rank=rank) for rank, doc in enumerate("abc", 1))
    case = Case("q", "a question", True, "answer", doc_ids=("b",))
    nothing = Case("q", "a question", True, "answer", doc_ids=("x",))
    pools = [Pool(one, make_query("a question"), hits) for one in (case, nothing)]
    assert groups_of(pools) == [Group("a question", ("text b",), ("text a", "text c"))]


def test_ranking_rows_become_sets_without_the_questions_of_others(tmp_path: Path) -> None:
    rows = [
        {"query": "What is red?", "positive": "Roses are.", "negatives": ["The sea.", "The sea."]},
        {"query": "what IS blue", "positive": "The sea."},
    ]
    with gzip.open(tmp_path / "pairs.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "questions.jsonl").write_text(json.dumps({"question": "What is blue?"}) + "\n")
    (folder,) = write_ranking_sets(tmp_path, tmp_path / "out", 10, asked_in(tmp_path))
    documents = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert folder.name == "ranking-pairs" and [row["text"] for row in documents] == ["Roses are.", "The sea."]
    assert [(row["question"], row["relevant"]) for row in questions] == [("What is red?", [documents[0]["doc_id"]])]
    assert write_ranking_sets(tmp_path, tmp_path / "none", 10, asked_in(tmp_path), ("pair", "x")) == []


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(toy_bert: Path, tmp_path: Path) -> None:
    whole = train(toy_bert, GROUPS, tmp_path / "whole", PLAN, "cpu")

    def kill(step: int, loss: float, seconds: float) -> None:
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        train(toy_bert, GROUPS, tmp_path / "cut", PLAN, "cpu", kill)
    assert [path.name for path in checkpoints(tmp_path / "cut")] == ["step-0000002"]
    steps: list[int] = []
    resumed = train(toy_bert, GROUPS, tmp_path / "cut", PLAN, "cpu", lambda step, *_: steps.append(step))
    assert steps == [3, 4] and resumed.name == whole.name == "step-0000004"
    one, two, start = tensors(whole), tensors(resumed), tensors(toy_bert)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert any(not np.array_equal(one[f"bert.{name}"], start[name]) for name in start if f"bert.{name}" in one)
    pickled = {".bin", ".pt", ".pth", ".pkl"}
    assert not [path for path in (tmp_path / "cut").rglob("*") if path.suffix in pickled]


def test_a_folder_of_another_training_is_refused(toy_bert: Path, tmp_path: Path) -> None:
    train(toy_bert, GROUPS, tmp_path, Plan(steps=1, questions=1, negatives=1, max_tokens=16), "cpu")
    with pytest.raises(ConfigError, match="another --out"):
        train(toy_bert, GROUPS[:2], tmp_path, Plan(steps=1, questions=1, negatives=1, max_tokens=16), "cpu")
    with pytest.raises(ConfigError, match="no group"):
        train(toy_bert, [], tmp_path, PLAN, "cpu")


def test_the_recipe_trains_exports_and_judges_a_set_it_left_out(
    toy_bert: Path, tmp_path: Path, settings: Settings
) -> None:
    held, other = sorted(name for name, metric in primaries().items() if not metric.endswith("ch"))[:2]
    data = tmp_path / "data"
    for name in (held, other):
        write_set(data / name)
    options = Options(data, tmp_path / "out", held, device="cpu")
    with_none = settings.changed({"rerank.name": "none"})
    report = main(options, PLAN, toy_bert, with_none, lambda *_: None)
    assert report.startswith("2 groups, 4 steps") and f"| {held} " in report and f"| {other} " not in report
    assert (tmp_path / "out" / MODEL).stat().st_size < MAX_MB * 1e6

    pairs = [("what is red", "roses are red"), ("what is red", "the sea " * 200)]
    model = OnnxCrossEncoder(tmp_path / "out")
    scores = model.predict(pairs)
    assert scores == [*model.predict(pairs[:1]), *model.predict(pairs[1:])] and len(set(scores)) == 2
    expected = original(checkpoints(tmp_path / "out" / "training")[-1], pairs[0])
    assert scores[0] == pytest.approx(expected, abs=0.05), "int8 stays close to what was trained"

    stage = CrossEncoderReranker(str(tmp_path / "out"), 5, 1.0)
    hits = [make_hit("roses are red"), make_hit("the sea", "b")]
    found = run_sync(stage.rerank(make_query("what is red"), hits))
    assert {hit.stages["cross-encoder"].rank for hit in found} == {1, 2}
    with pytest.raises(ConfigError, match="hold out"):
        main(Options(data, tmp_path / "out", "none-such"), PLAN, toy_bert, with_none, lambda *_: None)


def test_all_sets_can_be_held_out_and_judged_by_one_training(
    toy_bert: Path, tmp_path: Path, settings: Settings
) -> None:
    held = sorted(name for name, metric in primaries().items() if not metric.endswith("ch"))[:2]
    data = tmp_path / "data"
    for name in held:
        write_set(data / name)
    (data / "train" / "ranking").mkdir(parents=True)
    rows = [{"query": "what is green", "positive": "The grass.", "negatives": ["The sea.", "A rose."]}]
    for name in (f"{held[0]}_more", "pairs"):
        with gzip.open(data / "train" / "ranking" / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    plan = replace(PLAN, bf16=True)
    options = Options(data, tmp_path / "out", "all", device="cpu")
    report = main(options, plan, toy_bert, settings.changed({"rerank.name": "none"}), lambda *_: None)
    assert report.startswith("1 groups, 4 steps") and all(f"| {name} " in report for name in held)


def original(checkpoint: Path, pair: tuple[str, str]) -> float:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    encoded = AutoTokenizer.from_pretrained(str(checkpoint))(*pair, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained(str(checkpoint)).eval()
    with torch.no_grad():
        return float(model(**encoded).logits[0, 0])


async def test_a_damaged_model_file_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes(b"no model")
    with pytest.raises(ModelError, match="rerank.model"):
        await CrossEncoderReranker(str(tmp_path), 5, 0.5).rerank(make_query("a question"), [make_hit("text")])

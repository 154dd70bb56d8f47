"""The question encoder's recipe at toy size: that a killed run goes on, what is learned, written and read again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from eval.bench.retrieval_bench import primaries
from eval.recipes.question_encoder import Example, Plan, train
from eval.recipes.train_question_encoder import Options, main
from rag.errors import ConfigError, ModelError
from rag.models.adapter import apply_adapter, write_adapter
from rag.settings import Settings
from rag.types import Vectors
from tests.eval.recipes.sets import write_set

PLAN = Plan(steps=6, questions=2, negatives=2, rank=2, save_every=2, learning_rate=0.01)
EXAMPLES = [Example(f"what is thing {n}", "corpus", (n,), (n + 10, n + 20, n + 30)) for n in range(4)]


def read(corpus: str, pks: Sequence[int]) -> Mapping[int, Vectors]:
    """Every passage is five random directions of its own."""
    assert corpus == "corpus"
    found = {}
    for pk in pks:
        rows = np.random.default_rng(pk).normal(size=(5, 16)).astype(np.float32)
        found[pk] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


class Killed(Exception):
    pass


def tensors(checkpoint: Path) -> dict[str, Vectors]:
    from safetensors.numpy import load_file

    return load_file(str(checkpoint))


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(toy_bert: Path, tmp_path: Path) -> None:
    whole = tensors(train(toy_bert, EXAMPLES, read, tmp_path / "whole", PLAN))

    def kill(step: int, loss: float, seconds: float) -> None:
        if step == 5:
            raise Killed

    with pytest.raises(Killed):
        train(toy_bert, EXAMPLES, read, tmp_path / "cut", PLAN, kill)
    steps: list[int] = []
    resumed = tensors(train(toy_bert, EXAMPLES, read, tmp_path / "cut", PLAN, lambda step, *_: steps.append(step)))
    assert steps == [5, 6]
    assert whole.keys() == resumed.keys() and all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_training_brings_questions_nearer_to_their_passages(toy_bert: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    plan = Plan(steps=60, questions=4, negatives=3, rank=4, learning_rate=0.02)
    train(toy_bert, EXAMPLES, read, tmp_path, plan, lambda _, loss, __: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_another_training_and_no_examples_are_refused(toy_bert: Path, tmp_path: Path) -> None:
    train(toy_bert, EXAMPLES, read, tmp_path, Plan(steps=1, questions=1))
    with pytest.raises(ConfigError, match="another --out"):
        train(toy_bert, EXAMPLES[:2], read, tmp_path, Plan(steps=1, questions=1))
    with pytest.raises(ConfigError, match="nothing to train on"):
        train(toy_bert, [], read, tmp_path / "none", PLAN)


def test_an_adapter_adds_its_factors_and_one_of_another_model_is_refused(toy_bert: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    layer = "encoder.layer.0.attention.self.query"
    up, down = torch.ones(16, 1).half(), torch.full((1, 16), 0.5).half()
    write_adapter(tmp_path / "a.safetensors", {f"{layer}.up": up, f"{layer}.down": down})
    model = AutoModel.from_pretrained(str(toy_bert))
    before = model.get_submodule(layer).weight.detach().clone()
    apply_adapter(model, tmp_path / "a.safetensors")
    assert torch.allclose(model.get_submodule(layer).weight, before + 0.5)
    write_adapter(tmp_path / "b.safetensors", {"elsewhere.up": up, "elsewhere.down": down})
    for name in ("b.safetensors", "missing.safetensors"):
        with pytest.raises(ModelError, match="does not fit"):
            apply_adapter(model, tmp_path / name)


@pytest.mark.accept
def test_the_recipe_trains_writes_and_judges_sets_that_it_left_out(tmp_path: Path, settings: Settings) -> None:
    from rag.models.embedders import PACKAGED
    from rag.models.weights import packaged_folder

    held = next(name for name, metric in sorted(primaries().items()) if not metric.endswith("ch"))
    data = tmp_path / "data"
    write_set(data / held)
    (data / "train" / "ranking").mkdir(parents=True)
    rows = [
        {"query": "what is green", "positive": "The grass is.", "negatives": ["The sea is wide.", "A rose smells."]},
        {"query": "what is wide", "positive": "The sea is wide.", "negatives": ["A rose smells."]},
    ]
    for name in (f"{held}_more", "pairs"):
        with gzip.open(data / "train" / "ranking" / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    options = Options(data, tmp_path / "out")
    plan = Plan(steps=2, questions=2, negatives=1, rank=1, bf16=True)
    base = packaged_folder(PACKAGED["minilm"])
    none = settings.changed({"rerank.name": "none"})
    report = main(options, plan, base, none, lambda *_: None)
    assert report.startswith("2 examples, 2 steps") and f"| {held} " in report
    again = main(
        options, plan, base, settings.changed({"rerank.name": "none"}), lambda *_: pytest.fail("trained again")
    )
    assert again == report

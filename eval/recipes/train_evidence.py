"""Train the evidence model: `python -m eval.recipes.train_evidence --data $RAGWRIGHT_DATA --out F`.

Fine-tunes the packaged encoder as a cross-encoder that reads a claim and evidence and says whether the evidence
supports it (`eval.recipes.evidence_data` says on what), and writes `F/model.onnx` (int8) with its tokenizer. Killed, it
goes on at its last checkpoint, also with other `--steps`: the rate is constant until the last fifth of the steps, so a
training can be ended early by naming fewer of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.recipes.evidence_data import Pair, training_pairs
from eval.recipes.training import Progress
from eval.recipes.word_swap import WordSwap
from rag.models.cross_encoder import MODEL, TOKENIZER
from rag.models.embedders import PACKAGED
from rag.models.export import export_cross_encoder
from rag.models.weights import check_folder, packaged_folder

_BASE = "minilm"
_SAVE_EVERY_S = 600.0
_POOL = 64  # batches sorted by length together
_FALLING = 0.2
_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train; the embeddings and the first `frozen` layers keep their weights."""

    steps: int = 2400
    batch: int = 32
    max_tokens: int = 128
    learning_rate: float = 1.5e-4
    warmup_steps: int = 60
    frozen: int = 2
    threads: int = 2
    seed: int = 0


def train(base: Path, pairs: Sequence[Pair], out: Path, plan: Plan, report: Progress) -> Path:
    """Train to `plan.steps`, from the last checkpoint in `out` if there is one; return the last checkpoint."""
    trainer = _Trainer(base, out, plan)
    batches = _Batches(pairs, plan)
    saved = time.monotonic()
    while trainer.step < plan.steps:
        started = time.perf_counter()
        loss = trainer.advance(batches.at(trainer.step))
        report(trainer.step, loss, time.perf_counter() - started)
        if time.monotonic() - saved >= _SAVE_EVERY_S or trainer.step == plan.steps:
            trainer.save()
            saved = time.monotonic()
    return checkpoints(out)[-1]


def checkpoints(out: Path) -> list[Path]:
    """Return the complete checkpoints of a training folder, the oldest first."""
    return sorted(path for path in out.glob("step-*") if path.suffix != ".new")


class _Batches:
    """The pairs of each step: of about one length, so that little is padded; an epoch takes every pair once."""

    def __init__(self, pairs: Sequence[Pair], plan: Plan) -> None:
        self._pairs, self._plan = pairs, plan
        self._lengths = np.array([len(pair.claim) + len(pair.evidence) for pair in pairs])

    def at(self, step: int) -> list[Pair]:
        """Return the pairs of a step, counted from 0."""
        plan = self._plan
        pool, place = divmod(step, _POOL)
        size = plan.batch * _POOL
        start = pool * size % max(1, len(self._pairs) - size + 1)
        chosen = np.arange(start, min(start + size, len(self._pairs)))
        order = chosen[np.argsort(self._lengths[chosen], kind="stable")]
        places = np.random.default_rng([plan.seed, pool, _EPOCHS]).permutation(_POOL)
        first = int(places[place]) * plan.batch
        return [self._pairs[int(i)] for i in np.resize(order[first : first + plan.batch], plan.batch)]


class _Trainer:
    """A model, its optimizer, and how far they are."""

    def __init__(self, base: Path, out: Path, plan: Plan) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.set_num_threads(plan.threads)
        torch.manual_seed(plan.seed)
        done = checkpoints(out)
        source = done[-1] if done else base
        self.step = int(source.name.partition("-")[2]) if done else 0
        self._base, self._out, self._plan = base, out, plan
        self._tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            str(source), num_labels=1, local_files_only=True
        ).train()
        _freeze(self._model, plan.frozen)
        self._trained = [weight for weight in self._model.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(self._trained, lr=plan.learning_rate, weight_decay=0.01)
        if done:
            _load_optimizer(self._optimizer, source / "optimizer.safetensors")

    def advance(self, pairs: Sequence[Pair]) -> float:
        """Take the next step; return its loss."""
        import torch

        encoded = self._tokenizer(
            [pair.claim for pair in pairs],
            [pair.evidence for pair in pairs],
            padding=True,
            truncation="longest_first",
            max_length=self._plan.max_tokens,
            return_tensors="pt",
        )
        for setting in self._optimizer.param_groups:
            setting["lr"] = self._plan.learning_rate * _share(self.step, self._plan)
        torch.manual_seed(self._plan.seed + self.step)  # of dropout
        scores = self._model(**encoded).logits[:, 0]
        labels = torch.tensor([float(pair.supported) for pair in pairs])
        weights = torch.tensor([pair.weight for pair in pairs])
        losses = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels, weights, reduction="sum")
        loss = losses / weights.sum()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write a checkpoint that is either whole or not there, and drop all but two before it."""
        from safetensors.torch import save_file

        final = self._out / f"step-{self.step:07d}"
        folder = final.with_suffix(".new")
        shutil.rmtree(folder, ignore_errors=True)
        self._model.save_pretrained(str(folder))
        self._tokenizer.save_pretrained(str(folder))
        shutil.copy(self._base / TOKENIZER, folder / TOKENIZER)
        state = self._optimizer.state_dict()["state"]
        tensors = {f"{index}.{key}": value for index, part in state.items() for key, value in part.items()}
        save_file(tensors, str(folder / "optimizer.safetensors"))
        folder.rename(final)
        for older in checkpoints(self._out)[:-3]:
            shutil.rmtree(older)


def _freeze(model: Any, layers: int) -> None:
    frozen = ("bert.embeddings.", *(f"bert.encoder.layer.{i}." for i in range(layers)))
    for name, weight in model.named_parameters():
        weight.requires_grad = not name.startswith(frozen)


def _share(step: int, plan: Plan) -> float:
    """Return the share of the rate: up over the warm-up, constant, and down over the last fifth of the steps."""
    left = (plan.steps - step) / max(1.0, _FALLING * plan.steps)
    return min((step + 1) / plan.warmup_steps, 1.0, left)


def _load_optimizer(optimizer: Any, path: Path) -> None:
    from safetensors.torch import load_file

    state: dict[int, dict[str, Any]] = {}
    for name, tensor in load_file(str(path)).items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def kept_pairs(data: Path, out: Path, base: Path, seed: int) -> list[Pair]:
    """Return the training pairs: made once, then read from where they were kept.

    A lie that stands in its evidence by chance is none and left out.
    """
    place = out / "pairs.jsonl"
    if not place.exists():
        out.mkdir(parents=True, exist_ok=True)
        made = place.with_suffix(".new")
        with made.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(pair)) + "\n" for pair in training_pairs(data, WordSwap(base), seed))
        made.rename(place)
    pairs = [Pair(**json.loads(line)) for line in place.read_text(encoding="utf-8").splitlines()]
    return [pair for pair in pairs if pair.supported or pair.claim not in pair.evidence]


def export(checkpoint: Path, out: Path) -> float:
    """Write the ONNX file and its tokenizer; return its size in MB."""
    export_cross_encoder(checkpoint, out / MODEL)
    shutil.copy(checkpoint / TOKENIZER, out / TOKENIZER)
    return (out / MODEL).stat().st_size / 1e6


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="eval.recipes.train_evidence", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of train/nli and train/ranking")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model; what is there is gone on with")
    plan = Plan()
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--batch", type=int, default=plan.batch)
    parser.add_argument("--frozen", type=int, default=plan.frozen, help="layers that keep their weights")
    parser.add_argument("--learning-rate", type=float, default=plan.learning_rate)
    parser.add_argument("--threads", type=int, default=plan.threads)
    return parser.parse_args(argv)


def _show(step: int, loss: float, seconds: float) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} step {step}: loss {loss:.3f}, {seconds:.2f} s\n")


if __name__ == "__main__":
    chosen = _arguments(None)
    packaged = packaged_folder(PACKAGED[_BASE])
    check_folder(packaged, PACKAGED[_BASE].sha256)
    wanted = Plan(
        steps=chosen.steps,
        batch=chosen.batch,
        frozen=chosen.frozen,
        learning_rate=chosen.learning_rate,
        threads=chosen.threads,
    )
    examples = kept_pairs(chosen.data, chosen.out, packaged, wanted.seed)
    last = train(packaged, examples, chosen.out / "training", wanted, _show)
    sys.stdout.write(f"{len(examples)} pairs, {wanted.steps} steps; {export(last, chosen.out):.1f} MB\n")

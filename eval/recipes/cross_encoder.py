"""Trains a cross-encoder from an encoder's weights; killed, it goes on where its last checkpoint stands.

What a step does depends on the plan, the groups and the number of the step alone, so a run that was interrupted ends
with the weights of one that was not. Checkpoints are safetensors, the optimizer's state included; nothing is pickled.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.recipes.hard_negatives import Group
from eval.recipes.training import Progress, claim, share_of_rate
from rag.errors import ConfigError

_CHARS_A_TOKEN = 4.5
_JITTER = 0.2  # of a length, so that not always the same groups meet
_EPOCHS = 1  # tells the draws of epochs from those of steps
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. A step sees `questions` groups of one positive and `negatives` negatives.

    With `bf16` matrices are multiplied in bfloat16; weights and gradients stay in float32.
    """

    steps: int = 3000
    questions: int = 8
    negatives: int = 7
    max_tokens: int = 192
    learning_rate: float = 5e-5
    warmup: float = 0.1
    seed: int = 0
    save_every: int = 100
    bf16: bool = False


def train(
    base: Path, groups: Sequence[Group], out: Path, plan: Plan, device: str, report: Progress = lambda *_: None
) -> Path:
    """Train to `plan.steps`, from the last checkpoint in `out` if there is one; return the last checkpoint.

    The loss is the cross-entropy of the positive in a softmax over its group's scores.

    Raises:
        ConfigError: there is no group, or `out` holds checkpoints of another plan or other groups.
    """
    if not groups:
        raise ConfigError("there is no group to train on: no question has both gold and other passages among its hits")
    claim(out, plan, groups)
    trainer = _Trainer(base, out, plan, device)
    lengths = _lengths(groups, plan)
    while trainer.step < plan.steps:
        started = time.perf_counter()
        loss = trainer.advance(groups, lengths)
        report(trainer.step, loss, time.perf_counter() - started)
        if trainer.step % plan.save_every == 0 or trainer.step == plan.steps:
            trainer.save()
    return checkpoints(out)[-1]


def checkpoints(out: Path) -> list[Path]:
    """Return the complete checkpoints of a training folder, the oldest first."""
    return sorted(path for path in out.glob("step-*") if path.suffix != ".new")


class _Trainer:
    """A model, its optimizer, and how far they are."""

    def __init__(self, base: Path, out: Path, plan: Plan, device: str) -> None:
        import torch
        from transformers import AutoTokenizer

        done = checkpoints(out)
        source = done[-1] if done else base
        self.step = int(source.name.partition("-")[2]) if done else 0
        self._base, self._out, self._plan, self._device = base, out, plan, device
        self._tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
        self._model = _classifier(source, plan.seed).to(device).train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=plan.learning_rate, weight_decay=0.01)
        if done:
            _load_optimizer(self._optimizer, source / "optimizer.safetensors")

    def advance(self, groups: Sequence[Group], lengths: NDArray[np.float64]) -> float:
        """Take the next step; return its loss."""
        import torch

        plan = self._plan
        pairs = _batch(groups, lengths, plan, self.step)
        encoded = self._tokenizer(
            [question for question, _ in pairs],
            [passage for _, passage in pairs],
            padding=True,
            truncation=True,
            max_length=plan.max_tokens,
            return_tensors="pt",
        ).to(self._device)
        for setting in self._optimizer.param_groups:
            setting["lr"] = plan.learning_rate * share_of_rate(self.step, plan.steps, plan.warmup)
        kind = torch.device(self._device).type
        with torch.random.fork_rng(), torch.autocast(kind, torch.bfloat16, enabled=plan.bf16):
            torch.manual_seed(plan.seed + self.step)  # of dropout
            scores = self._model(**encoded).logits.reshape(-1, 1 + plan.negatives).float()
        loss = torch.nn.functional.cross_entropy(
            scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        )
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write a checkpoint that is either whole or not there, and drop the ones before it."""
        from safetensors.torch import save_file

        final = self._out / f"step-{self.step:07d}"
        folder = final.with_suffix(".new")
        shutil.rmtree(folder, ignore_errors=True)
        self._model.save_pretrained(str(folder))
        for name in _TOKENIZER_FILES:
            if (self._base / name).is_file():
                shutil.copy(self._base / name, folder / name)
        state = self._optimizer.state_dict()["state"]
        tensors = {f"{index}.{key}": value.cpu() for index, part in state.items() for key, value in part.items()}
        save_file(tensors, str(folder / "optimizer.safetensors"))
        folder.rename(final)
        for older in checkpoints(self._out)[:-1]:
            shutil.rmtree(older)


def _classifier(source: Path, seed: int) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng():
        torch.manual_seed(seed)  # of the head, which the encoder does not have
        return AutoModelForSequenceClassification.from_pretrained(str(source), num_labels=1, local_files_only=True)


def _load_optimizer(optimizer: Any, path: Path) -> None:
    from safetensors.torch import load_file

    state: dict[int, dict[str, Any]] = {}
    for name, tensor in load_file(str(path)).items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _batch(groups: Sequence[Group], lengths: NDArray[np.float64], plan: Plan, step: int) -> list[tuple[str, str]]:
    """Return the pairs of a step, each group's positive first; short of negatives, a group repeats some."""
    rng = np.random.default_rng([plan.seed, step])
    pairs = []
    for group in (groups[i] for i in _chosen(lengths, plan, step)):
        few = len(group.negatives) < plan.negatives
        negatives = rng.choice(len(group.negatives), plan.negatives, replace=few)
        texts = [group.positives[rng.integers(len(group.positives))], *(group.negatives[i] for i in negatives)]
        pairs += [(group.question, text) for text in texts]
    return pairs


def _chosen(lengths: NDArray[np.float64], plan: Plan, step: int) -> NDArray[np.int64]:
    """Return the groups of a step, of about one length, so that little is padded; an epoch takes each of them once."""
    steps = max(1, len(lengths) // plan.questions)
    epoch, place = divmod(step, steps)
    rng = np.random.default_rng([plan.seed, epoch, _EPOCHS])
    order = np.argsort(lengths * rng.normal(1, _JITTER, len(lengths)), kind="stable")
    start = int(rng.permutation(steps)[place]) * plan.questions
    return np.resize(order[start : start + plan.questions], plan.questions)


def _lengths(groups: Sequence[Group], plan: Plan) -> NDArray[np.float64]:
    """Return about how many tokens the longest pair of each group has."""
    longest = (max(map(len, (*group.positives, *group.negatives))) + len(group.question) for group in groups)
    return np.minimum(np.fromiter(longest, np.float64, len(groups)) / _CHARS_A_TOKEN, plan.max_tokens)

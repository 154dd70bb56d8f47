"""Trains an adapter of the encoder that reads questions, against token vectors of passages that stay as they are.

A low-rank change of every linear map of the encoder (LoRA, Hu et al., https://arxiv.org/abs/2106.09685) is all that
is trained. Nothing is random but the order of the examples, and that depends on the seed and the step alone, so a run
that was interrupted ends with the weights of one that was not. Checkpoints are safetensors.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.recipes.training import Progress, claim, share_of_rate
from rag.errors import ConfigError
from rag.types import Vectors

if TYPE_CHECKING:
    import torch

ReadVectors = Callable[[str, Sequence[int]], Mapping[int, Vectors]]
"""Returns the token vectors `(t, d)` of chunks of a corpus, by pk."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question to a corpus, with the pks of chunks that hold its gold and of found ones that hold none."""

    question: str
    corpus: str
    positives: tuple[int, ...]
    negatives: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. A step sees `questions` examples; each is compared with the passages of all.

    With `bf16` matrices are multiplied in bfloat16; weights and gradients stay in float32.
    """

    steps: int = 800
    questions: int = 48
    negatives: int = 3
    rank: int = 16
    question_tokens: int = 64
    passage_tokens: int = 160
    learning_rate: float = 1e-3
    warmup: float = 0.1
    seed: int = 0
    save_every: int = 100
    bf16: bool = False


def train(
    base: Path,
    examples: Sequence[Example],
    read: ReadVectors,
    out: Path,
    plan: Plan,
    report: Progress = lambda *_: None,
) -> Path:
    """Train to `plan.steps`, from the checkpoint in `out` if there is one; return the checkpoint.

    The loss is the cross-entropy of an example's positive in a softmax over the MaxSim of the question to all passages
    of the step, and again to its own passages alone.

    Raises:
        ConfigError: there is no example, or `out` holds a checkpoint of another plan or other examples.
    """
    if not examples:
        raise ConfigError("there is nothing to train on: no question has both gold and other passages among its hits")
    claim(out, plan, examples)
    trainer = _Trainer(base, out, plan)
    while trainer.step < plan.steps:
        started = time.perf_counter()
        loss = trainer.advance(examples, read)
        report(trainer.step, loss, time.perf_counter() - started)
        if trainer.step % plan.save_every == 0 or trainer.step == plan.steps:
            trainer.save()
    return out / "checkpoint.safetensors"


def adapter_tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Return the factors of a checkpoint in float16, by `LAYER.down` and `LAYER.up`."""
    from safetensors.torch import load_file

    return {
        name.removeprefix("adapter."): value.half().contiguous()
        for name, value in load_file(str(checkpoint)).items()
        if name.startswith("adapter.")
    }


class _Trainer:
    """An encoder with its adapter, the optimizer, and how far they are."""

    def __init__(self, base: Path, out: Path, plan: Plan) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self.step = 0
        self._plan = plan
        self._place = out / "checkpoint.safetensors"
        self._tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
        self._model = AutoModel.from_pretrained(str(base), local_files_only=True).eval()  # no dropout
        self._model.requires_grad_(False)
        self._factors: dict[str, torch.Tensor] = _adapted(self._model, plan)
        self._scale = torch.nn.Parameter(torch.tensor(3.0))  # log of what similarities are multiplied by
        self._optimizer = torch.optim.AdamW([*self._factors.values(), self._scale], weight_decay=0.01)
        if self._place.exists():
            self._load()

    def advance(self, examples: Sequence[Example], read: ReadVectors) -> float:
        """Take the next step; return its loss."""
        import torch

        plan = self._plan
        chosen = _chosen(examples, plan, self.step)
        vectors, owners, own = _passages(chosen, read, plan, self.step)
        for setting in self._optimizer.param_groups:
            setting["lr"] = plan.learning_rate * share_of_rate(self.step, plan.steps, plan.warmup)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bf16):
            tokens, question_of = self._questions([example.question for example in chosen])
            similarity = tokens @ torch.from_numpy(vectors).T
        scores = _maxsims(similarity.float(), torch.from_numpy(owners), question_of, len(chosen)) * self._scale.exp()
        loss = _loss(scores, own, [example.corpus for example in chosen])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._factors.values(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write a checkpoint that is either whole or not there."""
        import torch
        from safetensors.torch import save_file

        tensors = {f"adapter.{name}": factor.detach() for name, factor in self._factors.items()}
        tensors |= {"scale": self._scale.detach(), "step": torch.tensor(self.step)}
        for index, part in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in part.items()}
        unfinished = self._place.with_suffix(".new")
        save_file({name: value.contiguous() for name, value in tensors.items()}, str(unfinished))
        unfinished.rename(self._place)

    def _load(self) -> None:
        import torch
        from safetensors.torch import load_file

        stored = load_file(str(self._place))
        with torch.no_grad():
            self._scale.copy_(stored["scale"])
            for name, factor in self._factors.items():
                factor.copy_(stored[f"adapter.{name}"])
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in stored.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step = int(stored["step"])

    def _questions(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """Return the questions' token vectors `(t, d)`, L2-normalised and without special tokens, and whose each is."""
        import torch

        encoded = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._plan.question_tokens, return_tensors="pt"
        )
        hidden = self._model(**encoded).last_hidden_state
        inside = encoded["attention_mask"].bool()
        inside[torch.arange(len(texts)), inside.sum(1) - 1] = False
        inside[:, 0] = False
        return torch.nn.functional.normalize(hidden[inside].float(), dim=-1), torch.nonzero(inside)[:, 0]


def _adapted(model: Any, plan: Plan) -> dict[str, torch.Tensor]:
    """Add `up @ down` to every linear map of the encoder's layers; return the factors, which begin without effect."""
    import torch

    generator = torch.Generator().manual_seed(plan.seed)
    factors: dict[str, torch.Tensor] = {}
    for name, module in list(model.encoder.named_modules()):
        if isinstance(module, torch.nn.Linear):
            spread = 1 / math.sqrt(module.in_features)
            down = torch.randn(plan.rank, module.in_features, generator=generator) * spread
            factors[f"encoder.{name}.down"] = torch.nn.Parameter(down)
            factors[f"encoder.{name}.up"] = torch.nn.Parameter(torch.zeros(module.out_features, plan.rank))
            module.register_forward_hook(_adding(factors[f"encoder.{name}.down"], factors[f"encoder.{name}.up"]))
    return factors


def _adding(down: Any, up: Any) -> Callable[[Any, Any, Any], Any]:
    return lambda _, inputs, output: output + inputs[0] @ down.T @ up.T


def _chosen(examples: Sequence[Example], plan: Plan, step: int) -> list[Example]:
    """Return the examples of a step; an epoch takes each of them once."""
    steps = max(1, len(examples) // plan.questions)
    epoch, place = divmod(step, steps)
    order = np.random.default_rng([plan.seed, epoch]).permutation(len(examples))
    return [examples[i] for i in order[place * plan.questions : (place + 1) * plan.questions]]


def _passages(chosen: Sequence[Example], read: ReadVectors, plan: Plan, step: int) -> tuple[Vectors, Any, list[Any]]:
    """Return the step's token vectors `(t, d)`, which passage each is of, and per example its passages, the gold first.

    A passage that several examples have is there once.
    """
    rng = np.random.default_rng([plan.seed, step, 1])
    places: dict[tuple[str, int], int] = {}
    own = []
    for example in chosen:
        few = min(plan.negatives, len(example.negatives))
        pks = [rng.choice(example.positives), *rng.choice(example.negatives, few, replace=False)]
        own.append([places.setdefault((example.corpus, int(pk)), len(places)) for pk in pks])
    stored = {
        corpus: read(corpus, [pk for name, pk in places if name == corpus]) for corpus in {name for name, _ in places}
    }
    matrices = [stored[corpus][pk][: plan.passage_tokens] for corpus, pk in places]
    owners = np.repeat(np.arange(len(matrices)), [len(matrix) for matrix in matrices])
    return np.concatenate(matrices), owners, own


def _maxsims(similarity: Any, owners: Any, question_of: Any, questions: int) -> Any:
    """Return `(questions, passages)`: the mean over a question's tokens of the best similarity in each passage."""
    import torch

    passages = int(owners[-1]) + 1
    best = torch.full((len(similarity), passages), -1.0)
    best = best.scatter_reduce(1, owners.expand(len(similarity), -1), similarity, "amax", include_self=False)
    sizes = torch.bincount(question_of, minlength=questions).clamp(min=1)
    return torch.zeros(questions, passages).index_add(0, question_of, best) / sizes[:, None]


def _loss(scores: Any, own: Sequence[Sequence[int]], corpora: Sequence[str]) -> Any:
    """Return the mean of both cross-entropies; of other examples' gold in the same corpus nothing is known."""
    import torch

    golds = {(corpus, places[0]) for corpus, places in zip(corpora, own, strict=True)}
    unknown = torch.zeros_like(scores, dtype=torch.bool)
    for row, (corpus, places) in enumerate(zip(corpora, own, strict=True)):
        unknown[row, [gold for name, gold in golds if name == corpus and gold not in places]] = True
    target = torch.tensor([places[0] for places in own])
    of_all = torch.nn.functional.cross_entropy(scores.masked_fill(unknown, -1e4), target)
    first = torch.zeros(1, dtype=torch.long)
    of_own = [torch.nn.functional.cross_entropy(scores[row, list(p)][None], first) for row, p in enumerate(own)]
    return of_all + torch.stack(of_own).mean()

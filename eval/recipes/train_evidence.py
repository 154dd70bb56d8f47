"""Train the evidence model: `python -m eval.recipes.train_evidence --data $RAGWRIGHT_DATA --out F`.

Reads claims and evidence (`eval.recipes.evidence_data`) once with the packaged encoder, whose weights stay as they are,
and trains the small network that `rag.models.evidence_model` runs over its token vectors. Writes
`F/evidence.safetensors`, about 0.4 MB: copied to `rag/models/` it is what the verifier `evidence` asks. What was read
is kept in `F/read`, and a reading that was killed goes on there. Nine thousand pairs take about six minutes of one
core: four to read them, two to train.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.recipes.evidence_data import Pair, training_pairs
from eval.recipes.logistic import auroc
from eval.recipes.training import Progress
from eval.recipes.word_swap import WordSwap
from rag.answer.verifiers.evidence import ReadTokens
from rag.models.embedders import PACKAGED, make_embedder
from rag.models.evidence_model import (
    MAX_CLAIM_TOKENS,
    MAX_EVIDENCE_TOKENS,
    READS_WITH,
    WEIGHTS,
    Ids,
    PackagedReader,
)
from rag.models.weights import check_folder, packaged_folder
from rag.types import Vectors

_BASE = "minilm"
_READ_AT_ONCE = 1000  # pairs in a file of what was read
_SORTED_TOGETHER = 32  # batches whose pairs are sorted by length
_WARMUP_STEPS = 100
_LEAST_RATE = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: `pairs` of the whole are read, the first `held` of them are kept to tell how it goes."""

    pairs: int = 9000
    held: int = 800
    epochs: int = 5
    batch: int = 32
    learning_rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A pair as the network sees it."""

    claim: Vectors
    evidence: Vectors
    claim_ids: Ids
    evidence_ids: Ids
    supported: float
    weight: float


def train(examples: Sequence[Read], out: Path, plan: Plan, report: Progress) -> Path:
    """Train on what comes after the held pairs; write and return the file of the weights, renewed after every epoch."""
    import torch
    from safetensors.torch import save_file

    from eval.recipes.evidence_head import EvidenceHead

    torch.manual_seed(plan.seed)
    held, taught = examples[: plan.held], examples[plan.held :]
    model = EvidenceHead()
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=0.01)
    order, step = random.Random(plan.seed), 0
    steps = plan.epochs * (len(taught) // plan.batch)
    for epoch in range(plan.epochs):
        started, losses = time.perf_counter(), []
        for batch in _batches(taught, plan, order):
            rate = min((step + 1) / _WARMUP_STEPS, max(_LEAST_RATE, 1 - step / steps))
            for setting in optimizer.param_groups:
                setting["lr"] = plan.learning_rate * rate
            losses.append(_advance(model, optimizer, batch))
            step += 1
        report(epoch + 1, sum(losses) / len(losses), time.perf_counter() - started)
        sys.stderr.write(f"AUROC of {len(held)} held pairs: {_held_area(model, held):.3f}\n")
        weights = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
        save_file(weights, str(out / WEIGHTS.name))
    return out / WEIGHTS.name


def _advance(model: Any, optimizer: Any, batch: Sequence[Read]) -> float:
    import torch

    scores = model(*_padded(batch))
    labels = torch.tensor([read.supported for read in batch])
    weights = torch.tensor([read.weight for read in batch])
    losses = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels, weights, reduction="sum")
    loss = losses / weights.sum()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def _held_area(model: Any, held: Sequence[Read]) -> float:
    import torch

    model.eval()
    with torch.no_grad():
        scores = [float(model(*_padded([read]))[0]) for read in held]
    model.train()
    return auroc(np.array(scores), np.array([read.supported for read in held]))


def _batches(examples: Sequence[Read], plan: Plan, rng: random.Random) -> Iterator[list[Read]]:
    """Yield an epoch in batches of about one length, so that little is padded."""
    order = rng.sample(range(len(examples)), len(examples))
    size = plan.batch * _SORTED_TOGETHER
    for start in range(0, len(order), size):
        part = sorted(order[start : start + size], key=lambda i: len(examples[i].evidence))
        batches = [part[i : i + plan.batch] for i in range(0, len(part), plan.batch)]
        for batch in rng.sample(batches, len(batches)):
            yield [examples[i] for i in batch]


def _padded(batch: Sequence[Read]) -> tuple[Any, Any, tuple[Any, Any], tuple[Any, Any]]:
    import torch

    claims = _block([read.claim for read in batch], [read.claim_ids for read in batch], 0)
    evidence = _block([read.evidence for read in batch], [read.evidence_ids for read in batch], -1)
    (c, ci, cm), (e, ei, em) = (map(torch.from_numpy, block) for block in (claims, evidence))
    return c, e, (ci, ei), (cm, em)


def _block(vectors: Sequence[Vectors], ids: Sequence[Ids], nothing: int) -> tuple[Vectors, Ids, Vectors]:
    """Return the vectors, numbers and mask of texts as arrays of one length."""
    size, longest = len(vectors), max(map(len, ids))
    rows = np.zeros((size, longest, vectors[0].shape[1]), np.float32)
    numbers, mask = np.full((size, longest), nothing, np.int64), np.zeros((size, longest), np.float32)
    for i, (vector, number) in enumerate(zip(vectors, ids, strict=True)):
        rows[i, : len(vector)], numbers[i, : len(number)], mask[i, : len(number)] = vector, number, 1
    return rows, numbers, mask


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


def kept_reads(pairs: Sequence[Pair], out: Path, read: ReadTokens) -> Iterator[Read]:
    """Yield the pairs as the network sees them: read once, then from where that was kept."""
    folder = out / "read"
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(pairs), _READ_AT_ONCE):
        place = folder / f"{start:07d}.npz"
        part = pairs[start : start + _READ_AT_ONCE]
        if not place.exists():
            _write_reads(part, place, read)
        yield from _reads_in(place, part)


def _write_reads(pairs: Sequence[Pair], place: Path, read: ReadTokens) -> None:
    texts = {text: i for i, text in enumerate(dict.fromkeys(t for pair in pairs for t in (pair.claim, pair.evidence)))}
    found = read(list(texts))
    new = place.with_suffix(".new.npz")
    np.savez(
        new,
        vec=np.concatenate([vectors for _, vectors in found]).astype(np.float16),
        ids=np.concatenate([ids for ids, _ in found]).astype(np.int32),
        off=np.cumsum([0, *(len(ids) for ids, _ in found)]),
        claim=np.array([texts[pair.claim] for pair in pairs]),
        evidence=np.array([texts[pair.evidence] for pair in pairs]),
    )
    new.rename(place)


def _reads_in(place: Path, pairs: Sequence[Pair]) -> Iterator[Read]:
    with np.load(place) as file:
        vectors, ids, ends = file["vec"], file["ids"].astype(np.int64), file["off"]
        places = list(zip(file["claim"], file["evidence"], strict=True))
    for pair, (claim, evidence) in zip(pairs, places, strict=True):
        ours = slice(ends[claim], min(ends[claim + 1], ends[claim] + MAX_CLAIM_TOKENS))
        theirs = slice(ends[evidence], min(ends[evidence + 1], ends[evidence] + MAX_EVIDENCE_TOKENS))
        if ours.stop > ours.start and theirs.stop > theirs.start:
            yield Read(vectors[ours], vectors[theirs], ids[ours], ids[theirs], float(pair.supported), pair.weight)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="eval.recipes.train_evidence", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of train/nli and train/ranking")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights; what is there is gone on with")
    plan = Plan()
    parser.add_argument("--pairs", type=int, default=plan.pairs)
    parser.add_argument("--epochs", type=int, default=plan.epochs)
    return parser.parse_args(argv)


def _show(epoch: int, loss: float, seconds: float) -> None:
    sys.stderr.write(f"epoch {epoch}: loss {loss:.3f}, {seconds:.0f} s\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    chosen = _arguments(argv)
    plan = Plan(pairs=chosen.pairs, epochs=chosen.epochs)
    packaged = packaged_folder(PACKAGED[_BASE])
    check_folder(packaged, PACKAGED[_BASE].sha256)
    encoder = make_embedder(READS_WITH, chosen.out)
    pairs = kept_pairs(chosen.data, chosen.out, packaged, plan.seed)[: plan.pairs]
    reads = list(kept_reads(pairs, chosen.out, PackagedReader(lambda: encoder)))
    weights = train(reads, chosen.out, plan, _show)
    sys.stdout.write(f"{len(reads)} pairs, {plan.epochs} epochs; {weights}: {weights.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()

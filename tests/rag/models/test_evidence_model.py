"""The numpy network computes what torch trained, and reads texts of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from eval.recipes.evidence_data import Pair
from eval.recipes.evidence_head import EvidenceHead
from eval.recipes.train_evidence import Plan, Read, kept_reads, train
from rag.errors import ModelError
from rag.models.evidence_model import WEIGHTS, PackagedReader, load_evidence_model
from rag.ports import Embedder


def pair_of(rng: np.random.Generator, claim: int, evidence: int) -> Read:
    def rows(count: int) -> np.ndarray:
        made = rng.normal(size=(count, 384)).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    ids = rng.integers(1000, 1020, claim), rng.integers(1000, 1020, evidence)
    return Read(rows(claim), rows(evidence), *ids, 1.0, 1.0)


def torch_scores(reads: list[Read]) -> list[float]:
    from eval.recipes.train_evidence import _padded

    head = EvidenceHead()
    head.load_state_dict(load_file(str(WEIGHTS)))
    with torch.no_grad():
        return [float(score) for score in head.eval()(*_padded(reads))]


def test_numpy_computes_what_torch_trained_padding_or_not() -> None:
    rng = np.random.default_rng(3)
    reads = [pair_of(rng, n, m) for n, m in ((1, 1), (1, 30), (12, 2), (5, 6), (64, 160), (20, 80))]
    model = load_evidence_model()
    ours = [model.logit(read.claim, read.evidence, read.claim_ids, read.evidence_ids) for read in reads]
    assert ours == pytest.approx(torch_scores(reads), abs=1e-3)


def test_what_is_too_long_is_cut() -> None:
    read = pair_of(np.random.default_rng(4), 90, 300)
    model = load_evidence_model()
    cut = model.logit(read.claim[:64], read.evidence[:160], read.claim_ids[:64], read.evidence_ids[:160])
    assert model.logit(read.claim, read.evidence, read.claim_ids, read.evidence_ids) == cut


def test_weights_that_are_not_there_are_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"no tensors")
    for name in ("none", "bad"):
        with pytest.raises(ModelError, match="evidence model"):
            load_evidence_model(tmp_path / name)


def test_tokens_and_vectors_belong_together(embedder: Embedder) -> None:
    read = PackagedReader(lambda: embedder)
    found = read(["The kiln is hot.", "", "Ünïcode — 90 °C"])
    assert [len(ids) == len(vectors) for ids, vectors in found] == [True] * 3
    assert len(found[1][0]) == 0 and read([]) == []


def test_a_training_is_kept_and_lowers_its_loss(tmp_path: Path, embedder: Embedder) -> None:
    names = ("Lund", "Kvist", "Holm", "Aarhus", "Odense", "Skive")
    said = [(a, b) for a in names for b in (a, a, names[0])]
    pairs = [Pair(f"The kiln is in {b}.", f"The kiln is in {a}.", a == b, 1.0, "test") for a, b in said]
    reads = list(kept_reads(pairs, tmp_path, PackagedReader(lambda: embedder)))
    assert len(list(kept_reads(pairs, tmp_path, lambda texts: pytest.fail("read again")))) == len(reads) == len(pairs)
    losses: list[float] = []
    plan = Plan(pairs=len(pairs), held=4, epochs=6, batch=4)
    weights = train(reads, tmp_path, plan, lambda epoch, loss, seconds: losses.append(loss))
    assert len(losses) == 6 and losses[-1] < losses[0]
    read = reads[0]
    logit = load_evidence_model(weights).logit(read.claim, read.evidence, read.claim_ids, read.evidence_ids)
    assert np.isfinite(logit)

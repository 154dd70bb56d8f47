"""RAGAS in its own process: values come back in order, and whatever happens to it, so does every case."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from eval.judges.ragas_metrics import SIMILARITY
from eval.judges.ragas_process import RagasProcess
from eval.metrics.base import Unmeasured, Value
from eval.observation import Observation
from rag.errors import ModelError
from rag.ports import Embeddings
from tests.contracts.test_metrics import FULL, REFUSED

MATCH = "ragas.exact_match"


class Letters:
    """An embedder that counts letters; it refuses one text."""

    name, dim, max_tokens = "letters", 26, 256

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        if "broken" in texts:
            raise ModelError("this text is broken")
        if "unreadable" in texts:
            raise OSError("no such model")  # must not be taken for the end of the process
        counts = np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)
        return Embeddings(counts / np.linalg.norm(counts, axis=1, keepdims=True))


def answering(text: str, reference: str) -> Observation:
    return replace(FULL, answer=text, case=replace(FULL.case, answers=(reference,)))


def begin(process: RagasProcess, seen: Sequence[Observation]) -> None:
    for item in seen:
        process.begin(item)


def values(process: RagasProcess, name: str, seen: Sequence[Observation]) -> list[Value]:
    (metric,) = (metric for metric in process.metrics if metric.name == name)
    return [metric(item) for item in seen]


def test_similarity_is_the_cosine_of_the_embedder_s_vectors() -> None:
    seen = [answering("abc", "abc"), answering("ab", "ac"), answering("ab", "cd"), REFUSED]
    with RagasProcess([MATCH, SIMILARITY], Letters()) as process:  # type: ignore[arg-type]
        begin(process, seen)
        same, half, none, refused = values(process, SIMILARITY, seen)
        assert (same, half, none) == (pytest.approx(1), pytest.approx(0.5), pytest.approx(0, abs=1e-6))
        assert isinstance(refused, Unmeasured) and not refused.applicable
        assert values(process, MATCH, seen)[:3] == [1.0, 0.0, 0.0]
        child = process._process
    assert child.poll() is not None  # nothing is left behind


def test_an_embedder_that_fails_costs_only_the_cases_it_failed_on() -> None:
    seen = [answering("broken", "abc"), answering("abc", "abc"), answering("unreadable", "abc")]
    with RagasProcess([MATCH, SIMILARITY], Letters()) as process:  # type: ignore[arg-type]
        begin(process, seen)
        failed, fine, unreadable = values(process, SIMILARITY, seen)
        assert unreadable == Unmeasured("OSError: no such model")
        assert failed == Unmeasured("ModelError: this text is broken") and fine == pytest.approx(1)
        assert values(process, MATCH, seen) == [0.0, 1.0, 0.0]


def test_a_process_that_dies_leaves_a_reason_in_every_row() -> None:
    seen = [answering("abc", "abc") for _ in range(5)]
    with RagasProcess([MATCH]) as process:
        begin(process, seen[:1])
        assert values(process, MATCH, seen[:1]) == [1.0]
        os.kill(process._process.pid, signal.SIGKILL)
        begin(process, seen[1:])
        lost = values(process, MATCH, seen[1:])
    assert lost == [Unmeasured("the process that runs RAGAS ended with exit code -9")] * 4


def test_without_an_embedder_nothing_is_compared() -> None:
    with RagasProcess([MATCH, SIMILARITY]) as process:
        assert [metric.name for metric in process.metrics] == [MATCH]

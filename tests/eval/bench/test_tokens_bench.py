"""The benchmark of stored token vectors over one tiny set."""

import numpy as np
import pytest

from eval.bench.retrieval_bench import primaries
from eval.bench.tokens_bench import STORED, Options, bench_tokens, levels
from rag.errors import ConfigError
from tests.eval.recipes.sets import write_set


def rows(count: int, dim: int) -> np.ndarray:
    found = np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_fewer_bits_are_farther_from_what_was_computed():
    matrix = rows(50, 384)
    cosines = [float((levels(matrix, bits) * matrix).sum(1).mean()) for bits in (8, 4, 2, 1)]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] > 0.999 and cosines[-1] == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)
    assert np.allclose(np.linalg.norm(levels(matrix, 1), axis=1), 1)


@pytest.mark.accept
def test_every_way_to_keep_vectors_is_compared_and_both_times_taken(tmp_path, model_cache, monkeypatch):
    monkeypatch.setenv("RAGWRIGHT_HOME", str(model_cache.parent))
    name = next(name for name, metric in sorted(primaries().items()) if not metric.endswith("ch"))
    write_set(tmp_path / "data" / name)
    figures = bench_tokens(Options(tmp_path / "data"), tmp_path / "home")
    assert figures["kept"].keys() == {"as_computed", *STORED}
    assert all(found["against_float32"].n == 2 for found in figures["kept"].values())
    assert figures["kept"]["4_bits"]["bytes_a_token"].value == 192
    assert figures["times"]["computed_ms"].value > 0 and figures["times"]["stored_ms"].value > 0
    with pytest.raises(ConfigError, match="none of the sets"):
        bench_tokens(Options(tmp_path / "data", ("missing",)), tmp_path / "home")

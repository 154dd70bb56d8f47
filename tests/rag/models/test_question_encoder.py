"""The shipped question encoder: that it loads, and what it is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.errors import ModelError
from rag.models.adapter import ADAPTER
from rag.models.embedders import question_encoder
from rag.ports import Embedder
from rag.settings import EmbedderSettings


def test_it_reads_questions_in_the_space_of_the_embedder_but_not_as_it_does(
    embedder: Embedder, model_cache: Path
) -> None:
    reader = question_encoder(EmbedderSettings(threads=1), model_cache)
    assert reader is not None and reader.dim == embedder.dim and reader.name != embedder.name
    question = ["Who founded the observatory?"]
    plain, tuned = (model.embed(question, with_tokens=True).tokens[0] for model in (embedder, reader))
    alike = (plain * tuned).sum(1)
    assert plain.shape == tuned.shape and 0.5 < alike.mean() < 0.99


def test_the_same_question_has_the_same_vectors(model_cache: Path) -> None:
    reader = question_encoder(EmbedderSettings(threads=1), model_cache)
    assert reader is not None
    one, two = (reader.embed(["Where is it?"], with_tokens=True).tokens[0] for _ in range(2))
    assert np.array_equal(one, two) and np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)


def test_other_embedders_have_none_and_a_missing_file_is_named(tmp_path: Path) -> None:
    assert question_encoder(EmbedderSettings(model="some/folder"), tmp_path) is None
    assert question_encoder(EmbedderSettings(runtime="torch"), tmp_path) is None
    lost = question_encoder(EmbedderSettings(threads=1), tmp_path, tmp_path / "lost.safetensors")
    assert lost is not None
    with pytest.raises(ModelError, match=r"lost\.safetensors"):
        lost.embed(["a question"])
    assert ADAPTER.stat().st_size < 2_000_000

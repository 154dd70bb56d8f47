import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag.errors import ModelError
from rag.models.embedders import make_embedder
from rag.models.weights import PackagedWeights, check_folder, packaged_folder
from rag.ports import Embedder
from rag.settings import EmbedderSettings

TEXTS = ["how do I restore a file", "restoring deleted files", "the price of tea", ""]


def test_vectors_are_normalised_and_in_order(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS).vectors
    assert together.shape == (4, 384) and together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embedder.embed([text]).vectors for text in TEXTS])
    assert np.array_equal(together, alone), "a vector depends on its text alone"
    assert together[0] @ together[1] > together[0] @ together[2]


def test_threads_do_not_change_the_vectors(embedder: Embedder, model_cache: Path) -> None:
    texts = [f"{'word ' * (i * 7 % 150)}number {i}" for i in range(40)]
    apart = make_embedder(EmbedderSettings(threads=3), model_cache).embed(texts, with_tokens=True)
    one = embedder.embed(texts, with_tokens=True)
    assert np.array_equal(apart.vectors, one.vectors)
    assert all(np.array_equal(a, b) for a, b in zip(apart.tokens, one.tokens, strict=True))


def test_token_vectors_match_the_tokenizer(embedder: Embedder) -> None:
    found = embedder.embed(TEXTS, with_tokens=True)
    assert [len(tokens) for tokens in found.tokens] == [embedder.tokenizer.count(text) for text in TEXTS]
    assert np.allclose(np.linalg.norm(found.tokens[0], axis=1), 1, atol=1e-5)


def test_a_long_text_is_cut_at_the_window(embedder: Embedder) -> None:
    found = embedder.embed(["word " * 1000], with_tokens=True)
    assert len(found.tokens[0]) == embedder.max_tokens - 2


def test_token_offsets_are_code_points(embedder: Embedder) -> None:
    text = "héllo wörld 🙂 end"
    assert [text[a:b] for a, b in embedder.tokenizer.offsets(text)][-1] == "end"


def test_int8_export_agrees_with_sentence_transformers(embedder: Embedder, tmp_path: Path) -> None:
    torch_embedder = make_embedder(EmbedderSettings(runtime="torch", threads=1), tmp_path)
    left = embedder.embed(TEXTS[:3], with_tokens=True)
    right = torch_embedder.embed(TEXTS[:3], with_tokens=True)
    assert (left.vectors * right.vectors).sum(1).min() > 0.96
    assert [len(tokens) for tokens in left.tokens] == [len(tokens) for tokens in right.tokens]


def test_no_torch_once_the_model_is_exported(model_cache: Path) -> None:
    code = (
        "import sys, pathlib;"
        "from rag.models.embedders import make_embedder;"
        "from rag.settings import EmbedderSettings;"
        "make_embedder(EmbedderSettings(), pathlib.Path(sys.argv[1])).embed(['x']);"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(model_cache)]).returncode == 0


def test_unknown_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="minilm"):
        make_embedder(EmbedderSettings(model="no/such"), tmp_path)


def test_missing_package_and_altered_and_pickled_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not installed"):
        packaged_folder(PackagedWeights("no_such_package", "model", "0"))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="altered"):
        check_folder(tmp_path, "0" * 64)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="pickled"):
        check_folder(tmp_path)

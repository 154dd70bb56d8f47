"""What is exported once, and what of an export is refused; the exports themselves are made by the tests of models."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from rag.errors import ModelError, StateError
from rag.models.export import Source, _check, exported_model


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    (tmp_path / "adapter").write_bytes(b"weights of an adapter")
    return tmp_path / "adapter"


def test_a_key_tells_weights_and_adapters_apart(tmp_path: Path, adapter: Path) -> None:
    bare, adapted = Source(tmp_path, "ab" * 32), Source(tmp_path, "ab" * 32, adapter)
    assert bare.key == "ab" * 8 and adapted.key.startswith(f"{bare.key}-")
    adapter.write_bytes(b"other weights")
    assert Source(tmp_path, "ab" * 32, adapter).key != adapted.key or adapted.key != bare.key
    with pytest.raises(ModelError, match="reinstall Ragwright"):
        _ = Source(tmp_path, "ab" * 32, tmp_path / "missing").key


def test_what_was_exported_is_taken_as_it_is(tmp_path: Path) -> None:
    source = Source(tmp_path, "ab" * 32)
    full, small = (tmp_path / f"{source.key}-v3{end}.onnx" for end in ("", "-int8"))
    for path in (full, small):
        path.write_bytes(b"onnx")
    assert exported_model(source, tmp_path, quantised=False) == full
    assert exported_model(source, tmp_path, quantised=True) == small


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot keep the exported model"):
        exported_model(Source(tmp_path, "ab" * 32), tmp_path / "file" / "cache", quantised=True)


def looked_up(table: np.ndarray[Any, Any], path: Path) -> Path:
    """Write a model that looks up the states of its tokens in a table."""
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [None, None])
    states = helper.make_tensor_value_info("hidden_states", TensorProto.FLOAT, [None, None, table.shape[1]])
    node = helper.make_node("Gather", ["table", "input_ids"], ["hidden_states"])
    graph = helper.make_graph([node], "states", [ids], [states], [numpy_helper.from_array(table, "table")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_an_export_that_does_not_reproduce_the_encoder_is_refused(tmp_path: Path) -> None:
    table = np.random.default_rng(0).standard_normal((3000, 8)).astype(np.float32)

    def encode(input_ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=torch.from_numpy(table)[input_ids])

    source = SimpleNamespace(folder=tmp_path, encoder=lambda: encode)
    _check(source, looked_up(table, tmp_path / "good.onnx"))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="set embedder.runtime to torch"):
        _check(source, looked_up(table[::-1].copy(), tmp_path / "bad.onnx"))  # type: ignore[arg-type]

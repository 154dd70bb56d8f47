"""A cross-encoder as an ONNX file: question and passage read together, one score; neither torch nor transformers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import ModelError
from rag.models.tokenizers import load_tokenizer

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
"""The files of its folder, as `eval.recipes.train_reranker` writes them."""

_MAX_TOKENS = 512


class OnnxCrossEncoder:
    """Scores pairs with `model.onnx` and `tokenizer.json` of a folder.

    Raises:
        ModelError: a file is missing or cannot be run.
    """

    def __init__(self, folder: Path, setting: str = "rerank.model") -> None:
        self._tokenizer, self._session = _opened(folder, setting)

    def predict(self, pairs: Sequence[tuple[str, str]], show_progress_bar: bool = False) -> list[float]:
        """Return the score of each `(question, passage)`, higher is more relevant, on the model's own scale.

        Each pair is a run of its own: nothing is padded, and a score does not depend on what is scored beside it.
        """
        encoded = self._tokenizer.encode_batch([tuple(pair) for pair in pairs]) if pairs else []
        return [self._score(item.ids, item.type_ids) for item in encoded]

    def _score(self, ids: Sequence[int], types: Sequence[int]) -> float:
        inputs = {"input_ids": np.array([ids], np.int64), "token_type_ids": np.array([types], np.int64)}
        return float(self._session.run(["scores"], inputs)[0][0])


def load_cross_encoder(model: str, setting: str) -> Any:
    """Load a folder with `model.onnx`, or what sentence-transformers loads: another folder or a hub id.

    Raises:
        ModelError: it cannot be loaded; the message names the setting.
    """
    if (Path(model) / MODEL).is_file():
        return OnnxCrossEncoder(Path(model), setting)
    try:
        from sentence_transformers import CrossEncoder

        return CrossEncoder(model)
    except (OSError, ValueError, RuntimeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot load the cross-encoder {model!r} ({setting}): {problem}") from error


def _opened(folder: Path, setting: str) -> tuple[Any, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.log_severity_level = 3
    try:
        tokenizer = load_tokenizer(folder / TOKENIZER, _MAX_TOKENS)
        session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both libraries raise plain Exception for files that they cannot read
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot open the cross-encoder in {folder} ({setting}): {problem}") from error
    return tokenizer, session

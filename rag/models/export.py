"""Exports models to ONNX: an embedder's encoder on first use, however many processes ask; a trained cross-encoder."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import ModelError, StateError
from rag.models.adapter import apply_adapter
from rag.models.weights import file_sha256

log = logging.getLogger(__name__)

_FORMAT = 3
_MAX_POSITIONS = 512
_MIN_COSINE = 0.97
_MAX_SCORE_ERROR = 1e-2
_ATTENTION = "ragwright_fused"


@dataclass(frozen=True, slots=True)
class Source:
    """An encoder's folder with the sha256 of its weights, and an adapter of them, if there is one."""

    folder: Path
    sha256: str
    adapter: Path | None = None

    @property
    def key(self) -> str:
        """Hex digits that tell these weights from others."""
        try:
            return self.sha256[:16] + (f"-{file_sha256(self.adapter)[:8]}" if self.adapter else "")
        except OSError as error:
            raise ModelError(f"cannot read {self.adapter} ({error.strerror}); reinstall Ragwright") from error

    def encoder(self) -> Any:
        """Load the encoder with torch."""
        from transformers import AutoModel

        found = AutoModel.from_pretrained(str(self.folder), local_files_only=True, attn_implementation="eager").eval()
        if self.adapter:
            apply_adapter(found, self.adapter)
        return found


def exported_model(source: Source, cache: Path, quantised: bool) -> Path:
    """Return the ONNX file of an encoder, exporting it into `cache` on first use.

    Its input is `input_ids` `(n, t) int64`, texts of one length without padding, its output the last hidden states
    `(n, t, d) float32`. `quantised` asks for dynamic int8 weights, per channel.

    Raises:
        StateError: the cache cannot be written.
        ModelError: the export does not reproduce the encoder, or the adapter does not fit it.
    """
    target = cache / f"{source.key}-v{_FORMAT}{'-int8' if quantised else ''}.onnx"
    if target.exists():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / f"{target.name}.lock"), tempfile.TemporaryDirectory(dir=cache) as scratch:
            if not target.exists():
                log.info("exporting the embedding model once to %s", target)
                os.replace(_export(source, Path(scratch), quantised), target)
    except OSError as error:
        raise StateError(f"cannot keep the exported model in {cache}: {error.strerror}") from error
    return target


def export_cross_encoder(folder: Path, target: Path) -> None:
    """Write the int8 ONNX file of a sequence classifier that gives one score.

    Its inputs are `input_ids` and `token_type_ids` `(n, t) int64`, pairs of one length without padding, its output
    `scores` `(n,) float32`, higher is more relevant.

    Raises:
        ModelError: the export does not reproduce the model; this is checked before int8, whose loss is for the caller
            to measure.
        StateError: the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch, _silence():
            full = Path(scratch) / "model.onnx"
            _trace_scores(folder, full)
            _check_scores(folder, full)
            os.replace(_quantised(full), target)
    except OSError as error:
        raise StateError(f"cannot write the exported model to {target}: {error.strerror}") from error


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Hide the progress bars, warnings and log lines in which the exporters tell of their internals."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings(), contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _export(source: Source, scratch: Path, quantised: bool) -> Path:
    full = scratch / "model.onnx"
    with _silence():
        _trace(source, full)
        if quantised:
            full = _quantised(full)
        _check(source, full)
    return full


def _quantised(full: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = full.with_name("model-int8.onnx")
    quantize_dynamic(str(full), str(small), weight_type=QuantType.QInt8, per_channel=True)
    return small


def _trace(source: Source, target: Path) -> None:
    import torch

    class HiddenStates(torch.nn.Module):
        def __init__(self, encoder: torch.nn.Module) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.encoder(input_ids=input_ids).last_hidden_state
            return hidden

    inputs = {"input_ids": torch.arange(1000, 1032).reshape(2, 16)}
    _write_onnx(HiddenStates(_fused(source.encoder())), inputs, "hidden_states", target)


def _trace_scores(folder: Path, target: Path) -> None:
    import torch

    class Scores(torch.nn.Module):
        def __init__(self, classifier: torch.nn.Module) -> None:
            super().__init__()
            self.classifier = classifier

        def forward(self, input_ids: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.classifier(input_ids=input_ids, token_type_ids=token_type_ids).logits
            return logits[:, 0]

    _write_onnx(Scores(_fused(_classifier(folder))), _pairs(1000), "scores", target)
    _forget_shapes(target)


def _forget_shapes(path: Path) -> None:
    """Drop the noted shapes of weights: the quantiser turns those of the head round and trips over the old ones."""
    import onnx

    model = onnx.load(str(path))
    weights = {weight.name for weight in model.graph.initializer}
    kept = [info for info in model.graph.value_info if info.name not in weights]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)
    onnx.save(model, str(path))


def _write_onnx(module: Any, inputs: dict[str, Any], output: str, target: Path) -> None:
    import torch

    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=_MAX_POSITIONS)}
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(target),
        input_names=list(inputs),
        output_names=[output],
        dynamic_shapes=dict.fromkeys(inputs, sizes),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _pairs(first: int) -> dict[str, Any]:
    """Return two pairs of 24 tokens, the second text of each beginning in its middle."""
    import torch

    ids = torch.arange(first, first + 48).reshape(2, 24)
    return {"input_ids": ids, "token_type_ids": (torch.arange(24) >= 12).long().expand(2, 24).contiguous()}


def _fused(encoder: Any) -> Any:
    """Write attention as one operator of onnxruntime, without a mask, where transformers and the model allow it.

    Written out, or with a mask, attention costs a third of the model's time; the operator saves half of that.
    """
    import torch
    from transformers import AttentionInterface

    def attend(
        _: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_mask: Any, **_options: Any
    ) -> tuple[torch.Tensor, None]:
        batch, heads, length, size = query.shape
        shape = (batch, length, heads * size)
        inputs = tuple(part.transpose(1, 2).reshape(shape) for part in (query, key, value))
        attended: torch.Tensor = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention", inputs, {"num_heads": heads}, dtype=query.dtype, shape=shape, version=1
        )
        return attended.reshape(batch, length, heads, size), None

    kinds = set(getattr(encoder.config, "layer_types", None) or {"full_attention"})
    if kinds == {"full_attention"}:  # a sliding window is a mask
        AttentionInterface.register(_ATTENTION, attend)
        encoder.set_attn_implementation(_ATTENTION)
    return encoder


def _check(source: Source, exported: Path) -> None:
    """Compare the exported model with the original on one batch: a silent export defect must not be served."""
    import onnxruntime
    import torch

    ids = torch.arange(2000, 2048).reshape(2, 24)
    with torch.no_grad():
        expected = source.encoder()(input_ids=ids).last_hidden_state.numpy()
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    found = session.run(None, {"input_ids": ids.numpy()})[0]
    left, right = expected.sum(1), found.sum(1)
    cosines = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    if float(cosines.min()) < _MIN_COSINE:
        raise ModelError(
            f"the exported model differs from {source.folder} (cosine {cosines.min():.3f});"
            " set embedder.runtime to torch"
        )


def _check_scores(folder: Path, exported: Path) -> None:
    import onnxruntime
    import torch

    pairs = _pairs(2000)
    with torch.no_grad():
        expected = _classifier(folder)(**pairs).logits[:, 0].numpy()
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: part.numpy() for name, part in pairs.items()})[0]
    worst = float(np.abs(expected - found).max())
    if not worst < _MAX_SCORE_ERROR:
        raise ModelError(f"the exported model differs from {folder} by {worst:.3g}; train it anew")


def _classifier(folder: Path) -> Any:
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        str(folder), local_files_only=True, attn_implementation="eager"
    ).eval()

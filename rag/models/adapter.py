"""Adapters: small trained changes of a packaged model, kept as low-rank factors beside the code.

A file holds `LAYER.down` `(rank, in)` and `LAYER.up` `(out, rank)` in float16 for linear maps of the encoder; the map
gets `up @ down` added (LoRA, Hu et al., https://arxiv.org/abs/2106.09685).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag.errors import ModelError

ADAPTER = Path(__file__).with_name("questions.safetensors")
"""Of the packaged MiniLM: reads questions for late interaction; `eval.recipes.train_question_encoder` trains it."""


def write_adapter(path: Path, tensors: Mapping[str, Any]) -> None:
    """Write factors, torch tensors by name."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), str(path))


def apply_adapter(encoder: Any, path: Path) -> None:
    """Add the factors of a file to an encoder's weights.

    Raises:
        ModelError: the file cannot be read or is of another model.
    """
    import torch
    from safetensors.torch import load_file

    try:
        factors = load_file(str(path))
        names = {name.rpartition(".")[0] for name in factors}
        maps = dict(encoder.named_modules())
        with torch.no_grad():
            for name in sorted(names):
                maps[name].weight += factors[f"{name}.up"].float() @ factors[f"{name}.down"].float()
    except Exception as error:  # safetensors raises its own family; a missing layer or another shape are the rest
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"the adapter {path} does not fit its model ({problem}); reinstall Ragwright") from error

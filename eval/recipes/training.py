"""What every training of a recipe does: it claims its folder, tells of its steps, and lets its learning rate fall."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Progress = Callable[[int, float, float], None]
"""Called after each step with its number (from 1), its loss and the seconds it took."""


def claim(out: Path, plan: DataclassInstance, examples: Sequence[DataclassInstance]) -> None:
    """Write down what is trained in a folder, or check that it is this; how often it is saved does not matter.

    Raises:
        ConfigError: the folder holds checkpoints of another plan or other examples.
    """
    known = {key: value for key, value in asdict(plan).items() if key != "save_every"}
    digest = hashlib.sha256(json.dumps([known, [asdict(example) for example in examples]]).encode()).hexdigest()
    place = out / "trained-on.json"
    if not place.exists():
        out.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"sha256": digest, "examples": len(examples)} | asdict(plan), indent=1) + "\n")
    elif json.loads(place.read_text())["sha256"] != digest:
        raise ConfigError(f"{out} holds checkpoints of another plan or of other data; name another --out or empty it")


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """Return the share of the learning rate: up over the warm-up, then down to nothing at the last step."""
    warm = max(1, round(warmup * steps))
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))

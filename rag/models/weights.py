"""Finds model weights in an installed package, a folder or the local hub cache, and refuses altered or unsafe ones."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from rag.errors import ModelError

_UNSAFE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt"}


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """Weights that arrive inside a package: its name, the folder in it, and the sha256 of `model.safetensors`.

    `languages` are the ISO 639-1 codes of what the model was trained to read.
    """

    package: str
    folder: str
    sha256: str
    languages: frozenset[str] = frozenset()


def packaged_folder(weights: PackagedWeights) -> Path:
    """Return the folder of packaged weights, without importing the package.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec(weights.package)
    if spec is None or spec.origin is None:
        raise ModelError(f"the package {weights.package!r} with the model is not installed; run: make install")
    return Path(spec.origin).parent / weights.folder


def check_folder(folder: Path, sha256: str | None = None) -> None:
    """Check that a model folder holds safetensors weights, nothing that unpickles, and the expected checksum.

    Raises:
        ModelError: it does not.
    """
    unsafe = sorted(path.name for path in folder.iterdir() if path.suffix in _UNSAFE)
    if unsafe:
        raise ModelError(f"{folder} holds pickled weights ({', '.join(unsafe)}); convert them to safetensors")
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{folder} holds no model.safetensors")
    if sha256 and file_sha256(weights) != sha256:
        raise ModelError(f"{weights} was altered: its checksum is not the pinned one; reinstall its package")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Files of ours: YAML that is checked against a model, and files that are replaced whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from rag.errors import ConfigError
from rag.files import write_atomic
from rag.settings.doubled import doubled_keys

_Model = TypeVar("_Model", bound=BaseModel)


def read_yaml(path: Path, model: type[_Model], what: str) -> _Model:
    """Return a file's content as `model`; an empty file is an empty mapping. `what` names the file in errors.

    Raises:
        ConfigError: it is unreadable, a key is unknown, there twice, or a value does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {what} {path}: {' '.join(str(error).split())}") from error
    problems = [(line, f"{key}: it is there twice") for line, key in doubled_keys(root)]
    try:
        found = model.model_validate({} if tree is None else tree)
    except ValidationError as error:
        problems += [(_line(root, item["loc"]), _problem(item["loc"], item["msg"])) for item in error.errors()]
    if problems:
        shown = "; ".join(f"line {line}: {problem}" for line, problem in sorted(problems))
        raise ConfigError(f"{what} {path} is wrong: {shown}")
    return found


def _problem(place: Sequence[int | str], message: str) -> str:
    return f"{'.'.join(map(str, place)) or 'the file'}: {message}"


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """Return the line, from 1, where a key stands, or else the innermost part of its place that the file has."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in place:
        key, node = _child(node, part)
        if node is None or key is None:
            break
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Return the node that marks where a part begins, and its value."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None, None


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files into a folder, in their order, each whole or not at all.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            write_atomic(folder / name, content)
    except OSError as error:
        raise ConfigError(f"cannot write the report to {folder}: {error.strerror}") from error


def utf8(text: str) -> bytes:
    """Return text as UTF-8; half a surrogate, which a model can emit but no file can hold, becomes `?`."""
    return text.encode("utf-8", "replace")

"""Files of ours: YAML and JSON that are checked against a type, and files that are replaced whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from rag.errors import ConfigError
from rag.files import write_atomic
from rag.settings.doubled import doubled_keys

JsonTree = Mapping[str, Any]
"""A JSON object that is only read from a file, written to one, or handed on unread."""

_Model = TypeVar("_Model", bound=BaseModel)
_Value = TypeVar("_Value")


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


def json_tree(value: object) -> Any:
    """Return a value of ours as plain JSON: a dataclass is an object with a key a field, in their order.

    A field with `inline` in its metadata puts its keys beside the others, one with `optional` is left out when it is
    None. A final underscore, as in `from_`, is not part of a key.
    """
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        return json_object(value)
    if isinstance(value, Mapping):
        return {key: json_tree(item) for key, item in value.items()}
    return [json_tree(item) for item in value] if isinstance(value, list | tuple) else value


def json_bytes(value: object) -> bytes:
    """Return a value of ours as the content of a JSON file."""
    return utf8(json.dumps(json_tree(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def from_json(tree: object, reader: TypeAdapter[_Value]) -> _Value:
    """Return plain JSON as the reader's dataclass; keys that it does not know are left out.

    Raises:
        ValueError: a key is missing or its value does not fit; the message names each.
    """
    try:
        return reader.validate_python(tree)
    except ValidationError as error:
        problems = (_problem(item["loc"], item["msg"]) for item in error.errors())
        raise ValueError("; ".join(problems)) from error


def json_object(value: Any) -> dict[str, Any]:
    """Return a dataclass of ours as a JSON object (`json_tree`)."""
    found: dict[str, Any] = {}
    for about in fields(value):
        part = json_tree(getattr(value, about.name))
        if about.metadata.get("inline"):
            found |= part
        elif part is not None or not about.metadata.get("optional"):
            found[about.name.rstrip("_")] = part
    return found

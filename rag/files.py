"""Files of ours: replaced whole or not at all, and YAML in which no key stands twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file by a new one in one step.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def doubled_keys(root: yaml.Node | None) -> list[tuple[int, str]]:
    """Return the line and the name of every key that stands twice in a mapping: YAML would silently keep the last."""
    return list(_doubled(root, set()))


def _doubled(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[int, str]]:
    if node is None or id(node) in seen:  # an alias may lead back to where it stands
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        names: set[tuple[str, str]] = set()
        for key, value in node.value:
            name = (key.tag, str(key.value))
            if isinstance(key, yaml.ScalarNode) and name in names:
                yield key.start_mark.line + 1, key.value
            names.add(name)
            yield from _doubled(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubled(item, seen)

"""Keys that stand twice in YAML."""

from __future__ import annotations

from collections.abc import Iterator

import yaml


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

"""The part of Handlebars that prompt files use; values are inserted as they are and never read as templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag.errors import ConfigError

_MARK = re.compile(r"\{\{\s*([#/]?)\s*([^{}]*?)\s*\}\}(\n?)")
_ROLE = re.compile(r"""role\s+(?:["'](\w+)["']|(this\.\w+|\w+))""")


def render_template(template: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the messages of a template as `(role, text)`, blank ones left out; text before any role is the user's.

    Raises:
        ConfigError: a name is not among the values, or a block is not closed.
    """
    marks = list(_MARK.finditer(template))
    messages: list[tuple[str, list[str]]] = [("user", [])]
    for role, text in _render(template, marks, 0, len(template), values):
        if role is None:
            messages[-1][1].append(text)
        else:
            messages.append((role, []))
    joined = [(role, "".join(pieces).strip()) for role, pieces in messages]
    return [(role, text) for role, text in joined if text]


def _render(
    template: str, marks: Sequence[re.Match[str]], start: int, end: int, values: Mapping[str, Any]
) -> Iterator[tuple[str | None, str]]:
    """Yield text as `(None, text)` and every change of role as `(role, "")`."""
    position = start
    for mark in marks:
        if not position <= mark.start() < end:
            continue
        yield None, template[position : mark.start()]
        kind, expression, newline = mark.groups()
        if kind == "#":
            close = _closing(mark, marks)
            for scope in _scopes(expression, values):
                yield from _render(template, marks, mark.end(), close.start(), scope)
            position = close.end()
            continue
        role = _ROLE.fullmatch(expression)
        if role:
            yield role[1] or str(_value(role[2], values)), ""
        else:
            yield None, str(_value(expression, values)) + newline
        position = mark.end()
    yield None, template[position:end]


def _closing(opening: re.Match[str], marks: Sequence[re.Match[str]]) -> re.Match[str]:
    depth = 0
    for mark in marks[marks.index(opening) :]:
        depth += {"#": 1, "/": -1}.get(mark[1], 0)
        if depth == 0:
            return mark
    raise ConfigError(f"the block {opening.group().strip()} of a prompt is not closed")


def _scopes(expression: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the values that a block is rendered with: once per item, or once or never for a condition."""
    word, _, name = expression.partition(" ")
    value = _value(name.strip(), values)
    if word == "each":
        return [{**values, "this": item} for item in value]
    if word == "if":
        return [values] if value else []
    raise ConfigError(f"a prompt uses the block {word!r}; only each and if are known")


def _value(path: str, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise ConfigError(f"a prompt asks for {path!r}, which is not among: {', '.join(sorted(values))}")
        found = found[part]
    return found

"""`docs/configuration.md`: every setting with its type, default and meaning, made from the settings themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rag.settings import VARIABLES, Environment, Settings

_HEAD = """\
# Configuration

This page is made from the code: `make docs` writes it.

Settings come from the defaults below, then from a YAML file (`--config FILE`), then from single keys
(`--set KEY=VALUE`, repeatable). A later one wins. A key that does not exist is an error that lists the valid ones.
Every result carries the fingerprint of the settings that made it.

```yaml
# ragwright.yaml
retrieval:
  top_k: 20
rerank:
  name: none
```

```bash
ragwright search "Which company shreds your broken drives?" --corpus demo --config ragwright.yaml \\
    --set retrieval.fusion=rrf
```

## Environment

Secrets and places come from environment variables only. None is needed.

| variable | default | meaning |
|---|---|---|
"""
_MAKE_ONLY = "| `TORCH_INDEX_URL` | none | for `make` only: the index that torch is installed from |\n"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its dotted name, what it accepts, its default as YAML, and what it is for."""

    name: str
    accepts: str
    default: str
    meaning: str

    def row(self) -> str:
        """Return the key as a row of a table."""
        cells = (f"`{self.name}`", self.accepts, f"`{self.default}`" if self.default else "", self.meaning)
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def configuration_page() -> str:
    """Return the page."""
    return _HEAD + "".join(_variables()) + _MAKE_ONLY + "".join(_section(*found) for found in sections(Settings))


def sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the dotted name and the model of every section below a model, in the order of the file."""
    for name, field in model.model_fields.items():
        child = _child(field)
        if child is None or child is Environment:
            continue
        inner = f"{prefix}{name}.NAME" if _is_mapping(field) else f"{prefix}{name}"
        yield inner, child
        yield from sections(child, f"{inner}.")


def keys(model: type[BaseModel], prefix: str = "") -> list[Key]:
    """Return the keys of one section, without those of the sections in it."""
    schemas = model.model_json_schema()["properties"]
    return [
        Key(f"{prefix}{name}", accepted(schemas[name]), _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if _child(field) is None or _is_mapping(field)
    ]


def accepted(schema: Mapping[str, Any]) -> str:
    """Return what a JSON schema of a setting accepts, in words: `integer, at least 1`."""
    if "anyOf" in schema:
        return " or ".join(accepted(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    words = {"array": "list", "object": "mapping", "string": "text"}
    kind = words.get(schema["type"], schema["type"])
    if schema.get("format") == "path":
        kind = "path"
    return ", ".join([kind, *_bounds(schema)])


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, words in (("minimum", "at least"), ("exclusiveMinimum", "above")):
        if name in schema:
            yield f"{words} {schema[name]:g}"
    for name, words in (("maximum", "at most"), ("exclusiveMaximum", "below")):
        if name in schema:
            yield f"{words} {schema[name]:g}"


def _section(name: str, model: type[BaseModel]) -> str:
    about = " ".join(cleandoc(model.__doc__ or "").split())
    rows = "".join(key.row() for key in keys(model, f"{name}."))
    table = f"\n| key | accepts | default | meaning |\n|---|---|---|---|\n{rows}" if rows else ""
    return f"\n## `{name}`\n\n{about}\n{table}"


def _variables() -> Iterator[str]:
    for name, variable in VARIABLES.items():
        field = Environment.model_fields[name]
        default = f"`{field.default}`" if field.default is not None and field.default is not False else "none"
        yield f"| `{variable}` | {default} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True)
    return default if isinstance(default, str) else json.dumps(default, default=str)


def _is_mapping(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Mapping


def _child(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a field is, or that it holds by name."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None

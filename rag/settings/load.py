"""`load_settings`, the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from rag.errors import ConfigError
from rag.settings.doubled import doubled_keys
from rag.settings.environment import VARIABLES
from rag.settings.tree import Settings, put, validated


def load_settings(
    config: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Build the settings from defaults, a YAML file, `key=value` overrides (dotted keys) and the environment.

    Raises:
        ConfigError: the file is unreadable, a key is unknown or a value does not fit.
    """
    tree = _read_yaml(config) if config else {}
    for override in overrides:
        _set_dotted(tree, override)
    if "environment" in tree:
        raise ConfigError("'environment' cannot be set in a file or with --set; use the environment variables")
    environ = os.environ if environ is None else environ
    tree["environment"] = _environment(environ)
    settings = validated(tree)
    named = {entry.api_key_env for entry in settings.models.values()}
    keys = {name: SecretStr(environ[name]) for name in named if name and environ.get(name)}
    environment = settings.environment.model_copy(update={"model_keys": keys})
    return settings.model_copy(update={"environment": environment})


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {field: environ[name] for field, name in VARIABLES.items() if environ.get(name)}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        doubled = doubled_keys(yaml.compose(text, Loader=yaml.SafeLoader))
        tree = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {_one_line(error)}") from error
    if doubled:
        twice = "; ".join(f"line {line}: {key!r} is there twice" for line, key in doubled)
        raise ConfigError(f"the configuration {path} is wrong: {twice}; keep one of them")
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"the configuration {path} must be a mapping of sections, not {type(tree).__name__}")
    return tree


def _set_dotted(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set needs key=value, got {override!r}")
    try:
        doubled = doubled_keys(yaml.compose(value, Loader=yaml.SafeLoader))
        loaded = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: cannot read the value {value!r}: {_one_line(error)}") from error
    if doubled:
        raise ConfigError(f"--set {key}: {doubled[0][1]!r} is there twice in {value!r}; keep one of them")
    put(tree, key, loaded)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

"""What every verb needs: its settings, and the runtime that they open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.runtime import Runtime
    from rag.settings import Settings


def settings_of(arguments: argparse.Namespace, **options: object) -> Settings:
    """Return the settings of a command; an option of the verb that was given beats `--set`, which beats `--config`.

    `options` are settings by key with `__` for the dot; None means not given.

    Raises:
        ConfigError: a key or value is wrong.
    """
    from rag.settings import load_settings

    given = [f"{key.replace('__', '.')}={value}" for key, value in options.items() if value is not None]
    return load_settings(arguments.config, [*arguments.overrides, *given])


def open_runtime(arguments: argparse.Namespace, **options: object) -> Runtime:
    """Open the runtime of a command (options as in `settings_of`); close it with `with`."""
    from rag import runtime as bootstrap

    return bootstrap.open_runtime(settings_of(arguments, **options))

"""Which version runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def ragwright_version() -> str:
    """Return the installed version, or `0+checkout` when run from a checkout that is not installed."""
    try:
        return version("ragwright")
    except PackageNotFoundError:
        return "0+checkout"

"""The JSON Schema of a sweep's specification."""

from __future__ import annotations

from eval import sweep_schema


def sweep_schema_page() -> str:
    """Return the schema as the page holds it."""
    return sweep_schema()

"""The JSON Schema of a sweep's specification."""

from __future__ import annotations

import json

from eval import sweep_schema


def sweep_schema_page() -> str:
    """Return the schema as indented JSON."""
    return json.dumps(sweep_schema(), indent=1) + "\n"

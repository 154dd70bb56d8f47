"""`rag`, `ingest`, `eval` and `api` are common words: nothing else in the environment may own them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["rag", "ingest", "eval", "api"])
def test_a_package_has_one_owner_and_comes_from_this_checkout(name: str) -> None:
    assert set(importlib.metadata.packages_distributions()[name]) == {"ragwright"}
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    assert Path(spec.origin).resolve() == (REPOSITORY / name / "__init__.py").resolve()

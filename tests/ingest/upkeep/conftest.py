"""A corpus to damage, over the light embedder."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.settings import Settings, load_settings
from tests.ingest.upkeep.damaged import ingested


@pytest.fixture
def kb(light: None, tmp_path: Path) -> Settings:
    """Six documents in two generations, closed."""
    return ingested(tmp_path, load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "home")}))

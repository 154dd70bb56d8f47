"""The judges' endpoint, for the tests of scoring a saved run."""

from __future__ import annotations

from tests.eval.judges.conftest import base_url, opened, script

__all__ = ["base_url", "opened", "script"]

"""The face of `eval`: every name is there, typed, and loaded when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

FACE = import_module("eval")
SOURCE = ast.parse(Path(str(FACE.__file__)).read_text(encoding="utf-8"))


def typed_names() -> dict[str, str]:
    """Return name -> module of the imports that type checkers see."""
    (block,) = (node for node in SOURCE.body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_what_is_typed_is_what_is_loaded_and_listed() -> None:
    assert typed_names() == FACE._HOME_OF
    assert sorted(typed_names()) == sorted(FACE.__all__)


@pytest.mark.parametrize("name", FACE.__all__)
def test_a_name_is_found_in_its_room(name: str) -> None:
    assert getattr(FACE, name) is getattr(import_module(FACE._HOME_OF[name]), name)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'evalute'"):
        FACE.evalute  # noqa: B018
    with pytest.raises(ImportError, match="evalute"):
        from eval import evalute  # type: ignore[attr-defined]  # noqa: F401


def test_the_face_itself_loads_nothing() -> None:
    code = "import sys; from eval import __all__; print([m for m in sys.modules if m.startswith(('eval.', 'rag'))])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"

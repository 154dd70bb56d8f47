"""A user imports from `rag` and `ingest`: every public name is there, typed, and costs nothing until it is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
HEAVY = {"torch", "qdrant_edge", "qdrant_client", "sqlalchemy", "numpy", "pydantic", "llama_index", "onnxruntime"}


@pytest.mark.parametrize("package", ["rag", "ingest"])
def test_a_type_checker_sees_the_names_that_a_user_imports(package: str) -> None:
    tree = ast.parse((REPOSITORY / package / "__init__.py").read_text(encoding="utf-8"))
    (block, *_) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (alias.asname, node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    face = importlib.import_module(package)
    assert sorted(name for name, _ in typed if name) == face.__all__
    for name, module in typed:
        assert name and module and getattr(face, name) is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("package", ["rag", "ingest"])
def test_an_unknown_name_is_an_error_of_the_package(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        getattr(importlib.import_module(package), "nothing")  # noqa: B009


def test_importing_the_faces_loads_nothing_heavy() -> None:
    code = "import sys, rag, ingest; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert not HEAVY & set(done.stdout.split())

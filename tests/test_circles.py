"""No module needs itself: imports inside functions count too."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ["rag", "ingest", "eval", "api"]


def order(imports: dict[str, set[str]]) -> list[str]:
    return list(TopologicalSorter(imports).static_order())


def test_no_import_makes_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert imports["eval.judges.language"] >= {"eval.judges.ragas_bridge"}  # that one stands inside a function
    assert len(order(imports)) == len(graph.modules)


def test_a_circle_would_be_found() -> None:
    with pytest.raises(CycleError):
        order({"a": {"b"}, "b": {"c"}, "c": {"a"}})

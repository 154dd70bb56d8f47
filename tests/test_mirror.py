"""Tests mirror the tree: whoever changes a module of some size finds its tests by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("rag", "ingest", "eval", "api")
LINES = 100
"""Modules with more lines than this have a test file of their own."""

SUITES = {"eval/tune/report": "tests/eval/tune/test_report.py"}
"""Packages of which one suite tests every module: together they make one page."""

PROGRAMS = ("eval/bench", "eval/recipes")
"""Programs that measure and train, left out of the wheel: `tests/eval/bench` and `recipes` run them and read on."""

ELSEWHERE = {
    "api/cli/render.py": "its text is that of tests/api/cli/test_cli.py",
    "eval/files.py": "its readers and writers are those of test_policy.py and test_saved.py",
    "eval/gate/cases.py": "read in the comparisons of test_compare.py and test_required.py",
    "eval/gate/decision.py": "its files and pages are those of test_required.py",
    "eval/gate/differs.py": "its lines are those of test_compare.py",
    "eval/observation.py": "the value that all of tests/contracts/test_metrics.py is about",
    "eval/report/html_cases.py": "its part of the page is that of test_html.py",
    "eval/report/text.py": "its tables are those of test_runner.py and test_trust.py",
    "eval/results/judged.py": "the values of test_trust.py and test_calibration.py",
    "eval/summary.py": "the results of test_runner.py, whole",
    "eval/tune/dropping.py": "what drops points in searches/test_race.py",
    "eval/tune/ending.py": "the end of the sweeps of tests/eval/flows/test_tune.py",
    "eval/tune/searches/asked.py": "what all searches ask through, in searches/test_race.py",
    "eval/tune/surrogate.py": "the model of searches/test_race.py",
    "ingest/partition/markup_notes.py": "its notes are those of test_doc_sources.py",
    "ingest/partition/web_turners.py": "its links are those of test_doc_pages.py",
    "rag/answer/verifiers/evidence.py": "a member of tests/contracts/test_verifiers.py",
    "rag/context/assemble.py": "the stage of tests/rag/test_pipeline.py and test_live.py",
    "rag/explain/gates.py": "the gates of tests/rag/explain/test_flow.py",
    "rag/explain/kept.py": "what runs share in tests/rag/explain/test_flow.py",
    "rag/explain/rehearsal.py": "the runs of tests/rag/explain/test_flow.py",
}
"""Modules that are tested under another name, and where."""


def mirrors(module: Path) -> list[Path]:
    """Return where the tests of a module may stand.

    `rag/context/pack.py` has `tests/rag/context/test_pack.py`. A package's own file has the package's name, in the
    folder of its tests or beside it. A family whose members pass one suite has it in `tests/contracts`.
    """
    if module.name == "__init__.py":
        package = module.parent
        name = f"test_{package.name}.py"
        return [Path("tests") / package / name, Path("tests") / package.parent / name]
    name = f"test_{module.stem}.py"
    suite = [Path(SUITES[str(module.parent)])] if str(module.parent) in SUITES else []
    return [Path("tests") / module.parent / name, Path("tests/contracts") / name, *suite]


def does_something(source: str) -> bool:
    """Say whether a module has code that can be wrong: more than fields, and methods that others write."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return any(not isinstance(line, ast.Expr | ast.Pass) for function in functions for line in function.body)


def large_modules() -> list[Path]:
    """Return the modules that need a test file, by their path in the repository."""
    found = []
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            name = path.relative_to(REPOSITORY)
            wanted = source.count("\n") > LINES and str(name) not in ELSEWHERE and not str(name).startswith(PROGRAMS)
            if wanted and does_something(source):
                found.append(name)
    return found


def test_every_large_module_has_a_test_file_of_its_name() -> None:
    modules = large_modules()
    assert len(modules) > 100
    lacking = {str(module): str(mirrors(module)[0]) for module in modules if not any(map(exists, mirrors(module)))}
    assert lacking == {}


def exists(path: Path) -> bool:
    return (REPOSITORY / path).exists()


@pytest.mark.parametrize(
    ("module", "places"),
    [
        ("rag/context/pack.py", ["tests/rag/context/test_pack.py", "tests/contracts/test_pack.py"]),
        ("ingest/sources/__init__.py", ["tests/ingest/sources/test_sources.py", "tests/ingest/test_sources.py"]),
    ],
)
def test_where_the_tests_of_a_module_stand(module: str, places: list[str]) -> None:
    assert [str(place) for place in mirrors(Path(module))] == places


def test_what_is_tested_elsewhere_is_there_and_has_no_file_of_its_own() -> None:
    assert all(exists(Path(module)) for module in ELSEWHERE)
    assert [module for module in ELSEWHERE if any(map(exists, mirrors(Path(module))))] == []


def test_what_only_declares_needs_no_tests() -> None:
    assert not does_something(
        'class Port:\n    size: int\n\n    def read(self) -> str:\n        """Say."""\n        ...\n'
    )
    assert does_something("def read():\n    return 1\n")

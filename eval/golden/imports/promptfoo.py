"""promptfoo test files (YAML): https://www.promptfoo.dev/docs/configuration/test-cases/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from eval.golden.imports import Imported, count
from eval.golden.new import NewCase
from rag.errors import GoldenSetError

_QUESTION_VARIABLES = ("question", "query", "input", "prompt", "message")
_ANSWERS = {"equals", "contains", "icontains", "contains-any", "icontains-any", "contains-all", "icontains-all",
            "similar", "starts-with", "factuality", "answer-relevance"}  # fmt: skip
_SHOWN_CHARS = 100
_REFUSALS = {"is-refusal"}


def read(source: Path, documents: Mapping[str, str]) -> Imported:
    """Return one case for every test with a question: expected texts become answers, `is-refusal` an abstention.

    Raises:
        GoldenSetError: the file is no YAML, or holds no list of tests.
    """
    left: list[str] = []
    cases = [case for number, test in enumerate(_tests(source), start=1) for case in _case(number, test, left)]
    return Imported(cases, left_out=count(left))


def _tests(source: Path) -> list[Any]:
    try:
        tree = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GoldenSetError(f"cannot read {source}: {' '.join(str(error).split())}") from error
    tests = tree.get("tests") if isinstance(tree, dict) else tree
    if isinstance(tests, str) or isinstance(tests, list) and tests and all(isinstance(test, str) for test in tests):
        named = tests if isinstance(tests, str) else ", ".join(tests)
        raise GoldenSetError(f"{source.name} only names the file of its tests, {_short(named)}; import that YAML file")
    if not isinstance(tests, list):
        found = f"the keys {', '.join(map(str, tree))}" if isinstance(tree, dict) else "no list"
        raise GoldenSetError(
            f"{source.name} holds no tests but {_short(found)}; promptfoo tests are a list, or a mapping with a list"
            " under 'tests', of items like {vars: {question: …}, assert: […]}"
        )
    return tests


def _short(text: str) -> str:
    """Return a text as a message shows it."""
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _case(number: int, test: Any, left: list[str]) -> Iterator[NewCase]:
    variables = test.get("vars") if isinstance(test, dict) else None
    known = variables if isinstance(variables, dict) else {}
    question = next((known[key] for key in _QUESTION_VARIABLES if key in known), None)
    if not isinstance(question, str) or not question.strip():
        has = ", ".join(map(str, variables)) if isinstance(variables, dict) and variables else "no vars"
        left.append(f"test with {_short(has)} and no question (one of the vars {', '.join(_QUESTION_VARIABLES)})")
        return
    asserts = [item for item in test.get("assert") or [] if isinstance(item, dict)]
    left += [f"assertion {item.get('type')}" for item in asserts if item.get("type") not in _ANSWERS | _REFUSALS]
    metadata = test.get("metadata") or {}
    refused = any(item.get("type") in _REFUSALS for item in asserts) or metadata.get("answerable") is False
    yield NewCase(
        id=str(metadata.get("id") or f"test-{number}"),
        question=question,
        answers=[] if refused else list(_answers(asserts)),
        answerable=not refused,
        tags=[str(tag) for tag in metadata.get("tags") or []],
        provenance="promptfoo",
        description=test["description"] if isinstance(test.get("description"), str) else None,
    )


def _answers(asserts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for item in asserts:
        value = item.get("value")
        if item.get("type") in _ANSWERS and value is not None:
            yield from (str(part) for part in (value if isinstance(value, list) else [value]))

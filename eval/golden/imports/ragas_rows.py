"""RAGAS and Hugging Face style JSON lines: `user_input`/`question`, `reference`, `reference_contexts`.

https://docs.ragas.io/en/stable/concepts/components/eval_dataset/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.golden.imports import Imported, count, place, read_jsonl
from eval.golden.new import NewCase
from eval.golden.rows import DocumentRow
from rag.errors import GoldenSetError

_SHOWN_KEYS = 5
_QUESTION = ("user_input", "question", "query")
_ANSWER = ("reference", "ground_truth", "ground_truths", "answer", "answers")
_CONTEXTS = ("reference_contexts", "contexts", "ground_truth_contexts")


def read(source: Path, documents: Mapping[str, str]) -> Imported:
    """Return one case a row; its contexts become gold spans of the documents at hand, or documents of their own.

    A row without an answer and without contexts counts as unanswerable only if it says `answerable: false`.

    Raises:
        GoldenSetError: the file holds neither JSON lines nor a JSON array of objects.
    """
    left: list[str] = []
    cases: list[NewCase] = []
    own: dict[str, str] = {}
    for number, row in enumerate(_rows(source), start=1):
        question = _first(row, _QUESTION)
        if not isinstance(question, str) or not question.strip():
            left.append("row without a question")
            continue
        contexts = [text for text in _texts(_first(row, _CONTEXTS)) if text.strip()]
        if not documents:
            own.update({text: f"context-{len(own) + i}" for i, text in enumerate(contexts, 1) if text not in own})
        relevant = [place(text, documents) if documents else own[text] for text in contexts]
        left += ["context that is in no document" for gold in relevant if gold is None]
        answerable = row.get("answerable", True) is not False
        cases.append(
            NewCase(
                id=str(row.get("id") or f"row-{number}"),
                question=question,
                answers=[text for text in _texts(_first(row, _ANSWER)) if text.strip()] if answerable else [],
                relevant=[gold for gold in relevant if gold is not None],
                answerable=answerable,
                provenance="ragas",
            )
        )
    return Imported(cases, [DocumentRow(doc_id=doc_id, text=text) for text, doc_id in own.items()], count(left))


def _rows(source: Path) -> Sequence[Mapping[str, Any]]:
    """Return the rows of JSON lines, or of one JSON array, as `EvaluationDataset.to_pandas().to_json` writes it.

    Raises:
        GoldenSetError: it is neither.
    """
    try:
        whole = json.loads(source.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):  # JSON lines, or what `read_jsonl` names the line of
        return read_jsonl(source)
    if isinstance(whole, list):
        odd = next((number for number, row in enumerate(whole, 1) if not isinstance(row, dict)), None)
        if odd is not None:
            raise GoldenSetError(
                f"{source.name}: item {odd} of its JSON array is no object; ragas wants rows with keys"
            )
        return whole
    if isinstance(whole, dict) and not {*_QUESTION} & whole.keys():
        keys = ", ".join(sorted(map(str, whole))[:_SHOWN_KEYS])
        raise GoldenSetError(
            f"{source.name}: one JSON object with the keys {keys}; ragas rows are JSON lines or one array of objects,"
            f" each with one of {', '.join(_QUESTION)}"
        )
    return read_jsonl(source) if not isinstance(whole, dict) else [whole]


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

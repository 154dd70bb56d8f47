"""Rows of other versions: a key that is not known stays, one that is missing has a default, but none that decides."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rag.shapes.rows import RowJson
from tests.eval.lines import CITED, HIT, NEEDED, PASSAGE, line

PARTS: dict[str, Any] = {
    "hits": [HIT | {"later": 1}],
    "context": {"passages": [PASSAGE | {"later": 1}], "tokens": 2, "later": 1},
    "sentences": [{"text": "S.", "start": 0, "end": 2, "citations": [CITED | {"id": "c1"}], "later": 1}],
    "gold": {"later": 1},
    "usage": {"input_tokens": 1, "output_tokens": 2, "cost_usd": None, "later": 1},
    "later": {"a": [1]},
}


def plain(value: Any) -> Any:
    """Return a tree with lists for tuples, as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_what_a_later_version_wrote_stays_and_nothing_is_added() -> None:
    assert plain(line(PARTS).model_dump(exclude_unset=True)) == NEEDED | PARTS


def test_a_row_of_an_earlier_version_has_defaults() -> None:
    old = line({"context": {"passages": [PASSAGE], "tokens": 2}})
    assert (old.split, old.history, old.hits_used, old.answerability, old.sources) == (None, [], None, None, [])
    assert old.context and old.context.dropped == []


@pytest.mark.parametrize("key", sorted(NEEDED))
def test_a_row_without_what_a_gate_decides_on_is_damaged(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        RowJson.model_validate({name: value for name, value in NEEDED.items() if name != key})


@pytest.mark.parametrize(
    "wrong", [{"metrics": {"a": "high"}}, {"status": "fine"}, {"hits": [{"doc_id": "d"}]}, {"tags": "t"}]
)
def test_a_value_of_another_kind_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        line(wrong)

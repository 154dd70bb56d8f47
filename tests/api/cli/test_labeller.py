"""A session at a terminal, with what a person types at it written down beforehand."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from api.cli.labeller import Labeller, QuitSession, Terminal, _fields
from eval import Asked, GoldSpan, Queued
from tests.api.conftest import FakePipeline, make_hit


class Store:
    """Keeps rows in a list; it knows one document."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def holds(self, question: str) -> bool:
        return any(row["question"] == question for row in self.rows)

    def place(self, doc_id: str, span: Any, quote: str) -> GoldSpan | None:
        text = make_hit().chunk.text
        return GoldSpan(doc_id, span, quote) if quote in text else None

    def append(self, row: dict[str, Any]) -> None:
        self.rows.append(row)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def type_lines(*lines: str) -> tuple[Labeller, list[str]]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        said: list[str] = []
        runtime: Any = SimpleNamespace(pipeline=FakePipeline())
        store: Any = Store()
        return Labeller("demo", 5, None, runtime, store, Terminal(said.append)), said

    return type_lines


def queued(question: str = "How long?") -> Queued:
    return Queued(Asked(question), 2)


def test_a_passage_is_chosen_by_its_rank_and_narrowed_by_its_words(typed: Any) -> None:
    session, said = typed("1", "Refunds take 30 days.", "Thirty days.", "kind=edge tags=a,b", "")
    session.label_all([queued()])
    (row,) = session.store.rows
    assert (row.question, list(row.answers), row.kind) == ("How long?", ["Thirty days."], "edge")
    assert session.saved == 1 and any("(asked 2 times)" in line for line in said)


def test_words_that_stand_nowhere_are_asked_for_again(typed: Any) -> None:
    session, said = typed("1", "Refunds take 99 days.", "", "", "", "")
    session.label_all([queued()])
    assert any("stands nowhere" in line for line in said) and session.saved == 1


def test_a_question_that_nothing_answers(typed: Any) -> None:
    session, _ = typed("u", "", "")
    session.label_all([queued()])
    (row,) = session.store.rows
    assert row.answerable is False and not row.relevant


def test_what_is_no_choice_is_said_and_skipping_saves_nothing(typed: Any) -> None:
    session, said = typed("7", "/refund words", "s", "")
    session.label_all([queued()])
    assert any("Type numbers from 1 to 1" in line for line in said) and session.saved == 0
    assert [request.question for request in session.runtime.pipeline.requests] == ["How long?", "refund words"]


@pytest.mark.parametrize("lines", [("q",), ()])
def test_the_person_or_the_end_of_the_input_ends_the_session(typed: Any, lines: tuple[str, ...]) -> None:
    session, _ = typed(*lines)
    with pytest.raises(QuitSession):
        session.label_all([queued()])
    assert session.saved == 0


def test_fields_are_those_of_a_case() -> None:
    assert dict(_fields("kind=edge split=dev"))["kind"] == "edge" and dict(_fields("")) == {}
    for wrong in ("colour=red", "kind=purple", "kind="):
        with pytest.raises(ValueError):
            dict(_fields(wrong))

"""Questions that people really asked: a file of JSON lines from a log or a feedback store, or of plain lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from eval.golden.rows import TurnRow, read_bytes, read_rows
from rag.errors import GoldenSetError
from rag.types import Turn

_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it was asked, with what was answered and what the asker thought of it, where that is known.

    `cited` are the documents that the answer stood on.
    """

    question: str
    history: tuple[Turn, ...] = ()
    answer: str = ""
    verdict: str = ""
    cited: tuple[str, ...] = ()


class _HitRow(BaseModel):
    model_config = ConfigDict(extra="ignore")
    doc_id: str


class _AskedRow(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    question: str = Field(pattern=r"\S", validation_alias=AliasChoices("question", "query", "user_input"))
    history: list[TurnRow] = []
    answer: str | None = None
    verdict: str | bool | None = None
    hits: list[_HitRow] = []


def read_traffic(path: Path) -> list[Asked]:
    """Return the questions of a file in its order, repeats included.

    A `.txt` file holds a question a line. Any other file holds JSON lines with `question` (or `query`, `user_input`)
    and maybe `history`, `answer`, `verdict` and `hits` (`[{doc_id}]`), as `ask --json` and a feedback log have them.

    Raises:
        GoldenSetError: the file cannot be read or a line does not fit; all `problems` are named.
    """
    if path.suffix.lower() == ".txt":
        lines = read_bytes(path).decode("utf-8-sig", "replace").splitlines()
        return [Asked(line.strip()) for line in lines if line.strip()]
    problems: list[str] = []
    rows = [row for _, _, row in read_rows(path.name, read_bytes(path), _AskedRow, problems)]
    if problems:
        shown = "; ".join(" ".join(problem.split()) for problem in problems[:_SHOWN_PROBLEMS])
        raise GoldenSetError(f"{path} holds {len(problems)} lines that are no questions: {shown}", problems)
    return [_asked(row) for row in rows]


def _asked(row: _AskedRow) -> Asked:
    history = tuple(Turn("user" if turn.role == "user" else "assistant", turn.text) for turn in row.history)
    verdict = "" if row.verdict is None else str(row.verdict).lower()
    cited = tuple(dict.fromkeys(hit.doc_id for hit in row.hits))
    return Asked(" ".join(row.question.split()), history, row.answer or "", verdict, cited)

from pathlib import Path

from eval.golden.sections import sections_of
from eval.golden.synthesis.draft import Draft
from eval.golden.synthesis.tables import table_cells
from ingest.partition import partition_file


def drafts(folder: Path, text: str) -> list[Draft]:
    (folder / "page.md").write_text(text)
    page = partition_file(folder / "page.md", "page.md")
    return [draft for section in sections_of(page) for draft in table_cells(section, page)]


PLANS = "# Plans\n\n| Plan | Users | Support |\n|---|---|---|\n| Solo | 1 | yes |\n| Team | 50 | – |\n"


def test_a_cell_is_asked_for_by_its_row_and_its_column_and_stands_in_its_row(tmp_path: Path) -> None:
    found = {draft.question: draft for draft in drafts(tmp_path, PLANS)}
    assert {question: draft.answer for question, draft in found.items()} == {
        "What are the users of plan Solo?": "1",
        "What are the users of plan Team?": "50",
    }
    (place,) = found["What are the users of plan Team?"].places
    assert "Team" in place.text and "50" in place.text and "Solo" not in place.text


def test_cells_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    assert not any(draft.answer in ("yes", "–") for draft in drafts(tmp_path, PLANS))


def test_a_list_of_facts_has_no_head(tmp_path: Path) -> None:
    facts = "# Pump\n\n| Rated power | 5.5 kW |\n|---|---|\n| Noise level | 68 dB(A) |\n| Oil volume | 4.2 litres |\n"
    assert not any("rated power" in draft.question.lower() for draft in drafts(tmp_path, facts))


def test_a_table_of_one_row_asks_nothing(tmp_path: Path) -> None:
    assert drafts(tmp_path, "# A\n\n| Plan | Users |\n|---|---|\n") == []

from collections.abc import Callable, Iterator
from pathlib import Path

from eval.golden.sections import Section, sections_of
from eval.golden.synthesis.draft import Draft
from eval.golden.synthesis.prose import answered_questions, definitions, key_values, statements, steps
from ingest.partition import partition_file
from rag.types import Document

Template = Callable[[Section, Document], Iterator[Draft]]


def asked(folder: Path, text: str, template: Template) -> dict[str, str]:
    (folder / "page.md").write_text(text)
    page = partition_file(folder / "page.md", "page.md")
    drafts = [draft for section in sections_of(page) for draft in template(section, page)]
    for draft in drafts:
        assert draft.question.endswith("?")
        assert all(page.text[place.span.start : place.span.end] == place.text for place in draft.places)
    return {draft.question: draft.answer for draft in drafts}


def test_a_question_that_the_page_answers_itself(tmp_path: Path) -> None:
    found = asked(tmp_path, "# Help\n\nQ: When is the pump oiled?\nA: It is oiled in March.\n", answered_questions)
    assert found == {"When is the pump oiled?": "It is oiled in March."}


def test_a_plain_statement_turned_into_a_question(tmp_path: Path) -> None:
    found = asked(tmp_path, "# Pumps\n\nThe old pump cannot be oiled during the winter months.\n", statements)
    assert list(found) and all(question.startswith("Can ") for question in found)


def test_a_line_with_a_name_and_a_short_value(tmp_path: Path) -> None:
    found = asked(tmp_path, "# Pump P1\n\n- Oil volume: 5 litres\n- Note: see below\n", key_values)
    assert list(found.values()) == ["5 litres"] and "oil volume" in next(iter(found)).lower()


def test_a_term_that_is_explained(tmp_path: Path) -> None:
    found = asked(tmp_path, "# Glossary\n\n- **Gland** - the part that keeps the water in the pump.\n", definitions)
    assert any("Gland" in question for question in found)


def test_what_comes_after_a_step(tmp_path: Path) -> None:
    steps_of_it = ("Close the main valve of the pump.", "Drain the old oil into a can.", "Fill in five litres.")
    text = "# Oil change\n\n" + "".join(f"{n}. {step}\n" for n, step in enumerate(steps_of_it, 1))
    assert any("Drain the old oil" in answer for answer in asked(tmp_path, text, steps).values())


def test_nothing_is_asked_about_prose_without_a_form(tmp_path: Path) -> None:
    for template in (key_values, definitions, answered_questions, steps):
        assert asked(tmp_path, "# Pumps\n\nIt rained, and nobody came.\n", template) == {}

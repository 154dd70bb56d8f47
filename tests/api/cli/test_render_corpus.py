from dataclasses import replace

from api.cli.render_corpus import generations_text, ingest_text, listed, removal_text, status_text, vacuum_text
from ingest.report import IngestReport
from ingest.upkeep.removal import Removal
from tests.api.cli.commands.test_corpus import FAILURE, STATUS

REPORT = IngestReport("demo", 4, 1, 0, 0, 2, chunks=5, failed=(FAILURE,), seconds=1.25)


def test_a_run_says_what_changed_and_names_what_failed() -> None:
    text = ingest_text(REPORT)
    assert "1 added" in text and "2 unchanged" in text
    assert "broken.docx" in text and "it is no .docx file" in text
    assert "broken.docx" not in ingest_text(replace(REPORT, failed=()))


def test_a_status_says_what_a_corpus_holds() -> None:
    text = " ".join(status_text([STATUS]).split())
    assert text.startswith("demo generation 4 documents 3 chunks 9 embedder minilm") and "broken.docx" in text


def test_generations_come_oldest_first_with_what_each_changed() -> None:
    text = generations_text(STATUS)
    assert text.index("3") < text.index("4") and "2 added" in text


def test_of_many_names_the_first_are_shown() -> None:
    assert listed(["a", "b"]) == "a, b"
    many = listed([f"d{n}.md" for n in range(20)])
    assert "d0.md" in many and "d19.md" not in many and "12 more" in many


def test_what_a_vacuum_and_a_removal_did() -> None:
    assert "7" in vacuum_text(7, [])
    text = removal_text(Removal("demo", "/docs", 3, 5))
    assert "/docs" in text and "3 documents" in text

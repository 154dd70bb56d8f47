"""Labels are valid cases, on disk at once, and none is lost when their writer is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.golden import GoldSpan, load_golden
from eval.golden.labelling import label_row, open_labels, queue
from eval.golden.new import NewCase
from eval.golden.question_log import Asked
from rag.errors import BusyError, ConfigError, GoldenSetError
from rag.types import Document, Span, Turn

TEXT = "# Refunds\n\nRefunds take\nthirty days. Refunds take five days by card."
DOCUMENTS = [Document("a.md", "Refunds", TEXT, (), ""), Document("b.pdf", "Other", "Not here.", (), "")]
WRITER = """
import sys
from pathlib import Path
from eval.golden.labelling import label_row, open_labels
from eval.golden.question_log import Asked
from rag.types import Document
with open_labels(Path(sys.argv[1]), [Document("a.md", "", "text", (), "")]) as labels:
    n = len(labels)
    while True:
        n += 1
        labels.append(label_row(Asked(f"question {n} " + "x" * 3000), [], "abstain", [], {}))
        print(n, flush=True)
"""


def row(question: str = "How long?", *gold: GoldSpan, **more: Any) -> NewCase:
    return label_row(Asked(question), gold, "answer" if gold else "abstain", [], {"by": "test"}, **more)


def whole(quote: str) -> GoldSpan:
    return GoldSpan("a.md", Span(TEXT.index(quote), TEXT.index(quote) + len(quote)), quote)


def test_a_new_set_gets_the_corpus_and_each_label_is_a_case(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with open_labels(folder, DOCUMENTS) as labels:
        labels.append(row("How long?", whole("Refunds take five days"), kind="edge", tags=["t"], split="dev"))
        assert len(load_golden(folder).cases) == 1  # while the session goes on
        labels.append(row("Who?"))
        assert labels.holds("  how LONG?") and not labels.holds("How long?", (Turn("user", "Hi"),))
    first, second = load_golden(folder).cases
    assert (first.kind, first.tags, first.split, first.provenance["by"]) == ("edge", ("t",), "dev", "test")
    assert (second.expect, second.spans) == ("abstain", ())


def test_a_session_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    asked = [Asked("Who?"), Asked("How long?"), Asked("how long?"), Asked("Why?", verdict="down"), Asked("Who?")]
    with open_labels(tmp_path / "set", DOCUMENTS) as labels:
        assert [(item.asked.question, item.times) for item in queue(asked, labels)] == [
            ("Why?", 1),
            ("Who?", 2),
            ("How long?", 2),
        ]
        labels.append(row("Who?"))
    with open_labels(tmp_path / "set", DOCUMENTS) as labels:
        assert [item.asked.question for item in queue(asked, labels)] == ["Why?", "How long?"]


def test_quotes_are_found_where_they_were_read(tmp_path: Path) -> None:
    with open_labels(tmp_path / "set", DOCUMENTS) as labels:
        near = TEXT.rindex("Refunds")
        assert labels.place("a.md", Span(near, near + 30), "Refunds take") == GoldSpan(
            "a.md", Span(near, near + 12), "Refunds take"
        )
        over_a_line = labels.place("a.md", Span(0, 20), "Refunds take thirty days.")
        assert over_a_line is not None and over_a_line.text == "Refunds take\nthirty days."
        assert labels.place("a.md", Span(0, 5), "forty days") is None
        assert labels.place("new.md", Span(0, 5), "text") is None


def test_a_set_with_files_reads_binary_documents_from_the_corpus(tmp_path: Path) -> None:
    docs = tmp_path / "set" / "docs"
    docs.mkdir(parents=True)
    (docs / "b.pdf").write_bytes(b"%PDF")
    with open_labels(tmp_path / "set", DOCUMENTS) as labels:
        assert labels.place("b.pdf", Span(0, 4), "here.") == GoldSpan("b.pdf", Span(4, 9), "here.")
        assert labels.place("a.md", Span(0, 4), "Refunds") is None
    assert not (tmp_path / "set" / "documents.jsonl").exists()


def test_new_documents_come_in_and_changed_ones_stay(tmp_path: Path) -> None:
    with open_labels(tmp_path / "set", DOCUMENTS[:1]) as labels:
        labels.append(row("How long?", whole("five days")))
    changed = [Document("a.md", "", "All new.", (), ""), DOCUMENTS[1]]
    with open_labels(tmp_path / "set", changed) as labels:
        assert labels.place("a.md", Span(0, 3), "All new.") is None
        assert labels.place("b.pdf", Span(0, 3), "Not here.") is not None
    assert load_golden(tmp_path / "set").cases[0].spans[0].text == "five days"


def test_what_is_no_case_is_not_written(tmp_path: Path) -> None:
    with open_labels(tmp_path / "set", DOCUMENTS) as labels:
        labels.append(row("Who?"))
        for bad, message in (
            (row("Who?"), "has a label already"),
            (row("x", GoldSpan("a.md", Span(0, 3), "Ref")), "relevant.0.text"),
            (row("x", kind="hard"), "kind"),
        ):
            with pytest.raises(GoldenSetError, match=message):
                labels.append(bad)
    assert len(load_golden(tmp_path / "set").cases) == 1


def test_one_session_at_a_time_and_only_into_a_set(tmp_path: Path) -> None:
    with open_labels(tmp_path / "set", DOCUMENTS), pytest.raises(BusyError, match="end that session"):
        with open_labels(tmp_path / "set", DOCUMENTS):
            pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ConfigError, match="not empty"), open_labels(tmp_path / "other", DOCUMENTS):
        pass


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400))
def test_a_torn_line_is_put_aside_and_whole_ones_stay(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("torn") / "set"
    with open_labels(folder, DOCUMENTS) as labels:
        for n in range(2):
            labels.append(row(f"question {n}"))
    questions = folder / "questions.jsonl"
    content = questions.read_bytes()
    questions.write_bytes(content[: max(0, len(content) - cut)])
    whole_lines = content[: max(0, len(content) - cut)].count(b"\n")
    with open_labels(folder, DOCUMENTS) as labels:
        kept = len(labels)
        labels.append(row("one more"))
    assert kept in (whole_lines, whole_lines + 1)  # a line that lacks only its newline is whole
    assert len(load_golden(folder).cases) == kept + 1
    torn = folder / "questions.jsonl.torn"
    rest = torn.read_bytes() if torn.exists() else b""
    assert content.startswith(b"".join(line for line in content.splitlines(True)[:kept]) + rest.rstrip(b"\n"))


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    acknowledged = 0
    for pause in (0.0, 0.03, 0.06):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
        ) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(pause)
            writer.send_signal(signal.SIGKILL)
            said = [first, *writer.stdout.read().splitlines()]
        acknowledged = max(int(line) for line in said if line.strip().isdecimal())
        with open_labels(folder, [Document("a.md", "", "text", (), "")]) as labels:
            assert acknowledged <= len(labels) <= acknowledged + 1
    assert len(load_golden(folder).cases) >= acknowledged >= 3
    for line in (folder / "questions.jsonl").read_text().splitlines():
        assert json.loads(line)["id"]

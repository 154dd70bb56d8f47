"""documents and corpus, typed as a user would, over a real home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.store.lock import ingest_lock
from rag.state.engine import open_catalogue
from rag.state.home import Home
from tests.api.cli.commands.test_sources import Ragwright, ragwright

__all__ = ["ragwright"]

GUIDE = (
    "---\ntitle: The guide\nkind: manual\nyear: 2024\n---\n# Start\n\n"
    + "Press the green button until the lamp is lit. " * 9
    + "\n\n## Stop\n\n"
    + "Pull the lever until the lamp is dark again. " * 9
    + "\n"
)


@pytest.fixture
def docs(tmp_path: Path, ragwright: Ragwright) -> Path:
    folder = tmp_path / "docs"
    (folder / "a b").mkdir(parents=True)
    (folder / "guide.md").write_text(GUIDE)
    (folder / "a b" / "notes#1.txt").write_text("Nothing is said of buttons here.\n")
    (folder / "logo.svg").write_text("<svg/>")
    assert ragwright("ingest", folder, "--corpus", "kb")[0] == 0
    return folder


def test_documents_are_listed_with_a_filter(docs: Path, ragwright: Ragwright) -> None:
    code, out, _ = ragwright("documents", "list", "--corpus", "kb")
    assert code == 0 and out.splitlines()[-1] == "2 documents, 3 chunks"
    assert "a b/notes#1.txt" in out and "The guide" in out
    code, out, err = ragwright("documents", "list", "--corpus", "kb", "--json", "--filter", "kind=manual")
    found = json.loads(out)
    assert (code, err, found["corpus"], found["generation"]) == (0, "", "kb", 1)
    only = found["documents"][0]
    assert [only[key] for key in ("doc_id", "title", "chars", "chunks")] == ["guide.md", "The guide", len(GUIDE), 2]
    assert only["metadata"]["year"] == "2024" and len(found["documents"]) == 1
    code, out, _ = ragwright("documents", "list", "--corpus", "kb", "--filter", "year>=2025")
    assert code == 0 and out == "No documents.\n"
    code, _, err = ragwright("documents", "list", "--corpus", "kb", "--filter", "knd=manual")
    assert code == 0 and "has the metadata field 'knd'; did you mean 'kind'?" in err


def test_a_document_is_shown_with_its_clean_text(docs: Path, ragwright: Ragwright) -> None:
    code, out, _ = ragwright("documents", "show", "guide.md", "--corpus", "kb")
    assert code == 0 and out.endswith(GUIDE) and "manual" in out.split("---")[0]
    code, out, _ = ragwright("documents", "show", "a b/notes#1.txt", "--corpus", "kb", "--json")
    shown = json.loads(out)
    assert (shown["text"], shown["doc_id"]) == ("Nothing is said of buttons here.\n", "a b/notes#1.txt")
    code, _, err = ragwright("documents", "show", "gude.md", "--corpus", "kb")
    assert code == 1 and err == "error: 'kb' has no document 'gude.md' (did you mean: 'guide.md'?)\n"


def test_chunks_of_a_document_stand_where_they_say(docs: Path, ragwright: Ragwright) -> None:
    code, out, _ = ragwright("documents", "chunks", "guide.md", "--corpus", "kb", "--json")
    chunks = json.loads(out)["chunks"]
    assert [GUIDE[x["start"] : x["end"]] for x in chunks] == [x["text"] for x in chunks]
    assert [x["headings"] for x in chunks] == [["Start"], ["Start", "Stop"]]
    code, out, _ = ragwright("documents", "chunks", "guide.md", "--corpus", "kb")
    first = chunks[0]
    assert code == 0 and out.startswith("guide.md: 2 chunks\n")
    assert f"[{first['start']}:{first['end']}] {first['tokens']} tokens  Start" in out


def test_status_and_ingest_name_documents(docs: Path, ragwright: Ragwright) -> None:
    status = json.loads(ragwright("status", "--corpus", "kb", "--json")[1])["corpora"][0]
    assert status["documents"] == 2 and status["doc_ids"] == ["a b/notes#1.txt", "guide.md"]
    assert "holds: a b/notes#1.txt, guide.md" in ragwright("status")[1]
    (docs / "guide.md").write_text(GUIDE + "More.\n")
    (docs / "new.md").write_text("# New\n\nwords\n")
    _, out, _ = ragwright("ingest", docs, "--corpus", "kb", "--dry-run")
    assert "added: new.md" in out and "changed: guide.md" in out and "embedded: guide.md, new.md" in out
    assert "skipped: 1 .svg, not a format that is read" in out
    report = json.loads(ragwright("ingest", docs, "--corpus", "kb", "--json")[1])
    assert report["documents"] == {
        "added": ["new.md"],
        "changed": ["guide.md"],
        "removed": [],
        "embedded": ["guide.md", "new.md"],
    }
    assert report["skipped"] == {".svg": 1}


def test_corpora_are_listed_and_one_is_deleted(docs: Path, tmp_path: Path, ragwright: Ragwright) -> None:
    assert ragwright("ingest", docs, "--corpus", "other", "--prefix", "x")[0] == 0
    listed = json.loads(ragwright("corpus", "list", "--json")[1])["corpora"]
    assert [(x["name"], x["documents"], x["failures"]) for x in listed] == [("kb", 2, 0), ("other", 2, 0)]
    code, _, err = ragwright("corpus", "delete", "kb")
    assert code == 2 and "'kb' with its 2 documents for good; add --yes" in err
    code, out, _ = ragwright("corpus", "delete", "kb", "--yes", "--json")
    assert code == 0 and json.loads(out) == {"corpus": "kb", "documents": 2, "chunks": 3}
    for verb in (
        ("search", "button", "--corpus", "kb"),
        ("status", "--corpus", "kb"),
        ("corpus", "delete", "kb", "--yes"),
    ):
        code, _, err = ragwright(*verb)
        assert code == 1 and "there is no corpus 'kb'" in err
    home = tmp_path / "home"
    assert [x.name for x in (home / "indexes").iterdir()] == ["2"]
    assert b"knows green" not in (home / "catalogue.db").read_bytes()
    assert "button" in ragwright("search", "button", "--corpus", "other")[1]
    code, out, _ = ragwright("ingest", docs, "--corpus", "kb", "--json")  # and it may come back
    assert code == 0 and json.loads(out)["added"] == 2
    assert ragwright("doctor")[0] == 0


def test_corpus_that_is_written_to_is_not_deleted(docs: Path, tmp_path: Path, ragwright: Ragwright) -> None:
    home = Home(tmp_path / "home")
    with ingest_lock(home, "kb", open_catalogue(home)):
        code, _, err = ragwright("corpus", "delete", "kb", "--yes")
    assert code == 1 and "another process is writing to 'kb'" in err
    assert ragwright("search", "button", "--corpus", "kb")[0] == 0


def test_vacuum_says_what_it_keeps_and_why(docs: Path, ragwright: Ragwright) -> None:
    (docs / "guide.md").write_text(GUIDE.replace("green", "red").replace("lever", "handle"))
    ragwright("ingest", docs, "--corpus", "kb")
    code, out, _ = ragwright("generations", "vacuum", "--corpus", "kb")
    assert code == 0 and out.splitlines() == [
        "0 chunks erased: the generations that are kept see all of them",
        "kept: generation 2 (live)",
        "kept: generation 1 (for a rollback: ingest.keep_generations is 3), alone with 2 chunks of older versions",
        "to free those too: --set ingest.keep_generations=1, after which there is no rollback",
    ]
    code, out, _ = ragwright("generations", "vacuum", "--corpus", "kb", "--set", "ingest.keep_generations=1", "--json")
    found = json.loads(out)
    assert found["chunks_erased"] == 2 and found["kept"] == [{"generation": 2, "reason": "live", "chunks": 3}]


def test_documents_are_left_out_and_demoted_by_their_metadata(docs: Path, ragwright: Ragwright) -> None:
    asked = ["search", "Which buttons does the guide say something of?", "--corpus", "kb"]
    plain = ragwright(*asked)[1]
    assert "guide.md" in plain
    code, out, err = ragwright(*asked, "--set", "retrieval.leave_out=[kind=manual]")
    assert code == 0 and not err and "guide.md" not in out and "notes#1.txt" in out
    code, out, err = ragwright(*asked, "--set", "retrieval.demote={kind=manual: 0.1}")
    assert code == 0 and not err and "demoted from 1" in out and out.splitlines()[1].strip().startswith("a b/notes")
    code, _, err = ragwright(*asked, "--set", "retrieval.leave_out=[knd=manual]")
    assert code == 0 and "retrieval.leave_out: no document of 'kb' has the metadata field 'knd'" in err
    assert "did you mean 'kind'?" in err
    code, _, err = ragwright(*asked, "--set", "retrieval.demote={yaer<2020: 0.5}")
    assert code == 0 and "retrieval.demote: no document" in err and "did you mean 'year'?" in err
    passage = ["explain", *asked[1:], "--passage", "guide.md", "--set"]
    code, out, _ = ragwright(*passage, "retrieval.leave_out=[kind=manual]")
    assert code == 0 and "left_out" in out and "retrieval.leave_out" in out and "kind=manual" in out
    code, out, _ = ragwright(*passage, "retrieval.demote={kind=manual: 0.1}", "--set", "context.max_hits=1")
    assert code == 0 and "removed by  demoted" in out and "retrieval.demote (kind=manual)" in out
    code, _, err = ragwright(*asked, "--set", "retrieval.leave_out=[kind]")
    assert code == 2 and "retrieval.leave_out" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\x1b[2J", "\u2028"])
def test_an_id_with_a_line_break_stays_in_its_row(tmp_path: Path, ragwright: Ragwright, sign: str) -> None:
    row = {"doc_id": f"one{sign}two", "title": f"A{sign}B", "text": "Some words stand here."}
    (tmp_path / "documents.jsonl").write_text(json.dumps(row) + "\n")
    assert ragwright("ingest", tmp_path / "documents.jsonl", "--corpus", "odd")[0] == 0
    code, out, _ = ragwright("documents", "list", "--corpus", "odd")
    lines = out.splitlines()
    escaped = sign.encode("unicode_escape").decode()
    assert code == 0 and len([line for line in lines if "two" in line]) == 1 and f"one{escaped}two" in lines[1]

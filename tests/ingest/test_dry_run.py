"""A dry run says what the run then does, whatever was edited."""

import random
from dataclasses import replace

import pytest

from ingest.pipeline import IngestOptions, ingest
from rag.errors import PruneRefusedError
from rag.settings import Settings

SECTION = "## Part {0}\n\nThe tray of disk {0} shows an amber light. Pull it, wait, put in disk {0} again.\n\n"


def told(report):
    """What a dry run promises."""
    counts = (report.added, report.changed, report.removed, report.unchanged, report.moved)
    written = (report.chunks, report.embedded, report.reused)
    failed = sorted((x.doc_id, x.reason) for x in report.failed)
    return counts, written, report.documents, failed, report.duplicates, sorted(report.warnings), report.skipped


def compared(source, runtime, **options):
    chosen = IngestOptions(**options)
    calls, before = runtime.embedder.calls, runtime.writes()
    preview = ingest([str(source)], "kb", runtime, replace(chosen, dry_run=True))
    assert (runtime.embedder.calls, runtime.writes()) == (calls, before), "a dry run embeds and writes nothing"
    report = ingest([str(source)], "kb", runtime, chosen)
    assert told(preview) == told(report)
    return report


def edit(folder, chance):
    """Do one thing that people do to documents."""
    files = sorted(folder.rglob("*.*"))
    path = chance.choice(files) if files else folder / "first.md"
    new = (
        folder
        / chance.choice(["", "sub"])
        / f"n{chance.randrange(1000)}{chance.choice(['.md', '.txt', '.svg', '.docx'])}"
    )
    what = chance.choice(["edit", "append", "new", "copy", "delete", "move", "break", "duplicate section"])
    new.parent.mkdir(exist_ok=True)
    if what == "delete" and len(files) > 3:
        path.unlink()
    elif what == "move" and path.is_file():
        path.rename(new.with_suffix(path.suffix))
    elif what == "copy" and path.is_file():
        new.with_suffix(path.suffix).write_bytes(path.read_bytes())
    elif what == "break":
        path.write_bytes(b"\xff\x00\x00 no text" + bytes([chance.randrange(256)]))
    elif what == "append" and path.is_file():
        path.write_bytes(path.read_bytes() + SECTION.format(chance.randrange(9)).encode())
    else:
        (path if what == "edit" else new).write_text(
            "# T\n\n" + "".join(SECTION.format(chance.randrange(9)) for _ in range(4))
        )


@pytest.fixture
def counted(make_runtime):
    """Make runtimes that can say what was written to them."""

    def made(name="home", **ingest_settings):
        runtime = make_runtime(name, **ingest_settings)
        type(runtime).writes = lambda self: (
            {
                key: (len(index.vectors.points), dict(index.vectors.removed), sorted(index.keywords.published))
                for key, index in self.opened.items()
            }
            | {"catalogue": len(list(self.engine.connect().exec_driver_sql("select * from generations")))}
        )
        return runtime

    return made


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_names_of_a_dry_run_are_those_of_the_run(tmp_path, counted, seed):
    runtime, chance, folder = counted(), random.Random(seed), tmp_path / "in"
    folder.mkdir()
    for _ in range(6):
        edit(folder, chance)
    (folder / "sure.md").write_text("# Sure\n\nwords\n")
    for _ in range(6):
        prune, prefix = chance.random() < 0.5, "" if seed % 2 else "legal"
        options = {"prune": prune, "prefix": prefix, "allow_delete_over": 1.0}
        compared(folder, runtime, **options, retry_failed=chance.random() < 0.3)
        for _ in range(chance.randint(0, 3)):
            edit(folder, chance)
        if chance.random() < 0.4:
            settings = runtime.settings.model_dump()
            settings["ingest"]["chunker"]["max_tokens"] = chance.choice([30, 40, 60])
            runtime.settings = Settings.model_validate(settings)


def test_another_chunker_is_told_with_its_embeddings(tmp_path, counted):
    runtime = counted()
    for n in range(3):
        (tmp_path / f"{n}.md").write_text("# T\n\n" + "".join(SECTION.format(f"{n}{i}") for i in range(6)))
    compared(tmp_path, runtime)
    settings = runtime.settings.model_dump()
    settings["ingest"]["chunker"] |= {"name": "tokens", "max_tokens": 30}
    runtime.settings = Settings.model_validate(settings)
    report = compared(tmp_path, runtime)
    assert report.unchanged == 3 and report.documents.embedded == ("0.md", "1.md", "2.md") and report.embedded > 6


def test_names_of_what_would_happen(tmp_path, counted):
    runtime = counted()
    for n in range(4):
        (tmp_path / f"{n}.md").write_text(f"# T{n}\n\n{SECTION.format(n)}")
    compared(tmp_path, runtime)
    (tmp_path / "0.md").write_text("# T0\n\nnew words\n")
    (tmp_path / "1.md").unlink()
    (tmp_path / "2.md").rename(tmp_path / "two.md")
    (tmp_path / "copy.md").write_text("# T3\n\n" + SECTION.format(3) + " ")
    (tmp_path / "broken.docx").write_bytes(b"junk")
    preview = ingest([str(tmp_path)], "kb", runtime, IngestOptions(dry_run=True, prune=True, allow_delete_over=1))
    named = preview.documents
    assert (named.added, named.changed, named.removed) == (("copy.md",), ("0.md",), ("1.md",))
    assert named.embedded == ("0.md",) and preview.moved == (("2.md", "two.md"),)
    assert [x.doc_id for x in preview.failed] == ["broken.docx"]


def test_what_a_run_refuses_its_dry_run_refuses(tmp_path, counted):
    runtime = counted()
    for n in range(4):
        (tmp_path / f"{n}.md").write_text(f"# T{n}\n\n{SECTION.format(n)}")
    compared(tmp_path, runtime)
    (tmp_path / "0.md").unlink()
    for dry_run in (True, False):
        with pytest.raises(PruneRefusedError, match="1 of 4 documents"):
            ingest([str(tmp_path)], "kb", runtime, IngestOptions(dry_run=dry_run, prune=True))

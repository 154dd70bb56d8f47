"""Erasing documents: gone for readers, from every generation, and from every byte of the home."""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.pipeline import ingest
from ingest.store.catalogue import CatalogueWriter
from ingest.upkeep.erase import erase
from ingest.upkeep.generations import rollback, status, vacuum
from rag.bridge import run_sync
from rag.errors import DocumentNotFoundError
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings

HEAD = "---\ntitle: Zirkonquelle Übersicht\nowner: Vexillumwart\n---\n# Quarzhimmel\n\n"
SECRETS = {
    "secret.md": [
        f"{HEAD}The Morgenflut key is kept by Ålandsbro.\n",
        f"{HEAD}The Abendflut key moved to Tollkirsche.\n",
    ],
    "more/secret two.txt": ["Kobaltregen falls where the Nebelhorn sounds.\n"] * 2,
}
FERRY = "# Ferry\n\nThe ferry leaves the harbour at {}, and the key is at the desk.\n"
WORDS = "Zirkonquelle Vexillumwart Quarzhimmel Morgenflut Ålandsbro Abendflut Tollkirsche Kobaltregen Nebelhorn".split()
SENTENCES = ["The Morgenflut key is kept by Ålandsbro.", "The Abendflut key moved to Tollkirsche."]
QUESTIONS = ["Who waters the orchard?", "When does the ferry leave the harbour?", "key kept"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "more").mkdir(parents=True)
    (folder / "orchard.md").write_text("# Orchard\n\nThe gardener waters the orchard.\n\n## Bees\n\nBees rest.\n")
    (folder / "ferry.md").write_text(FERRY.format("nine"))
    write(folder, 0)
    return folder


def write(folder: Path, version: int) -> None:
    for name, versions in SECRETS.items():
        (folder / name).write_text(versions[version])


def forms(text: str) -> Iterator[bytes]:
    """A text as it may stand in a file."""
    for case in (text, text.lower(), text.upper()):
        yield case.encode()
        yield case.encode("utf-16-le")
        yield case.encode("utf-16-be")
        yield json.dumps(case)[1:-1].encode()
        yield codecs.encode(case, "unicode_escape")


def traces(home: Path, texts: list[str]) -> list[tuple[str, str]]:
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".onnx"]
    assert len(files) > 20
    found = []
    for path in files:
        data = re.sub(rb"\0{64,}", b"\0", path.read_bytes())  # sparse files are mostly holes
        found += [(str(path.relative_to(home)), text) for text in texts if any(form in data for form in forms(text))]
    return found


def answers(runtime: Runtime) -> list[object]:
    results = [run_sync(runtime.pipeline.search(Request(question, "kb"))) for question in QUESTIONS]
    return [[(hit.chunk.chunk_id, hit.chunk.text) for hit in result.hits] for result in results]


def test_no_byte_of_an_erased_document_stays(source: Path, settings: Settings) -> None:
    home = settings.environment.home
    with open_runtime(settings) as runtime:
        ingest([str(source)], "kb", runtime)
        write(source, 1)
        ingest([str(source)], "kb", runtime)
        (source / "ferry.md").write_text(FERRY.format("ten"))
        last = ingest([str(source)], "kb", runtime).generation
        # What a gate wrote, and what an ingest left that was killed while it fetched.
        for folder in (runtime.home.gates("kb") / str(last) / "candidate", runtime.home.spool / "dead"):
            folder.mkdir(parents=True)
            (folder / "rows.jsonl").write_text(" ".join(SENTENCES), encoding="utf-8")
        assert {text for _, text in traces(home, WORDS)} == set(WORDS)
        done = erase(list(SECRETS), "kb", runtime)
        assert done.documents == tuple(SECRETS) and done.chunks == 3 and done.generation > last
        assert not traces(home, [*WORDS, *SENTENCES])
        after = answers(runtime)
        with pytest.raises(DocumentNotFoundError, match="no document 'secret.md'"):
            erase(["secret.md"], "kb", runtime)
        rollback("kb", runtime)
        left = runtime.catalogue.documents(runtime.catalogue.live("kb"))
        assert [document.doc_id for document in left] == ["ferry.md", "orchard.md"]
        assert all("secret" not in json.dumps(hits) for hits in answers(runtime))
        rollback("kb", runtime, done.generation)
        vacuum("kb", runtime)
        assert answers(runtime) == after
    assert not traces(home, [*WORDS, *SENTENCES])
    assert not traces(home, ["secret.md", "secret two"])
    fresh = settings.model_copy(
        update={"environment": settings.environment.model_copy(update={"home": home / "fresh"})}
    )
    for name in SECRETS:
        (source / name).unlink()
    with open_runtime(fresh) as runtime:
        ingest([str(source)], "kb", runtime)
        assert answers(runtime) == after, "the others answer as if the erased had never been there"


def test_a_document_that_stays_in_its_source_comes_back(source: Path, runtime: Runtime) -> None:
    ingest([str(source)], "kb", runtime)
    erase(["secret.md"], "kb", runtime)
    assert "secret.md" not in runtime.view("kb")[0]
    assert ingest([str(source)], "kb", runtime).added == 1
    assert "secret.md" in runtime.view("kb")[0]


def test_an_unknown_document_is_named_with_its_likes_and_nothing_goes(source: Path, runtime: Runtime) -> None:
    ingest([str(source)], "kb", runtime)
    before = runtime.view("kb")
    with pytest.raises(DocumentNotFoundError, match="no document 'secrets.md', nothing was erased .*'secret.md'"):
        erase(["orchard.md", "secrets.md"], "kb", runtime)
    assert runtime.view("kb") == before


def test_failures_of_erased_documents_are_forgotten(source: Path, runtime: Runtime) -> None:
    (source / "bad.docx").write_bytes(b"junk")
    ingest([str(source)], "kb", runtime)
    erase(["bad.docx"], "kb", runtime)
    assert status("kb", runtime)[0].failures == ()


def test_the_last_document_can_go(source: Path, runtime: Runtime) -> None:
    ingest([str(source)], "kb", runtime)
    erase([*SECRETS, "orchard.md", "ferry.md"], "kb", runtime)
    assert runtime.view("kb") == ({}, [])
    assert status("kb", runtime)[0].documents == 0


STEPS = ["vectors.set_removed", "keywords.publish", "vectors.flush", "vectors.delete", "vectors.compact"]
STEPS += ["keywords.compact", "token_vectors.compact"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("work", ["erase", "vacuum"])
def test_a_crash_anywhere_is_finished_later(
    step: str, work: str, source: Path, make_runtime: Callable[..., Runtime], crash: type[Exception]
) -> None:
    runtime = make_runtime(keep_generations=1)
    ingest([str(source)], "kb", runtime)
    write(source, 1)
    ingest([str(source)], "kb", runtime)
    live = runtime.view("kb")
    store, method = step.split(".")
    broken = getattr(runtime.opened[1], store)
    original = getattr(broken, method)

    def die(*_: object) -> None:
        raise crash

    def run() -> None:
        vacuum("kb", runtime) if work == "vacuum" else erase(["secret.md"], "kb", runtime)

    setattr(broken, method, die)
    try:
        run()
    except crash:
        pass
    setattr(broken, method, original)
    seen = runtime.view("kb")
    if work == "vacuum":
        assert seen == live
    else:
        assert set(seen[0]) in (set(live[0]), set(live[0]) - {"secret.md"})
        try:
            erase(["secret.md"], "kb", runtime)
        except DocumentNotFoundError:
            pass
    vacuum("kb", runtime)
    index = runtime.opened[1]
    pks = {pk for pk, _ in runtime.catalogue.visible_chunks(runtime.catalogue.live("kb"))}
    assert set(index.vectors.points) == pks
    assert {pk for rows in index.keywords.added.values() for pk in rows} == pks
    assert {pk for rows in index.token_vectors.added.values() for pk in rows} == pks
    assert len(CatalogueWriter(runtime.engine, "kb").generations()) == 1

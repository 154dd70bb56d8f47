"""A home that the first release wrote: it opens, answers as it did, and can be ingested into, checked and moved."""

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from ingest.pipeline import IngestOptions, ingest
from ingest.upkeep.backup import back_up
from ingest.upkeep.checks import Corpus, examine
from ingest.upkeep.generations import rollback, status
from ingest.upkeep.restore import restore
from rag.errors import ConfigError, StateError
from rag.runtime import open_runtime
from rag.settings import load_settings
from rag.state import migrations
from rag.state.engine import open_catalogue
from rag.state.home import Home
from rag.state.tables import SCHEMA_VERSION

DATA = Path(__file__).parent / "data" / "first_release"
AS_THEN = ("--set", "rerank.name=maxsim", "--set", "rerank.top_n=20")
"""The default reranker of that release: what is kept is the data; a default is chosen anew by what it finds."""
ANSWERS: list[dict[str, Any]] = json.loads((DATA / "answers.json").read_text(encoding="utf-8"))


def with_models(home: Path, models: Path) -> Path:
    (home / "models").mkdir(parents=True, exist_ok=True)
    for model in models.glob("*.onnx"):
        os.link(model, home / "models" / model.name) if not (home / "models" / model.name).exists() else None
    return home


@pytest.fixture
def home(tmp_path: Path, model_cache: Path) -> Path:
    """The first release's home, as it was left."""
    with tarfile.open(DATA / "home.tar.xz") as archive:
        archive.extractall(tmp_path / "home", filter="data")
    shutil.rmtree(tmp_path / "home" / "run")  # its mode does not survive the filter
    return with_models(tmp_path / "home", model_cache)


Asking = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    def ask_all(home: Path, corpus: str = "first") -> list[dict[str, Any]]:
        monkeypatch.setenv("RAGWRIGHT_HOME", str(home))
        found = []
        for wanted in ANSWERS:
            assert main(["ask", wanted["context"]["question"], "--corpus", corpus, "--json", *AS_THEN]) == 0
            found.append(json.loads(capsys.readouterr().out))
        return found

    yield ask_all


_ROUNDED = ("rank", "score", "stages")


def without(tree: Any, *names: str) -> Any:
    if isinstance(tree, dict):
        return {key: without(value, *names) for key, value in tree.items() if key not in names}
    return [without(item, *names) for item in tree] if isinstance(tree, list) else tree


def numbers_close(found: Any, wanted: Any) -> None:
    """Compare what the first release said with what is said now; new fields may be there."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            numbers_close(found[key], value)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            numbers_close(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-4)
    else:
        assert found == wanted


def hits_close(found: list[Any], wanted: list[Any]) -> None:
    """Compare hits by what they are; scores and ranks may differ by what int8 models round on another kind of CPU.

    The stored vectors come from the first release's machine, the question's from this one: cosines differ by up to
    0.01, and hits that are that close may change places.
    """
    now = {hit["chunk_id"]: hit for hit in found}
    assert now.keys() == {hit["chunk_id"] for hit in wanted}
    for then in wanted:
        hit = now[then["chunk_id"]]
        numbers_close(without(hit, *_ROUNDED), without(then, *_ROUNDED))
        assert abs(hit["rank"] - then["rank"]) <= 3
        assert hit["score"] == pytest.approx(then["score"], abs=0.05)
        assert hit["stages"].keys() >= then["stages"].keys()


def said_a_heading(answer: Any) -> bool:
    headings = {heading for hit in answer["context"]["hits"] for heading in hit["headings"]}
    return any(c["quote"] in headings for sentence in answer["sentences"] for c in sentence["citations"])


def cited(answer: Any) -> set[str]:
    return {citation["doc_id"] for sentence in answer["sentences"] for citation in sentence["citations"]}


def version(home: Path) -> int:
    with sqlite3.connect(home / "catalogue.db") as connection:
        number = int(connection.execute("select version from schema").fetchone()[0])
    connection.close()
    return number


def findings(home: Path, corpus: str = "first") -> list[str]:
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(home)})) as runtime:
        found = examine(Corpus(corpus, runtime, runtime.catalogue.live(corpus)))
        return [f"{finding.check}: {finding.detail}" for finding in found if not finding.ok]


def test_it_answers_as_it_did(home: Path, ask: Asking) -> None:
    assert version(home) == 1
    for found, wanted in zip(ask(home), ANSWERS, strict=True):
        if said_a_heading(wanted):  # no answer any more: what stands below it is said
            assert cited(found) == cited(wanted)
            assert not said_a_heading(found)
            continue
        for part in ("answer", "sentences", "abstained", "reason"):
            numbers_close(found[part], wanted[part])
        hits_close(found["context"]["hits"], wanted["context"]["hits"])
        # what is packed beside the passages that the answer cites is the settings' choice, and defaults have changed
        passages = {passage["tag"]: passage for passage in found["context"]["passages"]}
        for citation in (citation for sentence in wanted["sentences"] for citation in sentence["citations"]):
            passage = passages[citation["tag"]]
            assert passage["doc_id"] == citation["doc_id"]
            assert any(start <= citation["start"] and citation["end"] <= end for start, end in passage["spans"])
    assert version(home) == SCHEMA_VERSION
    assert findings(home) == []


def test_it_takes_an_ingest_and_can_go_back(home: Path, tmp_path: Path, ask: Asking) -> None:
    before = [without(answer, "timings_ms") for answer in ask(home)]
    source = tmp_path / "source"
    source.mkdir()
    (source / "new.md").write_text("# Zeppelins\n\nThe zeppelin leaves the mast at noon.\n")
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(home)})) as runtime:
        report = ingest([str(source)], "first", runtime)
        assert (report.added, report.removed, report.changed) == (1, 0, 0)
        live = runtime.catalogue.live("first")
        best = runtime.indexes(live.index_id).keywords.search("zeppelin mast", 1, live.id)
        assert "zeppelin" in runtime.catalogue.chunks([best[0].pk])[best[0].pk].text
    assert findings(home) == []
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(home)})) as runtime:
        rollback("first", runtime)
    assert [without(answer, "timings_ms") for answer in ask(home)] == before


def test_a_migration_that_is_cut_short_leaves_the_old_schema(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(connection: Any) -> None:
        step(connection)
        raise KeyboardInterrupt

    step = migrations.MIGRATIONS[1]
    monkeypatch.setitem(migrations.MIGRATIONS, 1, cut_short)
    with sqlite3.connect(home / "catalogue.db") as connection:
        before = list(connection.iterdump())
    connection.close()
    with pytest.raises(KeyboardInterrupt):
        open_catalogue(Home(home))
    with sqlite3.connect(home / "catalogue.db") as connection:
        assert list(connection.iterdump()) == before
    connection.close()
    monkeypatch.undo()
    open_catalogue(Home(home)).dispose()
    assert version(home) == SCHEMA_VERSION


def test_a_newer_schema_is_refused(home: Path) -> None:
    with sqlite3.connect(home / "catalogue.db") as connection:
        connection.execute("update schema set version = 1000")
    connection.close()
    with pytest.raises(StateError, match="schema 1000, this version reads up to"):
        open_catalogue(Home(home))
    assert version(home) == 1000


# --- backup and restore -----------------------------------------------------------------------------------------------


@pytest.fixture
def backup(home: Path, tmp_path: Path) -> Path:
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(home)})) as runtime:
        report = back_up("first", tmp_path / "first.backup", runtime)
        assert report.documents == status("first", runtime)[0].documents and report.generation == 2
        with pytest.raises(ConfigError, match=r"first\.backup exists"):
            back_up("first", tmp_path / "first.backup", runtime)
    return tmp_path / "first.backup"


def test_a_restored_corpus_answers_the_same(
    home: Path, backup: Path, tmp_path: Path, model_cache: Path, ask: Asking
) -> None:
    other = tmp_path / "other" / "home"
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(other)})) as runtime:
        restore(backup, "copy", runtime)  # no model is there yet
        assert not list(other.glob("models/*"))
        with pytest.raises(ConfigError, match="a corpus 'copy' already"):
            restore(backup, "copy", runtime)
        again = restore(backup, "copy", runtime, replace=True)
        assert again.generation == 2
        assert rollback("copy", runtime) == 1
        assert rollback("copy", runtime, 2) == 2
    with_models(other, model_cache)
    names = ("timings_ms", "generation", "corpus")
    assert without(ask(other, "copy"), *names) == without(ask(home), *names)
    assert findings(other, "copy") == []


def test_a_backup_carries_whose_documents_are(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("new", "newer"):
        (source / f"{name}.md").write_text(f"# {name}\n\nThe zeppelin leaves the mast at noon.\n")
    settings = load_settings(environ={"RAGWRIGHT_HOME": str(home)})
    with open_runtime(settings) as runtime:
        old = status("first", runtime)[0]
        assert (old.unowned, old.sources) == (old.documents, ())
        ingest([str(source)], "first", runtime, IngestOptions(prefix="p", exclude=("drafts",)))
        back_up("first", tmp_path / "now.backup", runtime)
        back_up("first", tmp_path / "other.backup", runtime)
        copy = restore(tmp_path / "now.backup", "copy", runtime)
        found = status("copy", runtime)[0]
        assert (found.documents, found.unowned) == (copy.documents, old.documents)
        assert [(x.location, x.prefix, x.exclude, x.documents) for x in found.sources] == [
            (str(source), "p", ("drafts",), 2)
        ]
        (source / "newer.md").unlink()
        options = IngestOptions(prune=True, allow_delete_over=1.0, prefix="p")
        assert ingest([str(source)], "copy", runtime, options).removed == 1
        without_sources(tmp_path / "now.backup", tmp_path / "old.backup")
        restore(tmp_path / "old.backup", "copy", runtime, replace=True)
        found = status("copy", runtime)[0]
        assert (found.unowned, found.sources) == (old.documents + 2, ())
        rollback("copy", runtime)
        assert [x.documents for x in status("copy", runtime)[0].sources] == [1]


def without_sources(backup: Path, target: Path) -> None:
    """Write a backup as a release wrote it that knew no sources."""
    with zipfile.ZipFile(backup) as now, zipfile.ZipFile(target, "w") as then:
        manifest = json.loads(now.read("manifest.json"))
        del manifest["members"]["sources.jsonl"]
        for name in set(now.namelist()) - {"sources.jsonl", "manifest.json"}:
            content = now.read(name)
            if name in ("documents.jsonl", "failures.jsonl"):
                rows = [json.loads(line) for line in content.splitlines()]
                kept = [json.dumps(without(row, "source"), ensure_ascii=False) + "\n" for row in rows]
                content = "".join(kept).encode("utf-8", "surrogatepass")
                manifest["members"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            then.writestr(name, content)
        then.writestr("manifest.json", json.dumps({**manifest, "schema": 2}))


def damaged(backup: Path, kind: str) -> Path:
    """A backup that something happened to."""
    target = backup.with_name(f"{kind}.backup")
    data = bytearray(backup.read_bytes())
    if kind == "cut":
        target.write_bytes(data[: len(data) // 2])
    elif kind == "text":
        target.write_text("hello")
    elif kind == "bit":
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
    else:
        rewrite(backup, target, kind)
    return target


def rewrite(backup: Path, target: Path, kind: str) -> None:
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "manifest.json" and kind == "newer":
                content = json.dumps({**json.loads(content), "version": 99}).encode()
            if name == "documents.jsonl" and kind == "edited":
                content = content.replace(b"a", b"b", 1)
            if not (name == "vectors.f32" and kind == "missing"):
                new.writestr(name, content)
        if kind == "traversal":
            new.writestr("../../outside.txt", b"x")


@pytest.mark.parametrize("kind", ["cut", "text", "bit", "newer", "edited", "missing", "traversal"])
def test_a_damaged_or_foreign_file_changes_nothing(backup: Path, tmp_path: Path, kind: str) -> None:
    file = damaged(backup, kind)
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "other")})) as runtime:
        with pytest.raises(ConfigError) as raised:
            restore(file, "copy", runtime)
        assert file.name in str(raised.value) and "\n" not in str(raised.value)
        assert status(None, runtime) == []
    assert not list(tmp_path.rglob("outside.txt"))


@pytest.mark.parametrize("step", ["points", "weights", "flip"])
def test_a_restore_that_is_cut_short_shows_nothing(
    backup: Path, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = {
        "points": "rag.index.token_vectors.StoredTokenVectors.add_packed",
        "weights": "rag.index.bm25.Bm25Index.publish",
        "flip": "ingest.store.catalogue.CatalogueWriter.publish",
    }

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    settings = load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "other")})
    with open_runtime(settings) as runtime:
        monkeypatch.setattr(targets[step], die)
        with pytest.raises(KeyboardInterrupt):
            restore(backup, "copy", runtime)
        monkeypatch.undo()
        assert runtime.catalogue.corpora() == []
        restore(backup, "copy", runtime)
        assert status("copy", runtime)[0].chunks > 0
        live = runtime.catalogue.live("copy")
        vectors = runtime.stores(live.index_id, 384)[0]
        assert vectors.count(live.id) == status("copy", runtime)[0].chunks


def test_removed_homes_do_not_matter(backup: Path, home: Path, tmp_path: Path) -> None:
    shutil.rmtree(home)
    with open_runtime(load_settings(environ={"RAGWRIGHT_HOME": str(tmp_path / "other")})) as runtime:
        assert restore(backup, "first", runtime).documents == status("first", runtime)[0].documents

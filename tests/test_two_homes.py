"""Several homes at once: copies of one, and homes that share a database. Nothing is lost, and nobody writes elsewhere.

Every round is a race of real ingests; the light embedder makes them cheap. `make accept` runs a hundred of each.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient

from api.cli.examine import examine as doctor
from ingest.pipeline import IngestOptions, ingest
from ingest.upkeep.checks import Corpus, examine
from ingest.upkeep.removal import move_source
from rag import pipeline
from rag.errors import BusyError, StateError
from rag.models.embedders import EMBEDDERS
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings
from tests.proofs.light import use_light_embedder

WORDS = "pump valve hose belt lamp gauge filter crane motor brake".split()


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    embedders = dict(EMBEDDERS)
    use_light_embedder(embedders)
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", embedders["onnx-int8"])


def settings_at(home: Path, **environ: str) -> Settings:
    return load_settings(overrides=["ingest.jobs=1"], environ={"RAGWRIGHT_HOME": str(home), **environ})


def write(folder: Path, *names: str) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        rng = random.Random(name)
        (folder / f"{name}.md").write_text(
            f"# {name}\n\nThe {rng.choice(WORDS)} {name} weighs {rng.randrange(900)} kg.\n"
        )
    return [str(folder)]


def ingested(sources: list[str], corpus: str, runtime: Runtime, **options: Any) -> int:
    """Ingest, again while somebody else does; return how often somebody else did."""
    for busy in range(500):
        try:
            report = ingest(sources, corpus, runtime, IngestOptions(**options))
        except BusyError:
            continue
        assert not report.failed
        return busy
    raise AssertionError("the corpus stayed busy")


def documents(runtime: Runtime, corpus: str = "kb") -> set[str]:
    return {document.doc_id for document in runtime.catalogue.documents(runtime.catalogue.live(corpus))}


def sound(runtime: Runtime, corpus: str = "kb") -> None:
    found = list(examine(Corpus(corpus, runtime, runtime.catalogue.live(corpus))))
    assert [finding.detail for finding in found if not finding.ok] == []


# --- copies --------------------------------------------------------------------------------------------------------


def copied_home(folder: Path, rounds: int) -> str:
    """Copy a home that is in use, prune the copy and add to the original at the same moment."""
    with open_runtime(settings_at(folder / "original")) as original:
        ingested(write(folder / "source", *(f"d{n}" for n in range(12))), "kb", original)
        for number in range(rounds):
            copy = folder / f"copy-{number}"
            subprocess.run(["cp", "-a", str(folder / "original"), str(copy)], check=True)
            more = write(folder / "source", f"more{number}")
            few = write(folder / f"few-{number}", "d0", f"own{number}")

            def prune(copy: Path = copy, few: list[str] = few) -> None:
                with open_runtime(settings_at(copy)) as other:
                    move_source(str(folder / "source"), few[0], "kb", other)
                    ingested(few, "kb", other, prune=True, allow_delete_over=1.0)
                    assert documents(other) == {path.name for path in Path(few[0]).iterdir()}
                    sound(other)

            with ThreadPoolExecutor(2) as pool:
                running = [pool.submit(prune), pool.submit(ingested, more, "kb", original)]
                for each in running:
                    each.result()
            wanted = {f"d{n}.md" for n in range(12)} | {f"more{n}.md" for n in range(number + 1)}
            assert documents(original) == wanted
            assert original.indexes(1).vectors.count(original.catalogue.live("kb").id) == len(wanted)
            shutil.rmtree(copy)
        sound(original)
    return f"{rounds} copies of a home in use pruned, 0 documents and 0 vectors of the original lost"


# --- one database --------------------------------------------------------------------------------------------------


def two_homes(folder: Path, environ: dict[str, str], rounds: int, corpora: tuple[str, str]) -> str:
    """Let two homes ingest at the same moment, into one corpus or each into its own."""
    busy = 0
    runtimes = [open_runtime(settings_at(folder / name, **environ)) for name in ("one", "two")]
    try:
        wanted: dict[str, set[str]] = {corpus: set() for corpus in corpora}
        for number in range(rounds):
            jobs = []
            with ThreadPoolExecutor(2) as pool:
                for name, corpus, runtime in zip(("one", "two"), corpora, runtimes, strict=True):
                    source = write(folder / f"source-{name}-{number}", f"{name}{number}a", f"{name}{number}b")
                    wanted[corpus] |= {f"{name}{number}a.md", f"{name}{number}b.md"}
                    jobs.append(pool.submit(ingested, source, corpus, runtime))
            busy += sum(job.result() for job in jobs)
            for corpus, runtime in zip(corpora, runtimes, strict=True):
                assert documents(runtime, corpus) == wanted[corpus]
        for corpus, runtime in zip(corpora, runtimes, strict=True):
            sound(runtime, corpus)
    finally:
        for runtime in runtimes:
            runtime.close()
    count = sum(map(len, wanted.values()))
    return f"{rounds} rounds of two homes on one database, {count} documents, 0 lost, {busy} told to wait"


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A Qdrant server that every home of the test shares: the client's own double of one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect")
        warnings.filterwarnings("ignore", message="Local mode performs exact")
        client = QdrantClient(":memory:")
        monkeypatch.setattr("rag.index.qdrant_server.server_client", lambda *_, **__: client)
        yield {"QDRANT_URL": "http://qdrant.example"}
        client.close()


def embedded_homes(folder: Path, environ: dict[str, str], rounds: int) -> str:
    """Let two homes with vectors of their own race for one corpus: what a run acknowledged is there, whole."""
    refused = acknowledged = 0
    with (
        open_runtime(settings_at(folder / "one", **environ)) as one,
        open_runtime(settings_at(folder / "two", **environ)) as two,
    ):
        for number in range(rounds):
            corpus, wanted = f"kb{number}", set()
            with ThreadPoolExecutor(2) as pool:
                jobs = {}
                for name, runtime in (("one", one), ("two", two)):
                    source = write(folder / f"{name}-{number}", f"{name}{number}")
                    jobs[f"{name}{number}.md"] = pool.submit(ingested, source, corpus, runtime)
                for doc_id, job in jobs.items():
                    if isinstance(job.exception(), StateError):
                        refused += 1
                    else:
                        job.result()
                        wanted.add(doc_id)
            acknowledged += len(wanted)
            assert documents(one, corpus) == wanted != set()
            [keeper] = {doc_id.rstrip("0123456789.md") for doc_id in wanted}
            sound(one if keeper == "one" else two, corpus)
    return f"{rounds} corpora that two homes began at once: {acknowledged} runs kept whole, {refused} refused, 0 lost"


def server_homes(folder: Path, environ: dict[str, str], rounds: int) -> str:
    """Let two homes that share catalogue and vectors write to one corpus, and ask both after each round."""
    busy, wanted = 0, set()
    with (
        open_runtime(settings_at(folder / "one", **environ)) as one,
        open_runtime(settings_at(folder / "two", **environ)) as two,
    ):
        for number in range(rounds):
            jobs = []
            with ThreadPoolExecutor(2) as pool:
                for name, runtime in (("one", one), ("two", two)):
                    names = f"{name}{number}a", f"{name}{number}b"
                    wanted |= {f"{each}.md" for each in names}
                    jobs.append(pool.submit(ingested, write(folder / f"{name}-{number}", *names), "kb", runtime))
            busy += sum(job.result() for job in jobs)
            for runtime in (one, two):
                live = runtime.catalogue.live("kb")
                assert documents(runtime) == wanted
                assert runtime.indexes(live.index_id).vectors.count(live.id) == len(wanted)
                assert runtime.indexes(live.index_id).keywords.count(live.id) == len(wanted)
                assert found(runtime, f"two{number}b") == f"two{number}b.md"
    return f"{rounds} rounds of two homes on two servers, {len(wanted)} documents, 0 lost, {busy} told to wait"


def found(runtime: Runtime, word: str) -> str:
    hits = asyncio.run(runtime.pipeline.search(pipeline.Request(f"How much does {word} weigh?", "kb", top_k=1000))).hits
    assert set(hits[0].stages) >= {"dense", "bm25"}
    return hits[0].chunk.doc_id


def test_a_copied_home_in_3_rounds(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    record_property("measured", copied_home(tmp_path, 3))


@pytest.mark.accept
def test_a_copied_home_in_100_rounds(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    record_property("measured", copied_home(tmp_path, 100))


def test_two_homes_on_one_postgresql_in_3_rounds(
    tmp_path: Path, database: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("measured", two_homes(tmp_path, {"DATABASE_URL": database}, 3, ("kb", "other")))


@pytest.mark.accept
def test_two_homes_on_one_postgresql_in_100_rounds(
    tmp_path: Path, database: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("measured", two_homes(tmp_path, {"DATABASE_URL": database}, 100, ("kb", "other")))


def test_two_homes_that_begin_one_corpus_in_3_rounds(
    tmp_path: Path, database: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("measured", embedded_homes(tmp_path, {"DATABASE_URL": database}, 3))


@pytest.mark.accept
def test_two_homes_that_begin_one_corpus_in_100_rounds(
    tmp_path: Path, database: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("measured", embedded_homes(tmp_path, {"DATABASE_URL": database}, 100))


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect", "ignore:Local mode performs exact")
def test_two_homes_on_postgresql_and_qdrant_in_3_rounds(
    tmp_path: Path, database: str, qdrant: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    record_property("measured", server_homes(tmp_path, {"DATABASE_URL": database, **qdrant}, 3))


@pytest.mark.accept
@pytest.mark.filterwarnings("ignore:Payload indexes have no effect", "ignore:Local mode performs exact")
def test_two_homes_on_postgresql_and_qdrant_in_100_rounds(
    tmp_path: Path, database: str, qdrant: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    record_property("measured", server_homes(tmp_path, {"DATABASE_URL": database, **qdrant}, 100))


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_corpus_whose_vectors_lie_in_another_home_is_refused(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """Embedded vectors cannot be shared: the second home is told where they are, and nothing is lost."""
    url = request.getfixturevalue("database") if kind == "postgresql" else f"sqlite:///{tmp_path / 'shared.db'}"
    environ = {"DATABASE_URL": url}
    with open_runtime(settings_at(tmp_path / "one", **environ)) as one:
        ingested(write(tmp_path / "source", "d1", "d2", "d4"), "kb", one)
        with open_runtime(settings_at(tmp_path / "two", **environ)) as two:
            for act in (
                lambda: ingested(write(tmp_path / "more", "d3"), "kb", two),
                lambda: ingested(write(tmp_path / "source"), "kb", two),
                lambda: found(two, "d1"),
            ):
                with pytest.raises(StateError, match=f"another home, .*{tmp_path / 'one'}.*QDRANT_URL.*--repair"):
                    act()
            ingested(write(tmp_path / "more"), "theirs", two)
            assert documents(one) == {"d1.md", "d2.md", "d4.md"} and documents(two, "theirs") == {"d3.md"}
        sound(one)
        copy = tmp_path / "copy"
        subprocess.run(["cp", "-a", str(tmp_path / "one"), str(copy)], check=True)
        with open_runtime(settings_at(copy, **environ)) as copied, pytest.raises(StateError, match="another home"):
            ingested(write(tmp_path / "more"), "kb", copied, prune=True, allow_delete_over=1.0)
        sound(one)
    checks = [check.detail for check in doctor(settings_at(copy, **environ), repair=True) if "kb" in check.name]
    assert any("which is still there" in detail for detail in checks)
    (tmp_path / "one").rename(tmp_path / "moved")
    with open_runtime(settings_at(tmp_path / "moved", **environ)) as moved:  # in its own file system it stays itself
        assert found(moved, "d1") == "d1.md"
    shutil.rmtree(tmp_path / "moved")
    assert not any("FAILED" in check.detail for check in doctor(settings_at(tmp_path / "two", **environ), repair=True))
    with open_runtime(settings_at(tmp_path / "two", **environ)) as two:
        assert found(two, "d1") == "d1.md"
        sound(two)
        sound(two, "theirs")


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect", "ignore:Local mode performs exact")
def test_a_copied_home_with_a_qdrant_server_does_not_write_to_the_collections_of_the_original(
    tmp_path: Path, qdrant: dict[str, str]
) -> None:
    with open_runtime(settings_at(tmp_path / "original", **qdrant)) as original:
        ingested(write(tmp_path / "source", "d1", "d2", "d3"), "kb", original)
        copy = tmp_path / "copy"
        subprocess.run(["cp", "-a", str(tmp_path / "original"), str(copy)], check=True)
        few = write(tmp_path / "few", "d1")
        with open_runtime(settings_at(copy, **qdrant)) as copied, pytest.raises(StateError, match="another home"):
            ingested(few, "kb", copied, prune=True, allow_delete_over=1.0)
        assert original.indexes(1).vectors.count(1) == 3
        list(doctor(settings_at(copy, **qdrant), repair=True))
        with open_runtime(settings_at(copy, **qdrant)) as copied:
            move_source(str(tmp_path / "source"), few[0], "kb", copied)
            ingested(few, "kb", copied, prune=True, allow_delete_over=1.0)
            assert documents(copied) == {"d1.md"}
            sound(copied)
        assert original.indexes(1).vectors.count(1) == 3
        sound(original)

"""Homes that cannot be written, and indexes that are lost: readers get what is right, or an error that helps."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from api.http.readiness import Readiness
from ingest.pipeline import ingest
from ingest.upkeep.checks import Corpus
from ingest.upkeep.generations import rollback
from ingest.upkeep.repair import mend
from rag import pipeline
from rag.errors import StateError
from rag.index import borrowed
from rag.index.owner import VectorIndexes
from rag.models.embedders import EMBEDDERS
from rag.ports import Point
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings
from rag.state.home import Home
from tests.conftest import REPOSITORY
from tests.proofs.light import use_light_embedder

_DROP_CAPABILITY, _OVERRIDE, _READ_SEARCH = 24, 1, 2
READ = """
import sys
from tests.proofs.light import use_light_embedder
from rag.models.embedders import EMBEDDERS
from api.cli import main
use_light_embedder(EMBEDDERS)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    embedders = dict(EMBEDDERS)
    use_light_embedder(embedders)
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", embedders["onnx-int8"])


def settings_at(home: Path) -> Settings:
    return load_settings(overrides=["ingest.jobs=1"], environ={"RAGWRIGHT_HOME": str(home)})


def sources(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.md").write_text(f"# {name}\n\nThe pump {name} is oiled every {len(name)} weeks.\n")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with three documents, closed."""
    with open_runtime(settings_at(tmp_path / "home")) as runtime:
        ingest([str(sources(tmp_path / "source", "alpha", "beta", "gamma"))], "kb", runtime)
    return tmp_path / "home"


def found(runtime: Runtime, question: str = "When is the pump beta oiled?") -> list[tuple[str, list[str]]]:
    result = asyncio.run(runtime.pipeline.search(pipeline.Request(question, "kb")))
    return [(hit.chunk.doc_id, sorted(hit.stages)) for hit in result.hits]


# --- lost ----------------------------------------------------------------------------------------------------------


def lose_folder(home: Path) -> None:
    shutil.rmtree(home / "indexes" / "1" / "shard")


def lose_everything(home: Path) -> None:
    shutil.rmtree(home / "indexes")


def lose_segments(home: Path) -> None:
    """What a restore that left out the big files leaves."""
    shutil.rmtree(home / "indexes" / "1" / "shard" / "segments")
    shutil.rmtree(home / "indexes" / "1" / "shard" / "wal")


LOSSES = [lose_folder, lose_everything, lose_segments]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_lost_index_is_not_ready_and_says_what_to_do(home: Path, lose: Callable[[Path], None]) -> None:
    lose(home)
    with open_runtime(settings_at(home)) as runtime:
        reasons = asyncio.run(Readiness(runtime).reasons())
        assert reasons["catalogue"] is None and "doctor --repair" in str(reasons["index"])
        with pytest.raises(StateError, match="doctor --repair"):
            found(runtime)


@pytest.mark.parametrize("lose", LOSSES)
def test_an_ingest_does_not_hide_a_loss_and_a_repair_mends_it(
    home: Path, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    with open_runtime(settings_at(home)) as runtime:
        before = found(runtime)
    lose(home)
    for names in ((), ("delta",)):  # nothing to do, and something
        with open_runtime(settings_at(home)) as runtime, pytest.raises(StateError, match="doctor --repair"):
            ingest([str(sources(tmp_path / "source", *names))], "kb", runtime)
    (tmp_path / "source" / "delta.md").unlink()
    with open_runtime(settings_at(home)) as runtime:
        assert list(mend(Corpus("kb", runtime, runtime.catalogue.live("kb")), runtime))
        assert found(runtime) == before
        assert asyncio.run(Readiness(runtime).reasons()) == {"catalogue": None, "index": None, "model": None}


def test_an_index_that_lost_a_part_takes_no_more_documents(home: Path, tmp_path: Path) -> None:
    with open_runtime(settings_at(home)) as runtime:
        runtime.indexes(1).vectors.delete([1])
        with pytest.raises(StateError, match="2 of 3 chunks"):
            ingest([str(sources(tmp_path / "source", "delta"))], "kb", runtime)


def test_the_second_corpus_is_looked_at_too(home: Path, tmp_path: Path) -> None:
    with open_runtime(settings_at(home)) as runtime:
        ingest([str(sources(tmp_path / "more", "delta"))], "zz", runtime)
    shutil.rmtree(home / "indexes" / "2" / "shard")
    with open_runtime(settings_at(home)) as runtime:
        assert "doctor --repair" in str(asyncio.run(Readiness(runtime).reasons())["index"])


def test_a_deliberate_new_index_is_no_loss(home: Path, tmp_path: Path) -> None:
    other = settings_at(home).changed({"ingest.chunker.max_tokens": 64})
    with open_runtime(other) as runtime:
        assert ingest([str(tmp_path / "source")], "kb", runtime).generation == 2
        assert asyncio.run(Readiness(runtime).reasons())["index"] is None
    lose_folder(home)  # the old one, which nobody reads
    with open_runtime(other) as runtime:
        assert asyncio.run(Readiness(runtime).reasons())["index"] is None
        assert ingest([str(sources(tmp_path / "source", "delta"))], "kb", runtime).added == 1
        rollback("kb", runtime, 1)
        with pytest.raises(StateError, match="doctor --repair"):
            found(runtime)


def test_a_reader_makes_no_shard(tmp_path: Path) -> None:
    with VectorIndexes(Home(tmp_path)) as indexes:
        index = indexes.open(1, 8)
        assert index.count(1) == 0 and index.marks(0, 5) == [] and index.get([1]) == {}
        index.set_removed([1], 2)
        index.delete([1])
        index.flush()
        index.compact()
        assert not (tmp_path / "indexes").exists()
        index.upsert([Point(1, np.ones(8, np.float32), 1, 1, {})])
        assert index.count(1) == 1


# --- read-only -----------------------------------------------------------------------------------------------------


def _obey() -> None:
    """Let permissions bind root as well."""
    for capability in (_OVERRIDE, _READ_SEARCH):
        ctypes.CDLL(None).prctl(_DROP_CAPABILITY, capability, 0, 0, 0)


@contextmanager
def read_only(home: Path) -> Iterator[None]:
    subprocess.run(["chmod", "-R", "a-w", str(home)], check=True)
    try:
        yield
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(home)], check=True)


def ragwright(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READ, *arguments],
        env={"PATH": os.environ["PATH"], "RAGWRIGHT_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        preexec_fn=_obey,
    )


def test_a_new_process_searches_a_read_only_home(home: Path, tmp_path: Path) -> None:
    with open_runtime(settings_at(home)) as runtime:
        before = found(runtime)
    with read_only(home):
        done = ragwright(home, "search", "When is the pump beta oiled?", "--corpus", "kb", "--json")
        assert done.returncode == 0, done.stderr
        hits = json.loads(done.stdout)["hits"]
        assert [(hit["doc_id"], sorted(hit["stages"])) for hit in hits] == before
        refused = ragwright(home, "ingest", str(sources(tmp_path / "source", "delta")), "--corpus", "kb")
        assert refused.returncode == 1 and "cannot write" in refused.stderr and "Traceback" not in refused.stderr
    with open_runtime(settings_at(home)) as runtime:
        assert found(runtime) == before


def test_a_read_only_home_whose_owner_was_killed_is_searched(home: Path, tmp_path: Path) -> None:
    """Its shard has unflushed operations in a log, and its catalogue a log of its own."""
    source = str(sources(tmp_path / "source", "delta"))
    code = "import os, signal; from api import cli; cli.main(sys.argv[1:]); os.kill(os.getpid(), signal.SIGKILL)"
    script = READ.replace("sys.exit(main(sys.argv[1:]))", code)
    environment = {"PATH": os.environ["PATH"], "RAGWRIGHT_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", script, "ingest", source, "--corpus", "kb"], env=environment)
    with read_only(home):
        done = ragwright(home, "search", "When is the pump delta oiled?", "--corpus", "kb", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["hits"][0]["doc_id"] == "delta.md"


def test_a_reader_of_a_read_only_home_sees_what_others_write_later(home: Path) -> None:
    """It keeps nobody from writing, and reads anew once somebody did."""
    code = (
        "import sys; from pathlib import Path; import numpy as np; from rag.index.owner import VectorIndexes;"
        "from rag.state.home import Home; index = VectorIndexes(Home(Path(sys.argv[1])), patience_s=.2).open(1, 32)\n"
        "for _ in sys.stdin:\n"
        "    try: print(index.count(99), flush=True)\n"
        "    except Exception as error: print(type(error).__name__, flush=True)\n"
    )
    pipe = subprocess.PIPE
    with read_only(home / "locks"):
        reader = subprocess.Popen(
            [sys.executable, "-c", code, str(home)],
            stdin=pipe,
            stdout=pipe,
            text=True,
            cwd=REPOSITORY,
            preexec_fn=_obey,
        )

        def count() -> str:
            assert reader.stdin is not None and reader.stdout is not None
            reader.stdin.write("\n")
            reader.stdin.flush()
            return reader.stdout.readline().strip()

        try:
            assert count() == "3"
            subprocess.run(["chmod", "-R", "u+w", str(home / "locks")], check=True)
            with VectorIndexes(Home(home)) as writer:
                writer.open(1, 32).upsert([Point(77, np.ones(32, np.float32), 1, 1, {})])
                assert writer.owns and count() == "4"  # asked of the owner
            assert count() == "4"  # read from a new copy
        finally:
            reader.communicate()


# --- a full disk ---------------------------------------------------------------------------------------------------


def test_a_home_without_room_is_read_from_a_copy_until_there_is_room(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_runtime(settings_at(home)) as runtime:
        before = found(runtime)
    files = sorted(path.name for path in Path(tempfile.gettempdir()).glob("ragwright-index-*"))
    with monkeypatch.context() as full, open_runtime(settings_at(home)) as runtime:
        full.setattr(borrowed, "RESERVE_BYTES", 2**60)
        assert found(runtime) == before
        with pytest.raises(StateError, match="disk is full"):
            runtime.indexes(1).vectors.delete([1])
        full.undo()
        assert ingest([str(sources(tmp_path / "source", "delta"))], "kb", runtime).added == 1
        assert found(runtime, "When is the pump delta oiled?")[0][0] == "delta.md"
    assert sorted(path.name for path in Path(tempfile.gettempdir()).glob("ragwright-index-*")) == files


def test_a_copy_without_room_is_an_error_that_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "RESERVE_BYTES", 2**60)
    monkeypatch.setattr(borrowed, "_COPY_BYTES", 2**60)
    with open_runtime(settings_at(home)) as runtime, pytest.raises(StateError, match="TMPDIR"):
        found(runtime)


def test_a_new_process_searches_on_a_disk_without_a_free_byte(home: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system to fill")
    try:
        subprocess.run(["cp", "-a", "--sparse=always", str(home), str(small / "home")], check=True)
        filler = os.open(small / "filler", os.O_CREAT | os.O_WRONLY)
        try:
            while os.write(filler, bytes(4096)):
                pass
        except OSError:
            os.close(filler)
        assert shutil.disk_usage(small).free == 0
        for _ in range(2):
            done = ragwright(small / "home", "search", "When is the pump beta oiled?", "--corpus", "kb", "--json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["hits"][0]["doc_id"] == "beta.md"
    finally:
        subprocess.run(["umount", str(small)], check=True)

"""Shared fixtures: one exported embedding model for the whole suite, one home per test."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from ingest.make import workers
from ingest.pipeline import ingest
from rag.models.embedders import EMBEDDERS, make_embedder
from rag.ports import Embedder
from rag.runtime import Runtime, open_runtime
from rag.settings import EmbedderSettings, Settings, load_settings
from tests.postgres import Server, new_database, running_server
from tests.proofs.inline import in_process
from tests.proofs.light import use_light_embedder

REPOSITORY = Path(__file__).parent.parent

# A property is tried on half of hypothesis' usual examples; `--hypothesis-profile=default` tries all of them.
hypothesis_settings.register_profile("suite", max_examples=50)


@contextmanager
def made_once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """Yield a place that the workers of a test run share, to one after the other: who finds nothing there makes it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared / name


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that keeps the exported model between test runs; the export itself runs in its own process."""
    cache = REPOSITORY / ".ragwright" / "models"
    code = (
        "import sys, pathlib;from rag.models.embedders import make_embedder;from rag.settings import EmbedderSettings"
    )
    run = f"{code}; make_embedder(EmbedderSettings(), pathlib.Path(sys.argv[1])).embed(['warm'])"
    with made_once(tmp_path_factory, "model-is-exported") as done:
        if not done.exists():
            subprocess.run([sys.executable, "-c", run, str(cache)], check=True, cwd=REPOSITORY)
            done.touch()
    return cache


@pytest.fixture(scope="session")
def embedder(model_cache: Path) -> Embedder:
    """The default embedder, on one thread."""
    return make_embedder(EmbedderSettings(threads=1), model_cache)


@pytest.fixture
def settings(tmp_path: Path, model_cache: Path) -> Settings:
    """Default settings with a home of their own and no keys."""
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    return load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(tmp_path / "home")})


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedder that costs nothing, and documents made in this process: for tests of what becomes of vectors."""
    use_light_embedder(embedders := dict(EMBEDDERS))
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", embedders["onnx-int8"])
    monkeypatch.setattr(workers.WorkerPool, "outcomes", in_process)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server; under pytest-xdist every worker that needs one has its own."""
    with running_server() as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with new_database(postgres.url, "trial") as url:
        yield url


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public sets; the test is skipped only where it does not exist."""
    folder = os.environ.get("RAGWRIGHT_DATA")
    if not folder:
        pytest.skip("RAGWRIGHT_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Path:
    """A home with the demo corpus, made once; tests that use it read only, or copy it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    with made_once(tmp_path_factory, "demo-home") as made:
        if not made.exists():
            unfinished = made.with_name(f"{made.name}.new")
            make_demo_home(unfinished, model_cache)
            unfinished.rename(made)
        # A copy, because two processes that read one home would talk to each other.
        shutil.copytree(made, home, ignore=shutil.ignore_patterns("*.sock", "run"))
    return home


def make_demo_home(home: Path, model_cache: Path) -> None:
    settings = load_settings(overrides=[f"embedder.cache_dir={model_cache}"], environ={"RAGWRIGHT_HOME": str(home)})
    with open_runtime(settings) as runtime:
        report = ingest([str(REPOSITORY / "corpora" / "demo")], "demo", runtime)
    assert not report.failed and report.added == 40


@pytest.fixture
def demo(demo_home: Path, model_cache: Path) -> Iterator[Runtime]:
    """The shipped flow over the demo corpus."""
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1"]
    with open_runtime(load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(demo_home)})) as runtime:
        yield runtime

"""Checks of what Ragwright stands on, each part on its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.store.lock import ingest_lock
from ingest.upkeep import checks as truth
from ingest.upkeep.checks import Corpus
from ingest.upkeep.repair import mend
from rag import runtime as bootstrap
from rag.errors import ConfigError, RagwrightError, StateError
from rag.runtime import Runtime
from rag.settings import Settings
from rag.state.home import Home

_PACKAGES = ("rag", "ingest", "eval", "api")
_LOW_DISK_BYTES = 1_000_000_000
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?(==(?P<pin>[^\s;,]+))?")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one part."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings, *, repair: bool = False) -> Iterator[Check]:
    """Yield the checks, from the environment up to each corpus; with `repair`, what was mended before its checks."""
    yield _check("python", platform.python_version)
    yield _check("packages", _packages)
    yield _check("names", _names)
    yield _check("home", partial(_home, settings))
    yield _check("generator", partial(_generator, settings))
    try:
        with bootstrap.open_runtime(settings) as runtime:
            names = runtime.catalogue.corpora()
            yield Check("catalogue", True, f"corpora: {', '.join(names) or 'none yet'}")
            yield _check("model", partial(_model, runtime))
            for name in names:
                if repair:
                    yield from _repairs(runtime, name)
                yield _check(f"corpus {name}", partial(_corpus, runtime, name))
                yield from _truth(runtime, name)
    except RagwrightError as error:
        yield Check("catalogue", False, str(error))


def _check(name: str, examine_part: Callable[[], str]) -> Check:
    try:
        return Check(name, True, examine_part())
    except RagwrightError as error:
        return Check(name, False, str(error))
    except Exception as error:
        _logger.debug("check %s failed", name, exc_info=True)
        return Check(name, False, f"{type(error).__name__}: {error}")


def _packages() -> str:
    try:
        requirements = importlib.metadata.requires("ragwright") or []
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError("ragwright is not installed in this environment; run make install") from None
    needed = [_REQUIREMENT.match(line) for line in requirements if "extra ==" not in line]
    wrong = [problem for match in needed if match and (problem := _wrong(match["name"], match["pin"]))]
    if wrong:
        raise ConfigError(f"{'; '.join(wrong)}; run make install")
    return f"{len(needed)} required, all there"


def _wrong(name: str, pin: str | None) -> str | None:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} is missing"
    # A build tag such as +cpu does not make it another version.
    return f"{name} is {version}, needs {pin}" if pin and version.partition("+")[0] != pin else None


def _names() -> str:
    places = {}
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        places[name] = Path(spec.origin).parent.parent if spec and spec.origin else None
    if len(set(places.values())) > 1:
        raise ConfigError(f"another distribution owns one of our packages: {places}")
    return f"{', '.join(_PACKAGES)} from {places['api']}"


def _home(settings: Settings) -> str:
    root = settings.environment.home.expanduser()
    Home(root).create()
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"x")
    except OSError as error:
        raise StateError(f"cannot write to {root}: {error.strerror}") from error
    free = shutil.disk_usage(root).free
    if free < _LOW_DISK_BYTES:
        raise StateError(f"{root} has only {free / 1e6:.0f} MB free")
    return f"{root.resolve()}, {free / 1e9:.1f} GB free"


def _generator(settings: Settings) -> str:
    entry = settings.models.get(settings.answer.model)
    url = (entry.base_url if entry else None) or settings.environment.openai_base_url
    return f"{settings.answer.generator}, " + (f"endpoint {url} (not contacted)" if url else "no endpoint set")


def _model(runtime: Runtime) -> str:
    embedder = runtime.embedder
    embedder.embed(["ready"])
    return f"{embedder.name}, {embedder.dim} dimensions"


def _corpus(runtime: Runtime, name: str) -> str:
    generation = runtime.catalogue.live(name)
    index = runtime.indexes(generation.index_id)
    counts = {
        "catalogue": len(runtime.catalogue.visible_chunks(generation)),
        "vectors": index.vectors.count(generation.id),
        "keywords": index.keywords.count(generation.id),
    }
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{part} {count}" for part, count in counts.items())
        raise StateError(f"generation {generation.id}: the stores disagree on its chunks: {found}; use --repair")
    return f"generation {generation.id}, {counts['catalogue']} chunks in catalogue, vectors and keywords"


def _truth(runtime: Runtime, name: str) -> Iterator[Check]:
    corpus = Corpus(name, runtime, runtime.catalogue.live(name))
    for part, check in truth.CHECKS.items():
        yield _check(f"{name}: {part}", partial(check, corpus))


def _repairs(runtime: Runtime, name: str) -> Iterator[Check]:
    try:
        with ingest_lock(runtime.home, name, runtime.engine):
            runtime.take_over(runtime.catalogue.live(name).index_id)
            for done in mend(Corpus(name, runtime, runtime.catalogue.live(name)), runtime):
                yield Check(f"{name}: repaired", True, done)
    except RagwrightError as error:
        yield Check(f"{name}: repair", False, str(error))

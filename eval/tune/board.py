"""The questions of a sweep and where they are asked: golden sets with their corpora, and indexes built for a trial."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from eval.golden import Case, GoldenSet, open_golden
from eval.tune.spec import SetSpec
from ingest.pipeline import ingest
from rag.errors import BusyError, ConfigError, CorpusNotFoundError
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings
from rag.types import Generation

_WAIT_S = 1.0
_HALVES = ("half-a", "half-b")
_NAME = re.compile(r"[^a-z0-9]+")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a sweep: which of its sets it is from, and its case."""

    set: int
    case: Case


@dataclass(frozen=True, slots=True)
class Board:
    """The sets of a sweep, and the questions that the search looks at and those that confirm."""

    sets: tuple[SetSpec, ...]
    golden: tuple[GoldenSet, ...]
    search: tuple[Asked, ...]
    confirm: tuple[Asked, ...]

    @property
    def primary(self) -> str:
        """The metric that decides where the specification names none: that of the first set."""
        return self.golden[0].primary

    def digest(self) -> str:
        """Return what tells these questions from others, in hex."""
        content = [[item.sha256, item.split, sorted(item.where.items())] for item in self.golden]
        chosen = [[spec.search, spec.confirm, spec.corpus] for spec in self.sets]
        return hashlib.sha256(json.dumps([content, chosen]).encode()).hexdigest()


def open_board(sets: Sequence[SetSpec], home: Path, now: datetime) -> Board:
    """Open the golden sets; a folder with `*` or `${VARIABLE}` in it stands for all that match and have the splits.

    Raises:
        GoldenSetError: a set breaks its schema.
        ConfigError: a set lacks a split, or nothing matches.
    """
    opened = [(spec, folder) for spec in sets for folder in _folders(spec)]
    _refuse_doubles([folder for _, folder in opened])
    specs, golden, search, confirm = [], [], list[Asked](), list[Asked]()
    for number, (spec, folder) in enumerate(opened):
        looked = _opened(folder, spec.search, spec.where, home, now)
        if spec.search is None and any(case.split == "sealed" for case in looked.cases):
            raise ConfigError(f"{folder}: search null would open its sealed split; name the split to search")
        search += [Asked(number, case) for case in looked.cases]
        if spec.confirm is not None:
            chosen = _opened(folder, spec.confirm, spec.where, home, now)
            confirm += [Asked(number, case) for case in chosen.cases]
        specs.append(spec.model_copy(update={"set": folder}))
        golden.append(looked)
    return Board(tuple(specs), tuple(golden), tuple(search), tuple(confirm))


def _refuse_doubles(folders: Sequence[Path]) -> None:
    """Refuse a set that is named twice: its questions would count as more than they are."""
    seen = set[Path]()
    for folder in folders:
        if folder.resolve() in seen:
            raise ConfigError(f"sets: {folder} is named twice; a question counts once")
        seen.add(folder.resolve())


def _opened(folder: Path, split: str | None, where: Sequence[str], home: Path, now: datetime) -> GoldenSet:
    """Open the questions of a split; a half of a set without splits is chosen by the hash of the cluster."""
    if split not in _HALVES:
        return open_golden(folder, home=home, now=now, split=split, where=list(where))
    whole = open_golden(folder, home=home, now=now, where=list(where))
    if any(case.split for case in whole.cases):
        raise ConfigError(f"{folder} has splits of its own; name them instead of {split}")
    cases = tuple(case for case in whole.cases if _half(case) == split)
    if not cases:
        raise ConfigError(f"{folder} has too few questions to be cut into halves")
    return replace(whole, cases=cases, split=split)


def _half(case: Case) -> str:
    return _HALVES[hashlib.sha256(case.cluster.encode()).digest()[0] % 2]


def _folders(spec: SetSpec) -> list[Path]:
    text = os.path.expandvars(str(spec.set))
    if "$" in text:
        raise ConfigError(f"sets: {spec.set}: the environment variable is not set")
    if "*" not in text:
        return [Path(text)]
    found = [path for path in map(Path, sorted(glob.glob(text))) if (path / "questions.jsonl").is_file()]
    splits = {split for split in (spec.search, spec.confirm) if split is not None}
    chosen = [path for path in found if splits <= _splits(path)]
    if not chosen:
        raise ConfigError(f"sets: no golden set matches {text} and has the splits {', '.join(sorted(splits))}")
    return chosen


def _splits(folder: Path) -> set[str]:
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return {str(json.loads(line).get("split")) for line in lines if line.strip()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question is asked: an open runtime, and the generation that holds the set's documents."""

    runtime: Runtime
    generation: Generation


class Places:
    """Finds the index that a trial asks: a corpus as it stands, or one built from a set's documents.

    What is built lies in a home of its own, `RAGWRIGHT_HOME/tune`, and serves every sweep after that; texts that the
    same model embedded for another chunker are not embedded again.
    """

    def __init__(self, runtime: Runtime, board: Board, tell: Tell) -> None:
        """`runtime` is the user's; `tell` is told what is built."""
        self._user = runtime
        self._board = board
        self._tell = tell
        self._lock = threading.Lock()
        self._own: Runtime | None = None
        self._found: dict[tuple[int, str], Place] = {}

    def of(self, number: int, settings: Settings) -> Place:
        """Return where the set's questions are asked under these settings; builds the index if it is not there.

        Raises:
            CorpusNotFoundError: the corpus that the specification names was never ingested.
            ConfigError: the set's documents could not be ingested.
        """
        spec = self._board.sets[number]
        key = (number, "" if spec.corpus else settings.index_fingerprint())
        with self._lock:
            if key not in self._found:
                standing = self._standing(spec.corpus) if spec.corpus else self._built(number, settings)
                self._found[key] = standing
            return self._found[key]

    def is_built(self, number: int, settings: Settings) -> bool:
        """Say whether the index is there already."""
        if self._board.sets[number].corpus:
            return True
        try:
            self._home().catalogue.live(self._name(number, settings))
        except CorpusNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Close what was opened here; the user's runtime stays open."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _standing(self, corpus: str) -> Place:
        return Place(self._user, self._user.catalogue.live(corpus))

    def _built(self, number: int, settings: Settings) -> Place:
        name = self._name(number, settings)
        if not self.is_built(number, settings):
            self._tell(f"building the index of {self._board.golden[number].name} with {_index_text(settings)}")
            self._build(number, name, settings)
        return Place(self._home(), self._home().catalogue.live(name))

    def _build(self, number: int, name: str, settings: Settings) -> None:
        golden = self._board.golden[number]
        with open_runtime(self._inside(settings)) as builder:
            while True:
                try:
                    report = ingest([str(golden.documents)], name, builder)
                    break
                except BusyError:  # another worker builds it
                    time.sleep(_WAIT_S)
        if report.failed:
            first = report.failed[0]
            raise ConfigError(
                f"{golden.name}: {len(report.failed)} documents could not be ingested, the first: {first}"
            )

    def _home(self) -> Runtime:
        if self._own is None:
            self._own = open_runtime(self._inside(self._user.settings))
        return self._own

    def _inside(self, settings: Settings) -> Settings:
        """Return the settings with a home of their own, embedded, and the user's exported models."""
        home = self._user.home
        environment = settings.environment.model_copy(
            update={"home": home.root / "tune", "database_url": None, "qdrant_url": None, "qdrant_api_key": None}
        )
        embedder = settings.embedder
        if embedder.cache_dir is None:
            embedder = embedder.model_copy(update={"cache_dir": home.models})
        return settings.model_copy(update={"environment": environment, "embedder": embedder})

    def _name(self, number: int, settings: Settings) -> str:
        golden = self._board.golden[number]
        slug = _NAME.sub("-", golden.name.lower()).strip("-")[:30] or "set"
        return f"{slug}-{_documents_digest(golden)}-{settings.index_fingerprint()}"


def _documents_digest(golden: GoldenSet) -> str:
    """Return 8 hex digits of the set's documents: names, sizes and times of files, for their content may be large."""
    path = golden.documents
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    seen = [[str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    return hashlib.sha256(json.dumps([str(path.resolve()), seen]).encode()).hexdigest()[:8]


def _index_text(settings: Settings) -> str:
    chunker = settings.ingest.chunker
    return f"{settings.embedder.model}, {chunker.name} {chunker.max_tokens}"

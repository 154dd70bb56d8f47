"""The crash test's machinery: a corpus that changes, commands that are killed, a reader that never stops, and a judge.

Every change set is a new version of some documents; a version is known by its text. The harness keeps for each
generation what it should hold, and for each command when it began and ended, so that afterwards every answer the reader
wrote down can be judged: it must show one generation, whole, that was live at some moment of the question.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from api.cli.examine import examine
from ingest.store.catalogue import CatalogueWriter
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings
from rag.state.engine import open_catalogue
from rag.state.home import Home
from rag.types import Generation
from tests.proofs.oracle import Documents, Oracle, Piece
from tests.proofs.reader import digest
from tests.proofs.seams import SEAMS, Stop

CORPUS = "kb"
QUESTIONS = ("How is the pump of station 7 serviced?", "amber light on the tray", "Who may enter hall 3?")
KILLED = -9
_CHUNK_TOKENS = (60, 44)
_START_S = 60.0
_VACUUM = ["generations", "vacuum", "--corpus", CORPUS, "--set", "ingest.keep_generations=2"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code (-9: killed), when it ran, and whether a process of its group stayed."""

    code: int
    started: float
    ended: float
    left: int
    owner: bool
    log: str


class Launcher(Protocol):
    """Starts `ragwright` with arguments, and kills it at a stop or after a delay."""

    def run(self, arguments: Sequence[str], stop: Stop | None = None, delay_s: float | None = None) -> Ended:
        """Return when the command has ended."""
        ...


class Station:
    """A launcher that forks from a warm process with the light embedder; see `tests.proofs.station`."""

    def __init__(self, home: Path, log: Path) -> None:
        self._home, self._log = home, log
        environment = {**os.environ, "RAGWRIGHT_HOME": str(home), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.proofs.station"]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str], stop: Stop | None = None, delay_s: float | None = None) -> Ended:
        assert self._process.stdin and self._process.stdout
        chosen = [stop.seam, stop.call, stop.when] if stop else None
        order = {"arguments": [*arguments], "stop": chosen, "delay_s": delay_s, "log": str(self._log)}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        log = self._log.read_text(encoding="utf-8", errors="replace")
        owner = owner_of(self._home) == answer["pid"]
        return Ended(answer["code"], answer["started"], answer["ended"], answer["left"], owner, log)

    def close(self) -> None:
        """End the station."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


class CommandLine:
    """A launcher of the real command line with the real embedder; it can kill after a delay only."""

    def __init__(self, home: Path, log: Path) -> None:
        self._home, self._log = home, log

    def run(self, arguments: Sequence[str], stop: Stop | None = None, delay_s: float | None = None) -> Ended:
        assert stop is None, "the real command line has no stops"
        environment = {**os.environ, "RAGWRIGHT_HOME": str(self._home)}
        started = time.monotonic()
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "api.cli", *arguments]
            running = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            code = running.wait(delay_s)
        except subprocess.TimeoutExpired:
            running.kill()
            code = running.wait()
        ended = time.monotonic()
        log_text = self._log.read_text(encoding="utf-8", errors="replace")
        return Ended(code, started, ended, _left(running.pid), owner_of(self._home) == running.pid, log_text)


@dataclass(slots=True)
class Span:
    """A generation was live within these bounds, perhaps not all of the time."""

    generation: int
    begin: float
    end: float = float("inf")


@dataclass(slots=True)
class Findings:
    """What the crash test counts; `violations` must stay empty."""

    kills: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    owner_kills: int = 0
    answers: int = 0
    across: int = 0
    generations: int = 0
    violations: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return one line."""
        phases = ", ".join(f"{phase} {count}" for phase, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({phases}; {self.owner_kills} of the shard's owner), {self.answers} answers"
            f" over {self.generations} generations checked, {self.across} of them asked across a kill or flip,"
            f" {len(self.violations)} violations"
        )


class Harness:
    """One home under kills; make it, `round` as often as wanted, `judge` at the end."""

    def __init__(self, folder: Path, launcher: Launcher, home: Path, seed: int, *, documents: int, models: str) -> None:
        self.rng = random.Random(seed)
        self.launcher, self.home, self.source = launcher, home, folder / "source"
        self.models = models
        self.files: dict[str, bytes] = {}
        self.version, self.chunk_tokens = 0, _CHUNK_TOKENS[0]
        self.engine = open_catalogue(Home(home))
        self.held: dict[int, tuple[Documents, int]] = {}
        self._pieces: dict[int, list[Piece]] = {}
        self.spans: list[Span] = []
        self.findings = Findings()
        self.oracle = Oracle(folder / "scratch", QUESTIONS)
        self.records = folder / "records.jsonl"
        self._names = [
            f"{'hall' if n % 3 else 'plant/hall'}{n % 3}-{n}.{'md' if n % 4 else 'txt'}" for n in range(documents)
        ]
        for name in self._names:
            self._write(name)
        first = self.launcher.run(self._ingest())
        self.usual_s = first.ended - first.started
        self._done(first)

    # --- the corpus ---

    def change(self) -> None:
        """Make one change set: some documents get the next version, a few go, come or move."""
        self.version += 1
        for name in self.rng.sample(self._names, max(2, len(self._names) // 6)):
            if name in self.files and self.rng.random() < 0.2 and len(self.files) > len(self._names) * 0.8:
                (self.source / name).unlink()
                del self.files[name]
            else:
                self._write(name)

    def _write(self, name: str) -> None:
        number, version = self._names.index(name), self.version
        body = [f"The pump of station {number} is serviced as version v{version} says."]
        body += [f"Step {i} of v{version}: pull tray {number}, wait for the amber light." for i in range(number % 4)]
        content = f"# Station {number}\n\n{(chr(10) * 2).join(body)}\n".encode()
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files[name] = content

    # --- rounds ---

    def round(self, phase: str) -> bool:
        """Kill a command in a phase, look at what is left, run it again; say whether the kill happened."""
        arguments = self._prepare(phase)
        stop, delay_s = self._stop(phase)
        ended = self._run(arguments, stop, delay_s)
        killed = ended.code == KILLED
        if killed:
            self.findings.kills[phase] += 1
            self.findings.owner_kills += ended.owner
        elif ended.code == 0:
            self.findings.missed[str(stop or phase)] += 1
        else:
            self._violated(f"{phase}: exit {ended.code}: {ended.log[-500:]}")
        self._look(f"after a kill in {phase} at {stop or delay_s}" if killed else phase)
        if self.rng.random() < 0.7:
            self.recover(f"{phase} at {stop or delay_s}")
        return killed

    def recover(self, after: str) -> None:
        """Run without a kill: everything in the sources must be there afterwards, and doctor must be content."""
        ended = self._run(self._ingest())
        if ended.code != 0:
            self._violated(f"the run after {after} failed with {ended.code}: {ended.log[-500:]}")
            return
        self.usual_s = ended.ended - ended.started
        live = self._live()
        if live is None or self.held[live.id][0] != self.files:
            self._violated(f"the run after {after} did not bring the corpus up to date")
        self._look(f"after the run after {after}")
        for check in examine(self._settings()):
            if not check.ok:
                self._violated(f"doctor, after {after}: {check.name}: {check.detail}")

    def _prepare(self, phase: str) -> list[str]:
        if phase == "vacuum":
            for _ in range(self.rng.randint(1, 3)):
                self.change()
                self._done(self._run(self._ingest()))
            return _VACUUM
        if phase in ("discard", "rollback") and len(self._published()) < 2:
            self.change()
            self._done(self._run(self._ingest()))
        if phase == "rollback":
            return ["generations", "rollback", "--corpus", CORPUS]
        if phase == "discard":
            older = self._published()
            if (live := self._live()) and older[0].id < live.id:
                self._done(self._run(["generations", "rollback", "--corpus", CORPUS]))
        self.change()
        if self.rng.random() < 0.15:
            self.chunk_tokens = next(size for size in _CHUNK_TOKENS if size != self.chunk_tokens)
        return self._ingest()

    def _stop(self, phase: str) -> tuple[Stop | None, float | None]:
        if phase == "delay":
            return None, self.rng.uniform(0.1, 1.0) * self.usual_s
        seam = self.rng.choice(SEAMS[phase])
        return Stop(seam, 1 if self.rng.random() < 0.92 else 2, self.rng.choice(("before", "after"))), None

    def _ingest(self) -> list[str]:
        chunker = f"ingest.chunker.max_tokens={self.chunk_tokens}"
        options = ["--prune", "--allow-delete-over", "1", "--jobs", "1", "--set", chunker]
        return ["ingest", str(self.source), "--corpus", CORPUS, *options]

    def _run(self, arguments: Sequence[str], stop: Stop | None = None, delay_s: float | None = None) -> Ended:
        ended = self.launcher.run(arguments, stop, delay_s)
        self._notice(ended)
        if ended.left:
            self._violated(f"{' '.join(arguments)}: its processes were still there 10 s after its end")
        return ended

    def _done(self, ended: Ended) -> None:
        assert ended.code == 0, ended.log
        self._notice(ended)

    def _notice(self, ended: Ended) -> None:
        """Keep what became live, and when at the earliest and at the latest."""
        live = self._live()
        if live is None or (self.spans and live.id == self.spans[-1].generation):
            return
        if self.spans:
            self.spans[-1].end = ended.ended
        self.spans.append(Span(live.id, ended.started))
        self.held.setdefault(live.id, (dict(self.files), self.chunk_tokens))

    # --- looking ---

    def _settings(self) -> Settings:
        chosen = [f"embedder.cache_dir={self.models}", "embedder.threads=1", "ingest.jobs=1"]
        chunker = f"ingest.chunker.max_tokens={self.chunk_tokens}"
        return load_settings(overrides=[*chosen, chunker], environ={"RAGWRIGHT_HOME": str(self.home)})

    def _live(self) -> Generation | None:
        return CatalogueWriter(self.engine, CORPUS).live()

    def _published(self) -> list[Generation]:
        rows = CatalogueWriter(self.engine, CORPUS).generations()
        return [Generation(row.id, CORPUS, row.index_id, row.settings) for row in rows if row.status == "published"]

    def _look(self, when: str) -> None:
        """Check every generation that can be made live, in every store."""
        with open_runtime(self._settings()) as runtime:
            for generation in self._published():
                if generation.id not in self.held:
                    self._violated(f"{when}: generation {generation.id} is published but never was live")
                    continue
                try:
                    self.oracle.check(runtime, generation, self._expected(generation.id, runtime))
                except Exception as error:  # a finding, whatever it is
                    self._violated(f"{when}: {type(error).__name__}: {error}")

    def _expected(self, generation: int, runtime: Runtime) -> list[Piece]:
        if generation not in self._pieces:
            documents, chunk_tokens = self.held[generation]
            ingest = runtime.settings.ingest
            chunker = ingest.chunker.model_copy(update={"max_tokens": chunk_tokens})
            settings = runtime.settings.model_copy(update={"ingest": ingest.model_copy(update={"chunker": chunker})})
            self._pieces[generation] = self.oracle.scratch.pieces(documents, runtime.embedder.tokenizer, settings)
        return self._pieces[generation]

    def _violated(self, what: str) -> None:
        self.findings.violations.append(what)

    # --- judging ---

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a reader ask all the time that the block runs."""
        command = [sys.executable, "-m", "tests.proofs.reader", "--home", str(self.home), "--corpus", CORPUS]
        command += ["--records", str(self.records), *(["--models", self.models] if self.models else []), *QUESTIONS]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
            try:
                deadline = time.monotonic() + _START_S
                while not self.records.exists() or not self.records.stat().st_size:
                    assert time.monotonic() < deadline and process.poll() is None, "the reader does not read"
                    time.sleep(0.01)
                yield
                assert process.poll() is None, "the reader ended"
            finally:
                assert process.stdin
                process.stdin.close()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()

    def judge(self) -> Findings:
        """Judge every answer that the reader was given."""
        wanted: dict[int, Counter[tuple[Any, ...]]] = {}
        with open_runtime(self._settings()) as runtime:
            for generation in self.held:
                pieces = self._expected(generation, runtime)
                wanted[generation] = Counter((x.doc_id, x.start, x.end, digest(x.text)) for x in pieces)
        with self.records.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                self.findings.answers += 1
                for problem in self._problems(record, wanted):
                    self._violated(f"{problem} in {line[:300]}")
        self.findings.generations = len(self.held)
        self.engine.dispose()
        return self.findings

    def _problems(self, record: dict[str, Any], wanted: dict[int, Counter[tuple[Any, ...]]]) -> Iterator[str]:
        if "error" in record:
            yield f"the reader failed: {record['error']}"
            return
        generation, asked, answered = record["generation"], record["asked"], record["answered"]
        if generation not in wanted:
            yield f"generation {generation} was shown but never became live"
            return
        spans = [span for span in self.spans if span.generation == generation]
        if not any(span.begin <= answered and asked <= span.end for span in spans):
            yield f"stale: generation {generation} was not live when it was asked for"
        self.findings.across += any(
            asked <= moment <= answered for span in self.spans for moment in (span.begin, span.end)
        )
        shown = Counter(tuple(hit) for hit in record["hits"])
        if shown != wanted[generation]:
            others = [other for other, pieces in wanted.items() if shown == pieces]
            kind = f"is generation {others[0]}" if others else "mixed"
            yield f"{kind}: lost {len(wanted[generation] - shown)}, stale or doubled {len(shown - wanted[generation])}"
        if record["kind"] == "ask":
            yield from self._misquotes(record, self.held[generation][0])

    def _misquotes(self, record: dict[str, Any], documents: Documents) -> Iterator[str]:
        if record["cited_generation"] != record["generation"]:
            yield "the answer names another generation than its context"
        for doc_id, start, end, quote in record["quotes"]:
            if _text(documents, doc_id)[start:end] != quote:
                yield f"misquoted: {doc_id}"
        for doc_id, spans, text in record["passages"]:
            source = _text(documents, doc_id)
            if any(source[start:end] not in text for start, end in spans):
                yield f"mixed passage: {doc_id}"


def _text(documents: Documents, doc_id: str) -> str:
    return documents.get(doc_id, b"").decode()


def phases(seed: int) -> Iterator[str]:
    """Yield phases for ever: each of them once, in a new order each time."""
    rng = random.Random(seed)
    names = [*SEAMS, "delay"]
    while True:
        rng.shuffle(names)
        yield from names


def owner_of(home: Path) -> int:
    """Return the process that last took the ownership of the shards."""
    try:
        return int(json.loads((home / "locks" / "owner.lock").read_bytes())["pid"])
    except (OSError, ValueError):
        return 0


def _left(group: int) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(_alive_in(group)):
            return 0
        time.sleep(0.02)
    return 1


def _alive_in(group: int) -> Iterable[int]:
    """Yield the processes of a group that run; who is dead but was not buried counts as gone."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgrp) == group and state != "Z":
                yield int(entry.name)

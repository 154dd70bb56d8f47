"""Partition and chunk in worker processes, each file under a time and a memory limit.

A worker that hangs, dies or needs too much memory is replaced and its file becomes a failure. The run goes on. Workers
are forked from a process that was spawned for it and holds the modules that all of them need
(`ingest.make.worker_preload`). So they start at once and inherit no lock and no open file of the caller. Both end when
their parent does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler

from ingest.sources import SourceItem
from rag.errors import ConfigError, DocumentError, RagwrightError
from rag.ports import Embedder, Tokenizer
from rag.settings import ChunkerSettings, PartitionSettings
from rag.types import Chunk, Document

_POLL_S = 0.2
_STOP_S = 2.0
_START_S = 60.0
_MB = 1024 * 1024
_AHEAD_CHARS = 16 * _MB


@dataclass(frozen=True, slots=True)
class Job:
    """One document to make: from its source, or by cutting what the catalogue holds of it."""

    doc_id: str
    item: SourceItem | None = None
    stored: Document | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every worker needs to know; it is sent once. `sign` asks for the signatures that find near-duplicates."""

    tokenizer: Tokenizer
    chunker: ChunkerSettings
    partition: PartitionSettings
    sign: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: a document with its chunks and its signature, or why there is none."""

    doc_id: str
    document: Document | None = None
    chunks: tuple[Chunk, ...] = ()
    reason: str = ""
    source_hash: str = ""
    transient: bool = False
    signature: bytes = b""


def cut(outcome: Outcome, embedder: Embedder, settings: ChunkerSettings) -> Outcome:
    """Return the outcome with the chunks that a worker could not cut, because it has no embedder."""
    from ingest.chunkers import NEED_EMBEDDER, chunk

    if outcome.document is None or settings.name not in NEED_EMBEDDER:
        return outcome
    chunks = chunk(outcome.document, embedder.tokenizer, settings, lambda texts: embedder.embed(texts).vectors)
    return replace(outcome, chunks=tuple(chunks))


Make = Callable[[Job, Recipe], Outcome]


def make(job: Job, recipe: Recipe) -> Outcome:
    """Partition and chunk one document in this process; chunkers that embed are left to the caller.

    Raises:
        DocumentError: it cannot be made.
    """
    from ingest.chunkers import NEED_EMBEDDER, chunk
    from ingest.make.encoded import with_encoded_named
    from ingest.make.languages import with_language
    from ingest.make.minhash import signature
    from ingest.sources.reading import read_document

    if job.stored is not None:
        document = job.stored
    elif job.item is None:
        raise DocumentError("there is neither a source nor a stored document to read")
    else:
        document = with_encoded_named(read_document(job.item, recipe.partition))
    document = with_language(document)
    embeds = recipe.chunker.name in NEED_EMBEDDER
    chunks = [] if embeds else chunk(document, recipe.tokenizer, recipe.chunker)
    signed = signature(document.text) if recipe.sign else b""
    return Outcome(job.doc_id, document, tuple(chunks), source_hash=document.source_hash, signature=signed)


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    started: bool = False
    job: Job | None = None
    deadline: float = 0.0


class WorkerPool:
    """`jobs` processes that make documents; `outcomes` yields them as they are done, in any order.

    `make` must be importable by name: it is looked up again in each worker.
    """

    def __init__(self, jobs: int, recipe: Recipe, make: Make = make, at_most: int | None = None) -> None:
        self._jobs = jobs or os.cpu_count() or 1
        if at_most is not None:
            self._jobs = min(self._jobs, max(1, at_most))
        self._recipe = recipe
        self._make = make
        self._workers: list[_Worker] = []
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make `outcomes` end soon; may be called from another thread."""
        self._cancelled.set()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            _stop(worker)
        self._workers.clear()

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield one outcome for every job; at most one job a worker is under way."""
        waiting = iter(jobs)
        while not self._cancelled.is_set():
            self._assign(waiting)
            busy = [worker for worker in self._workers if worker.job]
            if not busy:
                return
            for worker in _ready(busy):
                if worker.started:
                    yield self._collect(worker)
                else:
                    self._greet(worker)

    def _assign(self, waiting: Iterator[Job]) -> None:
        while (idle := next((worker for worker in self._workers if not worker.job), None)) or self._may_start():
            job = next(waiting, None)
            if job is None:
                return
            worker = idle or self._start()
            limit = self._recipe.partition.timeout_s
            worker.job = job
            worker.deadline = time.monotonic() + (limit if worker.started else max(limit, _START_S))
            # A worker that died while it was idle is noticed when its outcome is collected.
            with contextlib.suppress(OSError):
                worker.pipe.send(job)

    def _may_start(self) -> bool:
        return len(self._workers) < self._jobs

    def _start(self) -> _Worker:
        context = _start_context()
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        # Not as arguments of the process: those are written to it before it runs, and block for ever if it never does.
        try:
            with contextlib.suppress(OSError):
                ours.send((self._make, self._recipe))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ConfigError(f"the tokenizer cannot be sent to a worker process: {error}") from error
        return worker

    def _greet(self, worker: _Worker) -> None:
        """Take the first word of a new worker; its time for the job begins now.

        Raises:
            ConfigError: it did not start at all.
        """
        try:
            if not worker.pipe.poll():
                raise ConfigError(f"a worker process did not start within {_START_S:g} s; is the machine overloaded?")
            worker.pipe.recv()
        except (EOFError, OSError) as error:
            raise ConfigError(
                "a worker process could not start; a script that ingests must do so under"
                " `if __name__ == '__main__':`, because workers import it"
            ) from error
        worker.started = True
        worker.deadline = time.monotonic() + self._recipe.partition.timeout_s

    def _collect(self, worker: _Worker) -> Outcome:
        job = worker.job
        assert job is not None
        worker.job = None
        try:
            if worker.pipe.poll():
                outcome: Outcome = worker.pipe.recv()
                return outcome
            if worker.process.is_alive():
                limit = self._recipe.partition.timeout_s
                reason = f"took longer than {limit:g} s; raise ingest.partition.timeout_s or split the file"
            else:
                reason = _death(worker.process)
        except (EOFError, OSError, pickle.UnpicklingError):
            worker.process.join(_STOP_S)
            reason = _death(worker.process)
        self._workers.remove(worker)
        _stop(worker)
        return Outcome(job.doc_id, reason=reason, transient=True)


def _start_context() -> ForkServerContext | SpawnContext:
    """Return how workers start: forked from a warm process where the system can, else spawned one by one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.make.worker_preload"])
    return context


def _ready(busy: list[_Worker]) -> list[_Worker]:
    """Wait until a worker answered, died or is over its time; return those, none if it takes long."""
    waits = {worker.pipe: worker for worker in busy}
    left = min(worker.deadline for worker in busy) - time.monotonic()
    ready = wait(list(waits), timeout=max(0.0, min(left, _POLL_S)))
    done = [waits[pipe] for pipe in ready if isinstance(pipe, Connection)]
    now = time.monotonic()
    return done or [worker for worker in busy if now >= worker.deadline]


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    if worker.job:
        worker.process.kill()
    worker.process.join(_STOP_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.process.close()


def _death(process: BaseProcess) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        # Native code aborts where it cannot allocate below the limit.
        hint = " (out of memory?)" if name in {"SIGKILL", "SIGABRT"} else ""
        return f"its worker process was ended by {name}{hint}; the file may be damaged"
    return f"its worker process ended with exit code {code}; the file may be damaged"


@contextlib.contextmanager
def prefetched(outcomes: Iterator[Outcome], cancel: Callable[[], None], ahead: int = 64) -> Iterator[Iterator[Outcome]]:
    """Draw outcomes in a thread while the caller is busy, so that workers go on.

    At most `ahead` wait to be read, and no further one once their texts have `_AHEAD_CHARS` characters.
    """
    ready: queue.Queue[Outcome | BaseException | None] = queue.Queue(ahead)
    stopped = threading.Event()
    room = _Room(_AHEAD_CHARS)

    def put(item: Outcome | BaseException | None) -> None:
        size = _chars(item)
        while not stopped.is_set() and not room.take(size, _POLL_S):
            pass
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=_POLL_S)
                return

    def draw() -> None:
        try:
            for outcome in outcomes:
                put(outcome)
            put(None)
        except BaseException as error:  # raised again in the reading thread
            put(error)

    thread = threading.Thread(target=draw, name="ingest-outcomes", daemon=True)
    thread.start()
    try:
        yield _drawn(ready, room)
    finally:
        stopped.set()
        cancel()
        thread.join()


def _drawn(ready: queue.Queue[Outcome | BaseException | None], room: _Room) -> Iterator[Outcome]:
    while (item := ready.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        room.give(_chars(item))
        yield item


def _chars(item: Outcome | BaseException | None) -> int:
    return len(item.document.text) if isinstance(item, Outcome) and item.document else 0


class _Room:
    """Counts what waits against a limit; an item larger than all of it goes through alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._freed = threading.Condition()

    def take(self, size: int, timeout_s: float) -> bool:
        """Take room and say so, or give up after a while."""
        with self._freed:
            fits = self._freed.wait_for(lambda: not self._taken or self._taken + size <= self._limit, timeout_s)
            self._taken += size if fits else 0
            return fits

    def give(self, size: int) -> None:
        """Give room back."""
        with self._freed:
            self._taken -= size
            self._freed.notify_all()


# --- inside the worker ------------------------------------------------------------------------------------------------


def _serve(pipe: Connection) -> None:
    """Say that it runs, then answer jobs until the parent closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        make, recipe = pipe.recv()
        _limit_memory(recipe.partition.memory_mb)
        pipe.send(None)
        while True:
            _reply(pipe, pipe.recv(), make, recipe)


def _reply(pipe: Connection, job: Job, make: Make, recipe: Recipe) -> None:
    outcome = _answer(job, make, recipe)
    try:
        data = bytes(ForkingPickler.dumps(outcome))
    except MemoryError:
        data = bytes(ForkingPickler.dumps(_too_large(job.doc_id, recipe)))
    pipe.send_bytes(data)


def _too_large(doc_id: str, recipe: Recipe) -> Outcome:
    limit = recipe.partition.memory_mb
    reason = f"needs more than {limit} MB of memory; raise ingest.partition.memory_mb or split the file"
    return Outcome(doc_id, reason=reason, transient=True)


def _answer(job: Job, make: Make, recipe: Recipe) -> Outcome:
    doc_id = job.doc_id
    try:
        return make(job, recipe)
    except RagwrightError as error:
        return Outcome(doc_id, reason=str(error), transient=error.transient)
    except MemoryError:
        return _too_large(doc_id, recipe)
    except Exception as error:  # one document must never end the run
        reason = " ".join(f"internal error: {type(error).__name__}: {error}".split())
        return Outcome(doc_id, reason=reason)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _limit_memory(limit_mb: int) -> None:
    """Cap the address space at what is mapped now plus the limit, where the system can."""
    if sys.platform != "linux":
        return
    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mapped + limit_mb * _MB
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))

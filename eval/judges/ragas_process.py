"""RAGAS in a process of its own: it loads (seconds) and scores while the next cases are answered.

Answering is Python code that keeps one core busy, so this takes another, and gives way where there is none: a little,
for at the lowest priority its imports take minutes on a busy machine. Every case comes back with a value or a reason
for each metric, whatever RAGAS or the process do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from eval.judges.ragas_embedding import one_at_a_time
from eval.judges.ragas_metrics import RAGAS_METRICS, SIMILARITY, Fields, Score
from eval.metrics.base import Metric, Unmeasured, Value
from eval.observation import Observation
from rag.ports import Embedder
from rag.types import Vectors

Values = dict[str, Value]

_NICE = 5  # a third of the weight of a process that is not
_KEPT = 4096  # vectors of texts that may come again, as references of repeated questions do


class RagasProcess:
    """Scores observations by RAGAS' keyless metrics. Values are RAGAS' own, 0..1, higher is better.

    `begin` hands over a case, at once; the metrics wait for its values. Semantic similarity is there only with an
    embedder. Leaving the context ends the process.
    """

    def __init__(self, names: Sequence[str], embedder: Embedder | None = None) -> None:
        self._names = [name for name in names if name != SIMILARITY or embedder is not None]
        self._vector = lru_cache(_KEPT)(one_at_a_time(embedder)) if embedder is not None else None
        self._found: dict[int, Future[Values]] = {}
        self._pump = ThreadPoolExecutor(1, thread_name_prefix="ragas")
        self._pipe, theirs = Pipe()
        # what this process can import, the other can; `-m` alone would not see a path set by a test or a notebook
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", "eval.judges.ragas_process", str(theirs.fileno())]
        self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self._pump.submit(self._send, self._names)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics in the order of their table; each waits for its value of a case that was handed over."""
        return tuple(self._metric(name) for name in RAGAS_METRICS if name in self._names)

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the process; what is under way is lost."""
        self._process.kill()
        self._process.wait()
        self._pump.shutdown(cancel_futures=True)
        self._pipe.close()

    def begin(self, seen: Observation) -> None:
        """Score a case as soon as those before it are done."""
        self._found[id(seen)] = self._pump.submit(self._ask, seen)

    def _metric(self, name: str) -> Metric:
        def compute(seen: Observation) -> Value:
            return self._found[id(seen)].result()[name]

        member = RAGAS_METRICS[name]
        return Metric(name, "ragas", member.meaning, compute, "score", rate=member.rate)

    def _ask(self, seen: Observation) -> Values:
        values: Values = {}
        asked: dict[str, Fields] = {}
        for name in self._names:
            fields = RAGAS_METRICS[name].fields(seen)
            if isinstance(fields, Unmeasured):
                values[name] = fields
            else:
                asked[name] = fields
        vectors: dict[str, Vectors] = {}
        if SIMILARITY in asked and self._vector is not None:
            try:
                vectors = {text: self._vector(text) for text in asked[SIMILARITY].values()}
            except Exception as error:  # the embedder failed on this case: that is this case's reason
                reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                values[SIMILARITY] = Unmeasured(reason)
                del asked[SIMILARITY]
        if not asked:
            return values
        try:
            self._send((asked, vectors))
            found: Values = self._pipe.recv()
            return values | found
        except (EOFError, OSError):
            code = self._process.wait()
            return values | dict.fromkeys(asked, Unmeasured(f"the process that runs RAGAS ended with exit code {code}"))

    def _send(self, message: object) -> None:
        self._pipe.send(message)


# --- inside the process -----------------------------------------------------------------------------------------------


def serve(pipe: Connection) -> None:
    """Load the metrics that the first message names, then answer `(fields by metric, vectors by text)` with values."""
    os.environ.setdefault("RAGAS_DO_NOT_TRACK", "true")
    vectors: dict[str, Vectors] = {}
    with asyncio.Runner() as runner, warnings.catch_warnings():
        # its imports and its own deprecated classes warn about each other; no caller can act on that
        warnings.simplefilter("ignore")
        scores = {name: RAGAS_METRICS[name].load(vectors.__getitem__) for name in pipe.recv()}
        while True:
            asked, given = pipe.recv()
            vectors.clear()
            vectors.update(given)
            pipe.send(runner.run(_scored({name: (scores[name], fields) for name, fields in asked.items()})))


async def _scored(asked: Mapping[str, tuple[Score, Fields]]) -> Values:
    values: Values = {}
    for name, (score, fields) in asked.items():
        try:
            values[name] = await score(fields)
        except Exception as error:  # foreign code, one case: any failure is this case's reason
            reason = " ".join(str(error).split())[:200]
            values[name] = Unmeasured(f"RAGAS raised {type(error).__name__}: {reason}")
    return values


def main() -> None:
    """Serve the pipe whose number is the argument until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main()

"""RAGAS in a process of its own: it loads (seconds) and scores beside our own metrics and the embedding of answers.

Not beside the answering: even at the lowest priority that saved nothing, and it changes latencies. Every
case comes back with a value or a reason for each metric, whatever RAGAS or the process do.
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
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from eval.embedding import EmbeddedAhead
from eval.metrics.base import Metric, Unmeasured, Value
from eval.observation import Observation
from eval.ragas_metrics import RAGAS_METRICS, SIMILARITY, Fields, Score, comparable
from rag.ports import Embedder
from rag.types import Vectors

Values = dict[str, Value]


class RagasProcess:
    """Scores observations by RAGAS' keyless metrics. Values are RAGAS' own, 0..1, higher is better.

    `begin` hands over all cases, then `metrics` return their values. Semantic similarity is there only with an
    embedder. Leaving the context ends the process.
    """

    def __init__(self, names: Sequence[str], embedder: Embedder | None = None) -> None:
        self._names = [name for name in names if name != SIMILARITY or embedder is not None]
        self._embedder = embedder
        self._ahead: EmbeddedAhead | None = None
        self._found: dict[int, list[Future[Values]]] = {}
        self._pump = ThreadPoolExecutor(1, thread_name_prefix="ragas")
        self._pipe, theirs = Pipe()
        # what this process can import, the other can; `-m` alone would not see a path set by a test or a notebook
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", "eval.ragas_process", str(theirs.fileno())]
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
        if self._ahead is not None:
            self._ahead.close()
        self._pump.shutdown(cancel_futures=True)
        self._pipe.close()

    def begin(self, observations: Sequence[Observation]) -> None:
        """Start to score cases, by the metrics that need vectors last: their texts are embedded in the meantime."""
        plain = [name for name in self._names if name != SIMILARITY]
        for seen in observations:
            self._found[id(seen)] = [self._pump.submit(self._ask, seen, plain)]
        if SIMILARITY not in self._names or self._embedder is None:
            return
        compared = [fields for seen in observations if not isinstance(fields := comparable(seen), Unmeasured)]
        ahead = EmbeddedAhead(self._embedder, (text for fields in compared for text in fields.values()))
        for seen in observations:
            self._found[id(seen)].append(self._pump.submit(self._ask, seen, [SIMILARITY], ahead))
        self._ahead = ahead

    def _metric(self, name: str) -> Metric:
        def compute(seen: Observation) -> Value:
            return next(values[name] for future in self._found[id(seen)] if name in (values := future.result()))

        member = RAGAS_METRICS[name]
        return Metric(name, "ragas", member.meaning, compute, "score", rate=member.rate)

    def _ask(self, seen: Observation, names: Sequence[str], ahead: EmbeddedAhead | None = None) -> Values:
        values: Values = {}
        asked: dict[str, Fields] = {}
        for name in names:
            fields = RAGAS_METRICS[name].fields(seen)
            if isinstance(fields, Unmeasured):
                values[name] = fields
            else:
                asked[name] = fields
        if not asked:
            return values
        try:
            texts = [text for fields in asked.values() for text in fields.values()] if ahead else []
            vectors = {text: ahead.vector(text) for text in texts} if ahead else {}
        except Exception as error:  # the embedder failed on this case: that is this case's reason
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            return values | dict.fromkeys(asked, Unmeasured(reason))
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
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main()

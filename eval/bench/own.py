"""Our own ingestion as a benchmark sees it: a fresh home, wall times, the same chunks embedded alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from eval.bench.figures import Figure, ratio_of_sums
from ingest.pipeline import ingest
from ingest.report import IngestReport
from rag.bridge import run_sync
from rag.errors import RagwrightError
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings
from rag.types import Chunk

T = TypeVar("T")

BENCH_CORPUS = "bench"
_WINDOW = 256  # chunks that ingestion sorts by length and embeds at once
_FEW_WINDOWS = 4


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return how many seconds of wall time a piece of work took, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def milliseconds(work: Callable[..., object], *arguments: object) -> float:
    """Return how many ms of wall time a call took."""
    return 1000 * timed(lambda: work(*arguments))[0]


@dataclass(frozen=True, slots=True)
class OwnIngestion:
    """One corpus in a home of its own, with the model loaded."""

    runtime: Runtime

    def ingest(self, folder: Path) -> IngestReport:
        """Bring the corpus up to date with a folder.

        Raises:
            RagwrightError: a document failed; a benchmark must not time what it did not do.
        """
        report = ingest([str(folder)], BENCH_CORPUS, self.runtime)
        if report.failed:
            first = report.failed[0]
            raise RagwrightError(f"{len(report.failed)} documents failed, {first.doc_id}: {first.reason}")
        return report

    def chunks(self) -> list[Chunk]:
        """Return the live chunks in the order in which they were written."""
        catalogue = self.runtime.catalogue
        pks = sorted(pk for pk, _ in catalogue.visible_chunks(catalogue.live(BENCH_CORPUS)))
        found = catalogue.chunks(pks)
        return [found[pk] for pk in pks]

    def search_dense(self, question: str, top_k: int) -> list[str]:
        """Return the documents of the `top_k` nearest chunks, best first, each once."""
        catalogue = self.runtime.catalogue
        live = catalogue.live(BENCH_CORPUS)
        index = self.runtime.indexes(live.index_id)
        nearest = index.vectors.search(index.embedder.embed([question]).vectors[0], top_k, live.id, ())
        chunks = catalogue.chunks([candidate.pk for candidate in nearest])
        return list(dict.fromkeys(chunks[candidate.pk].doc_id for candidate in nearest))

    def search(self, question: str, top_k: int) -> list[str]:
        """Return the documents that the shipped search finds among `top_k` chunks, best first, each once."""
        found = run_sync(self.runtime.pipeline.search(Request(question, BENCH_CORPUS, top_k=top_k)))
        return list(dict.fromkeys(hit.chunk.doc_id for hit in found.hits))


def settings_of(home: Path, overrides: Sequence[str] = ()) -> Settings:
    """Return the defaults with overrides in a benchmark's home; exported models come from the user's own home."""
    models = load_settings().environment.home.expanduser().resolve() / "models"
    environ = {"RAGWRIGHT_HOME": str(home)}
    return load_settings(overrides=[f"embedder.cache_dir={models}", *overrides], environ=environ)


@contextlib.contextmanager
def own_ingestion(home: Path) -> Iterator[OwnIngestion]:
    """Open a home that ingests with the default settings."""
    with open_runtime(settings_of(home)) as runtime:
        runtime.embedder.embed(["load the model"], with_tokens=True)
        yield OwnIngestion(runtime)


@dataclass(frozen=True, slots=True)
class Alone:
    """Wall time of ingestion over the time that the embedder alone takes for the same chunks.

    `as_ingested` asks the embedder for what ingestion asks: sentence and token vectors; `sentence_vectors` for less.
    """

    as_ingested: Figure
    sentence_vectors: Figure


def wall_vs_alone(own: OwnIngestion, wall_s: float, share: float) -> Alone:
    """Embed a share of the windows of chunks that ingestion embedded, sorted alike, and set its wall time against it.

    Windows take turns between the two kinds of call, so that a drift of the machine meets both alike.
    """
    chunks = own.chunks()
    windows = [chunks[i : i + _WINDOW] for i in range(0, len(chunks), _WINDOW)]
    step = max(1, round(1 / share)) if len(windows) >= _FEW_WINDOWS else 1
    kinds: tuple[tuple[bool, ...], ...] = ((True,), (False,), (False,), (True,))
    if len(windows) // step < _FEW_WINDOWS:
        kinds = ((True, False),)
    taken: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
    for turn, window in enumerate(windows[::step]):
        for with_tokens in kinds[turn % len(kinds)]:
            taken[with_tokens].append((_embed(own, window, with_tokens), _tokens(window)))
    total = _tokens(chunks)
    return Alone(_against(wall_s, total, taken[True]), _against(wall_s, total, taken[False]))


def _embed(own: OwnIngestion, window: Sequence[Chunk], with_tokens: bool) -> float:
    texts = [chunk.indexed_text for chunk in sorted(window, key=lambda chunk: chunk.tokens)]
    embedder = own.runtime.embedder
    return timed(lambda: embedder.embed(texts, with_tokens=with_tokens))[0]


def _tokens(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.tokens for chunk in chunks)


def _against(wall_s: float, total_tokens: int, taken: Sequence[tuple[float, int]]) -> Figure:
    wall_a_token = wall_s / total_tokens
    # the wall time that falls to the tokens of each window, over the time that the window took alone
    over, under = [wall_a_token * tokens for _, tokens in taken], [seconds for seconds, _ in taken]
    return ratio_of_sums(over, under)

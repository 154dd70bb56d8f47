"""The memory that an ingest of any size needs: all of it is real but the model, which vectors of hashes stand in for.

The corpus is text of the benchmark's documents, varied like `eval.bench.volume` varies chunks: a fifth of the words are
drawn from the corpus' own stream of words, and two of a thousand are new, so that its vocabulary grows as in language.
Sources, workers, chunkers, catalogue, indexes and publishing are those of `ragwright ingest`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.bench.aside import Aside
from eval.bench.corpora import FORMS, BenchDocument, text_corpus, write_corpus
from eval.bench.figures import Figures, single
from eval.bench.memory import PeakMemory, held_mb, watch_memory
from eval.bench.own import BENCH_CORPUS, settings_of, timed
from eval.bench.probe import disk_mb
from ingest.pipeline import Progress, ingest
from rag.errors import RagwrightError
from rag.ports import Embedder, Embeddings, Index, Tokenizer
from rag.runtime import Runtime, open_runtime

log = logging.getLogger(__name__)

GB = 1000**3
DROPPABLE = "pages of files, which the system may drop"
_BASE_CHUNKS = 6000
_DOCUMENT_CHARS = 8000  # of a document at the median
_SPREAD = 0.8  # standard deviation of the logarithm of their sizes
_DRAWN, _NEW = 0.2, 0.002  # shares of the words that are replaced by drawn and by new ones
_TOKENS = 2  # token vectors of a chunk: all would take 23 GB of disk a million chunks
_MARKS = 20  # points of the growth curve
_QUESTIONS = 20
_WRITTEN = 2000  # documents that are written at once


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one ingest took. `growth` is `(documents done, own MB)` of the parent.

    `before_mb` are the parent's own pages when it began: interpreter and libraries.
    """

    documents: int
    chunks: int
    seconds: float
    before_mb: float
    peak: PeakMemory
    growth: list[tuple[int, float]]


class HashedEmbedder:
    """`rag.ports.Embedder` whose vectors are hashes of the texts: as many numbers as the model's, and no model."""

    def __init__(self, like: Embedder) -> None:
        self.name = f"hashes/{like.name}"
        self.dim, self.max_tokens = like.dim, like.max_tokens
        self.tokenizer: Tokenizer = like.tokenizer

    def embed(self, texts: Sequence[str], *, with_tokens: bool = False) -> Embeddings:
        """Return one vector a text, and a few token vectors where they are asked for."""
        digests = (hashlib.shake_256(text.encode("utf-8")).digest(self.dim) for text in texts)
        vectors = np.array([np.frombuffer(digest, np.uint8) for digest in digests], np.float32).reshape(-1, self.dim)
        vectors -= 127.5
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        tokens = tuple(np.tile(vector, (_TOKENS, 1)) for vector in vectors) if with_tokens else ()
        return Embeddings(vectors, tokens)


class _WithoutModel:
    """`ingest.pipeline.Runtime` over an open home, with hashes for a model."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.settings, self.home, self.engine, self.catalogue = (
            runtime.settings,
            runtime.home,
            runtime.engine,
            runtime.catalogue,
        )
        self.embedder: Embedder = HashedEmbedder(runtime.embedder)
        self._opened: dict[int, Index] = {}

    def claim(self, index_id: int) -> None:
        self._runtime.claim(index_id)

    def indexes(self, index_id: int) -> Index:
        if index_id not in self._opened:
            stores = self._runtime.stores(index_id, self.embedder.dim)
            self._opened[index_id] = Index(index_id, self.embedder, *stores)
        return self._opened[index_id]


@dataclass(slots=True)
class _Watched:
    """A sink of progress that names the stage to who watches, and keeps the growth while documents are made."""

    peak: PeakMemory
    growth: list[tuple[int, float]] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        finished = progress.stage == "documents" and progress.done == progress.total
        self.peak.stage = "compare" if finished else progress.stage
        if progress.stage == "documents" and progress.done % max(1, progress.total // _MARKS) == 0:
            self.growth.append((progress.done, held_mb()[0]))


class OwnVolume:
    """Ingests and asks in a process that did nothing else, so that its memory is theirs."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def ingest(self, source: Path) -> Footprint:
        """Bring an empty home up to date with a folder.

        Raises:
            RagwrightError: a document failed.
        """
        with open_runtime(settings_of(self._home)) as opened:
            runtime, before = _WithoutModel(opened), held_mb()[0]
            with watch_memory() as peak:
                watched = _Watched(peak)
                seconds, report = timed(lambda: ingest([str(source)], BENCH_CORPUS, runtime, progress=watched))
        if report.failed:
            raise RagwrightError(f"{len(report.failed)} documents failed, {report.failed[0].reason}")
        return Footprint(report.added, report.chunks, seconds, before, peak, watched.growth)

    def ask(self, questions: Sequence[str]) -> tuple[float, float, float]:
        """Search both indexes for every question; return the own and the file pages in MB, own ones before as well."""
        with open_runtime(settings_of(self._home)) as opened:
            runtime = _WithoutModel(opened)
            before = held_mb()[0]
            live = runtime.catalogue.live(BENCH_CORPUS)
            index, depth = runtime.indexes(live.index_id), runtime.settings.retrieval.candidates
            for question, vector in zip(questions, runtime.embedder.embed(questions).vectors, strict=True):
                found = index.vectors.search(vector, depth, live.id, ())
                found += index.keywords.search(question, depth, live.id)
                runtime.catalogue.chunks([candidate.pk for candidate in found])
            return (*held_mb(), before)


def documents(size: int, data: Path | None, seed: int) -> Iterator[BenchDocument]:
    """Yield documents of `size` characters in all; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    base = [document.text for document in text_corpus(_BASE_CHUNKS, data, seed=seed).documents]
    words = np.array([word for text in base for word in text.split(" ")], object)
    left = size
    for number in count():
        if left <= 0:
            return
        text = _varied(words, int(_DOCUMENT_CHARS * np.exp(_SPREAD * rng.standard_normal())), number, rng)
        form = FORMS[number % len(FORMS)]
        name = f"d{number:07}" if form == "jsonl" else f"d{number:07}.{form}"
        yield BenchDocument(name, form, f"Document {number}", text)
        left -= len(text)


def _varied(words: NDArray[Any], chars: int, number: int, rng: np.random.Generator) -> str:
    """Return about so many characters of a stretch of the words, a share of them replaced."""
    length = max(8, chars // 6)
    start = int(rng.integers(0, max(1, len(words) - length)))
    text = words[start : start + length].copy()
    chance = rng.random(len(text))
    drawn = chance < _DRAWN
    text[drawn] = words[rng.integers(0, len(words), int(drawn.sum()))]
    for place in np.flatnonzero(chance > 1 - _NEW).tolist():
        text[place] = f"w{number:x}q{place:x}"
    return " ".join(text)


def write_volume(size: int, data: Path | None, folder: Path, seed: int) -> tuple[Path, list[str]]:
    """Write documents of `size` bytes or a little more; return their folder and questions of their words."""
    folder.mkdir(parents=True)
    questions: list[str] = []
    made = documents(size, data, seed)
    for number, block in enumerate(iter(lambda: list(islice(made, _WRITTEN)), [])):
        questions += [" ".join(document.text.split()[:8]) for document in block[: _QUESTIONS - len(questions)]]
        part = write_corpus(block, folder / f"{number:04}")
        # Rows are read from files of the source itself, not from folders below it.
        (part / "documents.jsonl").rename(folder / f"{number:04}.jsonl")
    return folder, questions


def bench_volume(gigabytes: float, data: Path | None, work: Path, seed: int = 0) -> Figures:
    """Return the memory that one ingest of so many gigabytes of text needs, and that of asking its index."""
    source, questions = write_volume(round(gigabytes * GB), data, work / "source", seed)
    log.info("wrote %.2f GB", gigabytes)
    with Aside(OwnVolume, work / "home") as own:
        found: Footprint = own.call("ingest", source)
    log.info("ingested %d chunks in %.0f s", found.chunks, found.seconds)
    with Aside(OwnVolume, work / "home") as own:
        asked_own, asked_files, before = own.call("ask", questions)
    peak, million = found.peak, 1e6 / found.chunks
    done, mb = np.array(found.growth, float).T
    half = len(done) // 2
    growth = np.polyfit(done[half:] / found.documents * found.chunks, mb[half:], 1)[0] if half > 1 else float("nan")
    return {
        "gigabytes": gigabytes,
        "documents": found.documents,
        "chunks": found.chunks,
        "seconds": single(found.seconds, "without embedding"),
        "chunks_per_s": single(found.chunks / found.seconds),
        "disk_mb": single(disk_mb(work / "home")),
        "peak_own_mb": single(peak.both.own, "own pages of this process and its workers, interpreter included"),
        "peak_own_beyond_start_mb": single(peak.both.own - found.before_mb, "over the process that has not begun"),
        "parent": {"own_mb": single(peak.parent.own), "files_mb": single(peak.parent.files, DROPPABLE)},
        "workers": {"own_mb": single(peak.workers.own), "files_mb": single(peak.workers.files, DROPPABLE)},
        "stages_own_mb": {stage: single(highest.own) for stage, highest in peak.stages.items() if stage},
        "growth_own_mb_per_million_chunks": single(1e6 * growth, "of the parent, over the second half of the chunks"),
        "peak_own_mb_per_million_chunks": single((peak.parent.own - found.before_mb) * million, "of the parent"),
        "curve_own_mb": {f"{int(d):07}": round(m) for d, m in found.growth},
        "asked": {
            "own_mb": single(asked_own),
            "own_beyond_start_mb": single(asked_own - before),
            "files_mb": single(asked_files, DROPPABLE),
        },
    }

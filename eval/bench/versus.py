"""Ingestion side by side with LlamaIndex: the same documents in slices, the systems in turning order, then quality.

Slices hold either documents that fit the model's window, which every system reads whole, or longer ones, of which
LlamaIndex's default chunks lose what lies beyond the window: speed-ups are told for both kinds and for all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from eval.bench.corpora import BenchCorpus, BenchDocument, BenchQuestion, write_corpus
from eval.bench.figures import Figure, Figures, mean_of, ratio_of_sums, single, unmeasured
from eval.bench.own import OwnIngestion, timed
from eval.gate.policy import GatePolicy
from eval.stats import minimal_detectable_effect, non_inferiority, paired_difference
from rag.models.embedders import PACKAGED
from rag.models.weights import packaged_folder
from rag.ports import Embedder

if TYPE_CHECKING:
    from eval.bench.llama_pipeline import LlamaIngestion

log = logging.getLogger(__name__)

OURS, SHIPPED, SAME_RUNTIME = "ragwright", "llamaindex", "llamaindex_same_runtime"
SAME_CHUNKS = "llamaindex_same_chunks"
SAME_RUNTIME_TUNED = "llamaindex_same_runtime_batches_of_256"
ON_DISK, JSON = f"{SAME_RUNTIME}_on_disk", f"{SAME_RUNTIME}_json"
HYBRID = f"{SAME_RUNTIME}_hybrid_on_disk"

READ_WHOLE, LONGER = "read_whole_by_all", "longer_than_the_window"

_TOP_K = 50  # chunks that each system retrieves; their documents are ranked by their first chunk

Ingest = Callable[[Path], object]
Search = Callable[[str, int], list[str]]
Kinds = Sequence[tuple[str, Sequence[BenchDocument]]]


def compare_with_llamaindex(own: OwnIngestion, corpus: BenchCorpus, work: Path, slices: int) -> Figures:
    """Return speed-ups in documents per second, tokens embedded and nDCG@10 on the questions of the corpus."""
    rivals = _rivals(own, work / "rivals")
    kinds = sliced(corpus.documents, own.runtime.embedder, slices)
    folders = [write_corpus(part, work / f"slice{number}") for number, (_, part) in enumerate(kinds)]
    systems: dict[str, Ingest] = {OURS: own.ingest} | {name: rival.ingest for name, rival in rivals.items()}
    seconds = slice_seconds(systems, folders)
    searches: dict[str, Search] = {OURS: own.search_dense, "ragwright_hybrid": own.search}
    searches |= {name: rivals[name].search for name in (SHIPPED, SAME_RUNTIME)}
    # the others cut as SAME_RUNTIME does
    sizes = {name: [rivals[name].tokens(folder) for folder in folders] for name in (SHIPPED, SAME_CHUNKS, SAME_RUNTIME)}
    chunks = own.chunks()
    sizes[OURS] = [(len(chunks), sum(chunk.tokens + 2 for chunk in chunks))]
    return {
        "documents": {kind: sum(len(part) for k, part in kinds if k == kind) for kind in dict.fromkeys(dict(kinds))},
        "slices": len(folders),
        "seconds": {name: single(sum(taken)) for name, taken in seconds.items()},
        "speedups": {name: ratio_of_sums(seconds[name], seconds[OURS]) for name in rivals} | _left_out(rivals),
        "speedups_by_kind": {kind: _speedups(seconds, rivals, kinds, kind) for kind in dict.fromkeys(dict(kinds))},
        "chunks": {name: sum(count for count, _ in of_slices) for name, of_slices in sizes.items()},
        "tokens_embedded": {name: sum(tokens for _, tokens in of_slices) for name, of_slices in sizes.items()},
        "quality": quality(searches, corpus.questions),
    }


def sliced(
    documents: Sequence[BenchDocument], embedder: Embedder, slices: int
) -> list[tuple[str, Sequence[BenchDocument]]]:
    """Return about `slices` slices as `(kind, documents)`, the kinds apart and in turn."""
    kinds: dict[str, list[BenchDocument]] = {READ_WHOLE: [], LONGER: []}
    for document in documents:
        fits = embedder.tokenizer.count(document.content) + 2 <= embedder.max_tokens
        kinds[READ_WHOLE if fits else LONGER].append(document)
    of_each = max(1, slices // 2)
    parts = ((kind, found[number::of_each]) for number in range(of_each) for kind, found in kinds.items())
    return [(kind, part) for kind, part in parts if part]


def _speedups(
    seconds: Mapping[str, Sequence[float]], rivals: Mapping[str, LlamaIngestion], kinds: Kinds, kind: str
) -> dict[str, Figure]:
    def of_kind(name: str) -> list[float]:
        return [taken for taken, (found, _) in zip(seconds[name], kinds, strict=True) if found == kind]

    return {name: ratio_of_sums(of_kind(name), of_kind(OURS)) for name in rivals}


def _rivals(own: OwnIngestion, work: Path) -> dict[str, LlamaIngestion]:
    # seconds of imports
    from eval.bench.llama_pipeline import LlamaIngestion, runtime_embedding, torch_embedding
    from eval.bench.llama_stores import Hybrid, JsonStore, LlamaStore, OnDisk, keyword_package

    settings, embedder = own.runtime.settings, own.runtime.embedder
    model = settings.embedder.model
    location = str(packaged_folder(PACKAGED[model])) if model in PACKAGED else model
    theirs = torch_embedding(location, settings.embedder.threads)
    ours = runtime_embedding(embedder)
    size = settings.ingest.chunker.max_tokens
    stores: dict[str, Callable[[Path], LlamaStore]] = {ON_DISK: OnDisk, JSON: JsonStore}
    if keyword_package():
        stores[HYBRID] = Hybrid
    return {
        SHIPPED: LlamaIngestion(theirs, embedder),
        SAME_CHUNKS: LlamaIngestion(theirs, embedder, size),
        SAME_RUNTIME: LlamaIngestion(ours, embedder, size),
        SAME_RUNTIME_TUNED: LlamaIngestion(runtime_embedding(embedder, 256), embedder, size),
        **{name: LlamaIngestion(ours, embedder, size, store(work / name)) for name, store in stores.items()},
    }


def _left_out(rivals: Mapping[str, LlamaIngestion]) -> dict[str, Figure]:
    reason = "neither llama-index-retrievers-bm25 nor bm25s is installed: make bench-ingest installs them aside"
    return {} if HYBRID in rivals else {HYBRID: unmeasured(reason)}


def slice_seconds(systems: Mapping[str, Ingest], folders: Sequence[Path]) -> dict[str, list[float]]:
    """Return each system's wall time for every slice; the order turns, so that a drift of the machine meets all."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    names = list(systems)
    for turn, folder in enumerate(folders):
        for name in names if turn % 2 == 0 else reversed(names):
            seconds[name].append(timed(partial(systems[name], folder))[0])
            log.info("slice %d of %d: %s took %.1f s", turn + 1, len(folders), name, seconds[name][-1])
    return seconds


def quality(searches: Mapping[str, Search], questions: Sequence[BenchQuestion]) -> Figures:
    """Return each system's mean nDCG@10 over documents, and whether ours, dense alone, is not worse than as shipped."""
    if len(questions) < 2:
        return {"nDCG@10": unmeasured("the corpus has no questions")}
    scores = {name: [_ndcg(search(q.text, _TOP_K), q.relevant) for q in questions] for name, search in searches.items()}
    difference = paired_difference(scores[SHIPPED], scores[OURS])
    mde = minimal_detectable_effect(difference)
    decision = non_inferiority(difference, max(GatePolicy().smallest_margin, mde))
    shown = {name: mean_of(values) for name, values in scores.items()}
    return {
        "nDCG@10": shown,
        "ours_minus_llamaindex": Figure(difference.value, difference.n, difference.low, difference.high),
        "margin": single(decision.margin, "the larger of the gate's smallest margin and the MDE"),
        "mde": single(mde),
        "verdict": decision.verdict,
    }


def _ndcg(ranked: Sequence[str], relevant: Sequence[str]) -> float:
    import ir_measures

    if not ranked:
        return 0.0
    run = {"q": {name: float(len(ranked) - place) for place, name in enumerate(ranked)}}
    found = ir_measures.iter_calc([ir_measures.nDCG @ 10], {"q": dict.fromkeys(relevant, 1)}, run)
    return float(next(iter(found)).value)

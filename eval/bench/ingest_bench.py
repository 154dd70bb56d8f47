"""`make bench-ingest`: how fast documents become a searchable generation, and what an edit costs.

    python -m eval.bench ingest --chunks 20000 --out out/bench

Text (md, txt, jsonl) and pages (HTML, PDF) are reported apart. Costs of edits are shares of the full ingest's wall
time. The comparison with LlamaIndex runs on a part of the corpus, both systems side by side on the same documents.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.bench.corpora import BenchCorpus, BenchDocument, edited, text_corpus, write_corpus
from eval.bench.figures import Figure, Figures, Leaf, branch, machine, mean_of, single, table, unmeasured, write_figures
from eval.bench.footprint import bench_volume
from eval.bench.memory import resident_mb, watch_memory
from eval.bench.own import OwnIngestion, own_ingestion, timed, wall_vs_alone
from eval.bench.pages import as_pages, copy_files, public_pdfs, write_pages
from eval.bench.versus import HYBRID, ON_DISK, SAME_RUNTIME, SHIPPED, compare_with_llamaindex
from rag.errors import RagwrightError
from rag.settings import load_settings

log = logging.getLogger(__name__)

PARTS = ("text", "llamaindex", "pdf_html")
VOLUME = "volume"  # measured only where it is asked for: it takes minutes and gigabytes of disk
NOTES = (
    "ingest starts with the model loaded and ends when the new generation is live; embedding alone is the same call"
    " (sentence and token vectors) on the same windows of 256 chunks, sorted by length",
    "LlamaIndex as it ships: SentenceSplitter's defaults, sentence-transformers on torch float32 through a"
    " BaseEmbedding (llama-index-embeddings-huggingface is not installed), a document store for upserts, Qdrant"
    " in memory; nothing of it is written to disk, while ours is durable when the clock stops",
    "llamaindex_same_runtime cuts at our size and embeds with our runtime, in memory; _on_disk is the same with"
    " Qdrant's local mode on a path and the document store persisted, _hybrid_on_disk with a BM25 index of all nodes as"
    " well, _json with LlamaIndex's default stores persisted as JSON; persisting after every slice is in their times",
    "speedup_vs_llamaindex_same_runtime is against llamaindex_same_runtime_hybrid_on_disk: when the clock stops, both"
    " have left a vector and a keyword index that can be opened again; ours holds token vectors besides. Qdrant's local"
    " mode commits every point by itself, so its time depends on the disk; the JSON is not synced, ours is."
    " speedup_vs_llamaindex_same_runtime_in_memory is against the one that leaves nothing",
    "LlamaIndex's default chunks have 1,024 tokens, of which MiniLM reads 256: it embeds fewer tokens of the same"
    " documents (see tokens_embedded); llamaindex_same_chunks cuts at our size with our tokenizer and embeds it all",
    "speed-ups are wall times on the same documents, intervals over slices; nDCG@10 ranks the documents of 50 chunks",
)
SPEEDUPS = {
    "speedup_vs_llamaindex": SHIPPED,
    "speedup_vs_llamaindex_same_runtime": HYBRID,
    "speedup_vs_llamaindex_same_runtime_on_disk": ON_DISK,
    "speedup_vs_llamaindex_same_runtime_in_memory": SAME_RUNTIME,
}
"""A figure's key -> the rival that it is against."""

Write = Callable[[Sequence[BenchDocument], Path], Path]


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured. Shares are 0..1 of the corpus; `repeats` counts the runs behind the 0 % and 1 % edits."""

    chunks: int = 20_000
    parts: tuple[str, ...] = PARTS
    data: Path | None = None
    sets: tuple[str, ...] = ()
    alone_share: float = 0.25
    llama_share: float = 0.5
    slices: int = 4
    page_chunks: int = 2_000
    pdfs: int = 2
    repeats: int = 3
    gigabytes: float = 0.25
    seed: int = 0


def bench_ingest(options: Options, work: Path) -> Figures:
    """Measure the parts that the options name, in folders below `work`; parts left out are unmeasured, not 0."""
    if options.parts == (VOLUME,):
        return {VOLUME: bench_volume(options.gigabytes, options.data, work / VOLUME, options.seed), "about": machine()}
    corpus = text_corpus(options.chunks, options.data, options.sets, seed=options.seed)
    figures: dict[str, Leaf | Figures] = {}
    if "text" in options.parts:
        figures |= full_and_edits(corpus.documents, write_corpus, work / "text", options)
    figures |= _against_llamaindex(corpus, work / "llama", options)
    if "pdf_html" in options.parts:
        figures["pdf_html"] = _pages_part(corpus, work / "pages", options)
    if VOLUME in options.parts:
        figures[VOLUME] = bench_volume(options.gigabytes, options.data, work / VOLUME, options.seed)
    about = {"generated_documents": corpus.made, "documents": len(corpus.documents), "chunks_asked_for": options.chunks}
    return figures | {"about": {**machine(), **about, "notes": list(NOTES)}}


def full_and_edits(documents: Sequence[BenchDocument], write: Write, work: Path, options: Options) -> Figures:
    """Ingest documents into an empty home, then again after edits; return rates, memory and costs."""
    source = write(documents, work / "source")
    with own_ingestion(work / "home") as own:
        model_mb = resident_mb()
        with watch_memory() as peak:
            wall_s, report = timed(lambda: own.ingest(source))
        log.info("ingested %d chunks in %.1f s; next the same chunks embedded alone", report.chunks, wall_s)
        alone = wall_vs_alone(own, wall_s, options.alone_share)
        costs = _edit_costs(own, documents, write, source, wall_s, options)
    return {
        "seconds": single(wall_s),
        "documents_per_s": single(report.added / wall_s),
        "chunks": report.chunks,
        "chunks_per_s": single(report.chunks / wall_s),
        "wall_vs_embedding_alone": alone.as_ingested,
        "wall_vs_sentence_vectors_alone": alone.sentence_vectors,
        "peak_rss_mb": single(peak.mb, "this process and its workers"),
        "peak_rss_beyond_model_mb": single(peak.mb - model_mb, "over the resident set with the model loaded"),
        **costs,
    }


def _edit_costs(
    own: OwnIngestion, documents: Sequence[BenchDocument], write: Write, source: Path, full_s: float, options: Options
) -> dict[str, Figure]:
    rng = random.Random(options.seed)
    current = list(documents)
    costs: dict[str, Figure] = {}
    for percent, repeats in ((0, options.repeats), (1, options.repeats), (10, 1)):
        taken = []
        for _ in range(repeats):
            current = edited(current, percent / 100, rng)
            write(current, source)
            taken.append(timed(lambda: own.ingest(source))[0] / full_s)
        costs[f"edit_{percent}pct_cost"] = mean_of(taken)
        log.info("an edit of %d %% costs %.2f %% of the full ingest", percent, 100 * sum(taken) / len(taken))
    return costs


def _against_llamaindex(corpus: BenchCorpus, work: Path, options: Options) -> Figures:
    if "llamaindex" not in options.parts:
        return {key: unmeasured("this part was left out") for key in SPEEDUPS}
    part = corpus.head(round(options.chunks * options.llama_share))
    with own_ingestion(work / "home") as own:
        found = compare_with_llamaindex(own, part, work / "slices", options.slices)
    speedups = branch(found, "speedups")
    return {**{key: speedups[rival] for key, rival in SPEEDUPS.items()}, "llamaindex": found}


def _pages_part(corpus: BenchCorpus, work: Path, options: Options) -> Figures:
    pages = as_pages(corpus.head(options.page_chunks).documents)
    copy_files(public_pdfs(options.data, options.pdfs), work / "source")
    figures = full_and_edits(pages, write_pages, work, options)
    return {**figures, **{key: unmeasured("LlamaIndex's core reads neither PDF nor HTML") for key in SPEEDUPS}}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench ingest", description=(__doc__ or "").partition("\n")[0])
    defaults = Options()
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of ingest.json")
    parser.add_argument("--only", choices=(*PARTS, VOLUME), action="append", help="measure this part; may be repeated")
    parser.add_argument("--sets", nargs="+", default=[], help="folders below RAGWRIGHT_DATA (default: all that fit)")
    counts, shares = ("chunks", "page_chunks", "pdfs", "slices", "repeats", "seed"), ("alone_share", "llama_share")
    for name in (*counts, *shares, "gigabytes"):
        default = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = vars(parser.parse_args(argv))
    out, parts = chosen.pop("out"), tuple(chosen.pop("only") or PARTS)
    try:
        options = Options(
            parts=parts, data=load_settings().environment.data, **chosen | {"sets": tuple(chosen["sets"])}
        )
        with tempfile.TemporaryDirectory(prefix="ragwright-bench-") as work:
            figures = bench_ingest(options, Path(work))
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path = write_figures(out, "ingest", figures)
    print(table("ingest", figures))
    print(f"written: {path}")
    return 0

"""`make bench-latency`: how long retrieval takes without its model as the corpus grows, beside its rivals.

    python -m eval.bench latency --sizes 10000,100000 --clients 1,16 --out out/bench

The chunks of a golden set are ingested once and varied into corpora of each size (`eval.bench.volume`); they stay in a
folder of their own, so that a second run builds nothing. Every system answers the same questions in a process of its
own, in turns of a few questions, so that what else the machine does meets all. Model inference is measured apart.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from eval.bench.aside import Aside
from eval.bench.figures import (
    Figure,
    Figures,
    branch,
    figure_at,
    machine,
    mean_of,
    quantile_of,
    ratio_of_sums,
    single,
    table,
    unmeasured,
    write_figures,
)
from eval.bench.latency_keys import contract_latency, put_latency, size_name
from eval.bench.own import own_ingestion, settings_of, timed
from eval.bench.probe import Asked, Cold, OwnSearch, disk_mb
from eval.bench.volume import Base, Volume, base_of, fill
from eval.golden import load_golden
from eval.report.plots import Line, growth, standalone
from rag.errors import ConfigError, RagwrightError
from rag.runtime import open_runtime
from rag.types import Vectors

log = logging.getLogger(__name__)

BAR_MS = 25.0
_REMEMBERED = 256  # questions whose vectors the flow keeps
_TURN = 10  # questions that one system answers before the next has its turn
_ALL_TOKENS = 200_000  # chunks up to which every token vector is stored
_FEW_TOKENS, _EVERY_TOKEN = 16, 10**9
_DEPTHS = (10, 100)  # nodes that each half of LlamaIndex returns
NOTES = (
    "p50_ms and p95_ms are the whole `search` (generation, both retrievers, fusion, reranking with stored token"
    " vectors), its questions' vectors remembered from a first pass: no model runs; floor_ms is the model alone",
    "cold is a fresh process with its model loaded: evicted asks the system to drop the home's files from memory first",
    "LlamaIndex: QdrantVectorStore in memory, BM25Retriever and QueryFusionRetriever; each half returns as many nodes"
    " as the name says and the fusion 10; ours takes 100 of each half, fuses and reranks",
    "chunks beyond those of the golden set are variations of them; beyond 200,000 chunks 16 token vectors a chunk are"
    " stored",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured: corpora of `sizes` chunks made of at most `base_chunks` of a golden set.

    `rival_size` is the largest corpus that the rivals get, of `rival_questions` of the questions.
    """

    golden: Path = Path("corpora/demo")
    sizes: tuple[int, ...] = (10_000, 100_000)
    clients: tuple[int, ...] = (1, 16)
    base_chunks: int = 3000
    questions: int = 200
    rival_size: int = 100_000
    rival_questions: int = 40
    seed: int = 0


def bench_latency(options: Options, work: Path) -> Figures:
    """Measure every size; the corpora are kept below `work`.

    Raises:
        ConfigError: the golden set has no questions, or more are asked for than the flow remembers.
    """
    questions = _questions(options)
    work = work / options.golden.resolve().name
    base = _base(options, work)
    sizes = {size_name(size): _size(options, work, size, base, questions) for size in options.sizes}
    about: Figures = {
        **machine(),
        "golden": options.golden.name,
        "base_chunks": len(base.texts),
        "questions": len(questions),
        "notes": list(NOTES),
    }
    return {"sizes": sizes, "about": about}


def _questions(options: Options) -> list[str]:
    if options.questions > _REMEMBERED:
        raise ConfigError(f"ask for at most {_REMEMBERED} questions: the flow remembers the vectors of so many")
    cases = [case for case in load_golden(options.golden).cases if case.split != "sealed"]
    asked = list(dict.fromkeys(case.question for case in cases))[: options.questions]
    if not asked:
        raise ConfigError(f"{options.golden} has no question that is not sealed; name another golden set")
    return asked


def _base(options: Options, work: Path) -> Base:
    with own_ingestion(work / "base") as own:
        own.ingest(load_golden(options.golden).documents)
        return base_of(own, options.base_chunks)


def _size(options: Options, work: Path, size: int, base: Base, questions: Sequence[str]) -> Figures:
    home = work / f"{size}"
    found: Figures = {"chunks": size, **_built(home, base, size, options.seed), "cold": _cold(home, questions)}
    with ExitStack() as stack:
        own = stack.enter_context(Aside(OwnSearch, home))
        alone = _alone(own, size, questions, options.clients)
        log.info("%s: p95 %.1f ms", size_name(size), figure_at(alone, "p95_ms").value)
        return {**found, **alone, **_beside(stack, own, options, size, base, questions)}


def _built(home: Path, base: Base, size: int, seed: int) -> dict[str, Figure]:
    kept = _FEW_TOKENS if size > _ALL_TOKENS else _EVERY_TOKEN
    done = home / "volume.json"
    made = json.dumps({"chunks": size, "base": len(base.texts), "tokens": kept, "seed": seed})
    if done.exists() and done.read_text() == made:
        return {"disk_mb": single(disk_mb(home))}
    shutil.rmtree(home, ignore_errors=True)
    log.info("making %s chunks", size_name(size))
    with open_runtime(settings_of(home)) as runtime:
        seconds, _ = timed(lambda: fill(runtime, Volume(base, kept, seed), size))
    done.write_text(made)
    return {"fill_s": single(seconds, "without embedding"), "disk_mb": single(disk_mb(home))}


def _cold(home: Path, questions: Sequence[str]) -> Figures:
    found: dict[str, Figures] = {}
    for name, evict in (("evicted", True), ("in_page_cache", False)):
        with Aside(OwnSearch, home) as own:
            cold: Cold = own.call("cold", questions[0], evict)
        found[name] = {"open_ms": single(cold.open_ms), "first_answer_ms": single(cold.answer_ms)}
    return found


def _alone(own: Aside, size: int, questions: Sequence[str], clients: Sequence[int]) -> Figures:
    floor = own.call("floor", questions)
    before = sum(own.call("memory"))
    with_model: Asked = own.call("ask", questions, 1)
    warm: Asked = own.call("ask", questions, 1)
    vectors = own.call("vectors", questions)
    dense, keywords = own.call("dense_and_keywords", questions, vectors)
    held, mapped = own.call("memory")
    compared = own.call("compare", vectors)
    return {
        "p50_ms": quantile_of(warm.ms, 0.5),
        "p95_ms": quantile_of(warm.ms, 0.95),
        "cpu_ms": single(1000 * warm.cpu_s / len(questions), "a question, over all threads"),
        "stages": _stages(warm),
        "dense_ms": _spread(dense),
        "bm25_ms": _spread(keywords),
        "floor_ms": _spread(floor),
        "with_model_ms": _spread(with_model.ms),
        "clients": {f"{n}": _load(own.call("ask", questions, n)) for n in clients},
        "rss_mb": single(held + mapped),
        "anonymous_mb": single(held),
        "mapped_mb": single(mapped, "pages of files, which the system may drop"),
        "index_mb_per_million": single((held + mapped - before) * 1e6 / size, "beyond the process with its model"),
        "recall_at_10": mean_of([row.recall_at_10 for row in compared], "of exact search, dense"),
        "recall_at_100": mean_of([row.recall_at_100 for row in compared], "of exact search, dense"),
        "codes_ms": _spread([row.ms for row in compared]),
        "exact_ms": _spread([row.exact_ms for row in compared]),
    }


def _spread(ms: Sequence[float]) -> dict[str, Figure]:
    return {"p50": quantile_of(ms, 0.5), "p95": quantile_of(ms, 0.95)}


def _stages(asked: Asked) -> Figures:
    names = dict.fromkeys(name for stages in asked.stages for name in stages)
    return {name: _spread([stages.get(name, 0.0) for stages in asked.stages]) for name in names}


def _load(asked: Asked) -> dict[str, Figure]:
    return _spread(asked.ms) | {"questions_per_s": single(len(asked.ms) / asked.wall_s)}


def _beside(stack: ExitStack, own: Aside, options: Options, size: int, base: Base, questions: Sequence[str]) -> Figures:
    if size > options.rival_size or not options.rival_questions:
        return {"speedup_vs_llamaindex": unmeasured(f"rivals are asked up to {options.rival_size:,} chunks")}
    from eval.bench.rivals import LlamaSearch, RankBm25Search, bm25_of_llamaindex  # seconds of imports

    asked = questions[: options.rival_questions]
    vectors = own.call("vectors", asked)
    lean = Base(base.texts, base.vectors, ())
    llama = stack.enter_context(Aside(LlamaSearch, lean, size))
    build_s = llama.call("build")
    rank = stack.enter_context(Aside(RankBm25Search, lean, size))
    _in_turns(own, llama, rank, asked[:1], vectors[:1])  # whatever is made at a first question
    taken = _in_turns(own, llama, rank, asked, vectors)
    parts = llama.call("parts", asked, vectors, 10)
    crowd = llama.call("ask", asked, vectors, 10, max(options.clients))
    ours = taken["ragwright"]
    return {
        "speedup_vs_llamaindex": ratio_of_sums(taken["llamaindex_10"], ours, "10 nodes of each half"),
        "speedup_vs_llamaindex_100": ratio_of_sums(taken["llamaindex_100"], ours, "100 of each half, as ours"),
        "side_by_side_ms": {name: _spread(ms) for name, ms in taken.items()},
        "llamaindex": {
            "bm25": bm25_of_llamaindex(),
            "vector_half_ms": _spread(parts[0]),
            "keyword_half_ms": _spread(parts[1]),
            "clients": {f"{max(options.clients)}": _load(crowd)},
            "build_s": single(build_s),
            "rss_mb": single(sum(llama.call("memory"))),
        },
        "rank_bm25_rss_mb": single(sum(rank.call("memory"))),
    }


def _in_turns(own: Aside, llama: Aside, rank: Aside, asked: Sequence[str], vectors: Vectors) -> dict[str, list[float]]:
    """Return every system's ms for each question; they take turns."""
    taken: dict[str, list[float]] = {}
    for start in range(0, len(asked), _TURN):
        turn = slice(start, start + _TURN)
        taken.setdefault("ragwright", []).extend(own.call("ask", asked[turn], 1).ms)
        for depth in _DEPTHS:
            found = llama.call("ask", asked[turn], vectors[turn], depth, 1)
            taken.setdefault(f"llamaindex_{depth}", []).extend(found.ms)
        taken.setdefault("rank_bm25", []).extend(rank.call("ask", asked[turn], 100).ms)
    return taken


def plotted(sizes: Figures) -> str:
    """Return the growth of p50 and p95 with the number of chunks, and what LlamaIndex took, as an SVG file."""
    rows = sorted(((_chunks(found), found) for found in (branch(sizes, name) for name in sizes)), key=itemgetter(0))
    lines = [
        Line(label, [(chunks, _value(found, key)) for chunks, found in rows])
        for label, key in (("p95", "p95_ms"), ("p50", "p50_ms"))
    ]
    theirs = [(chunks, branch(found, "side_by_side_ms")) for chunks, found in rows]
    beside = [(chunks, _value(branch(found, "llamaindex_10"), "p50")) for chunks, found in theirs if found]
    lines += [Line("LlamaIndex p50", beside)] if beside else []
    title = "Retrieval without model inference, one client, warm"
    return standalone(growth("latency", title, lines, "chunks", "milliseconds", BAR_MS))


def _chunks(found: Figures) -> int:
    return int(str(found["chunks"]))


def _value(found: Figures, name: str) -> float:
    """Return the value of a figure that was measured."""
    value = figure_at(found, name).value
    if value is None:
        raise ValueError(f"{name} is unmeasured")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench latency", description=(__doc__ or "").partition("\n")[0])
    defaults = Options()
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of latency.json and latency.svg")
    parser.add_argument("--work", type=Path, help="where the corpora are kept (default: volumes beside latency.json)")
    parser.add_argument("--golden", type=Path, default=defaults.golden, help="the golden set that volume is made of")
    parser.add_argument("--sizes", type=_numbers, default=defaults.sizes, help="numbers of chunks: 10000,100000")
    parser.add_argument("--clients", type=_numbers, default=defaults.clients, help="numbers of clients: 1,16")
    for name in ("base_chunks", "questions", "rival_size", "rival_questions", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = vars(parser.parse_args(argv))
    out, work = chosen.pop("out"), chosen.pop("work")
    try:
        figures = bench_latency(Options(**chosen), (work or out / "volumes").resolve())
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path = write_figures(out, "latency", figures)
    path.with_suffix(".svg").write_text(plotted(branch(figures, "sizes")), encoding="utf-8")
    put_latency(out / "retrieval.json", contract_latency(path))
    print(table("latency", figures))
    print(f"written: {path}")
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in text.split(","))
    if not all(number > 0 for number in found):
        raise argparse.ArgumentTypeError(f"numbers above 0, parted by commas, not {text!r}")
    return found

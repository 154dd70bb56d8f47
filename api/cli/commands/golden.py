"""golden import, check, coverage and synthesize: sets of other tools, of one's own, and made from a corpus."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from api.cli.commands.session import open_runtime
from api.cli.output import print_json, print_text
from api.cli.progress import Advance, progress_bar
from api.errors import EXIT_DONE, EXIT_ERROR
from eval.golden import GoldenSet, load_golden
from eval.golden.coverage import coverage_json, document_use, render_coverage
from eval.golden.export import check_new, write_set
from eval.golden.imports import import_set
from eval.golden.intents import Intent, intents
from eval.golden.leakage import leaks
from eval.golden.question_log import read_traffic
from eval.golden.synthesis import Search, Synthesis, SynthesisOptions, synthesize
from eval.golden.synthesis.draft import Draft
from eval.golden.synthesis.model import model_drafts
from rag.bridge import run_sync
from rag.errors import GoldenSetError
from rag.pipeline import Request
from rag.runtime import Runtime
from rag.types import Hit

_SHOWN = 20


def import_golden(arguments: argparse.Namespace) -> int:
    """Write another tool's set as a golden-set folder and say what it could not hold."""
    golden, left_out = import_set(arguments.format, arguments.source, arguments.out, arguments.documents)
    if arguments.json:
        print_json({"set": golden.name, "cases": len(golden.cases), "sha256": golden.sha256, "left_out": left_out})
        return EXIT_DONE
    lines = [f"{arguments.out}: {len(golden.cases)} cases"]
    lines += [f"left out: {number} x {reason}" for reason, number in left_out.items()]
    print_text("\n".join(lines))
    return EXIT_DONE


def check_golden(arguments: argparse.Namespace) -> int:
    """Read a set strictly and look for questions and clusters that its splits share; exit 1 if they do.

    Raises:
        GoldenSetError: the set breaks its schema; every problem was printed.
    """
    try:
        golden = load_golden(arguments.golden)
    except GoldenSetError as error:
        if not error.problems:
            raise
        return _show_problems(error.problems, arguments)
    found = leaks(golden.cases)
    across = [leak for leak in found if leak.across]
    splits = Counter(case.split or "none" for case in golden.cases)
    unanswerable = sum(not case.answerable for case in golden.cases)
    if arguments.json:
        counts = {"cases": len(golden.cases), "unanswerable": unanswerable, "splits": dict(splits)}
        print_json({"set": golden.name, "sha256": golden.sha256, **counts, "leaks": [asdict(leak) for leak in found]})
    else:
        shown = ", ".join(f"{number} {name}" for name, number in sorted(splits.items()))
        lines = [f"{golden.name}: {len(golden.cases)} cases ({shown}), {unanswerable} unanswerable"]
        lines += [f"{'leak' if x.across else 'twice'}: {x.kind}: {x.first} and {x.second}" for x in found[:_SHOWN]]
        lines += [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        print_text("\n".join([*lines, f"{len(across)} pairs are shared between splits"]))
    return EXIT_ERROR if across else EXIT_DONE


def golden_coverage(arguments: argparse.Namespace) -> int:
    """Say which documents, sections and intents no case of a set touches."""
    golden = load_golden(arguments.golden)
    with open_runtime(arguments) as runtime:
        uses = document_use(golden, runtime.catalogue.documents(runtime.catalogue.live(arguments.corpus)))
        found = _intents(golden, arguments, runtime) if arguments.traffic else None
    coverage = coverage_json(golden, uses, found, arguments.corpus)
    if arguments.json:
        print_json(coverage)
    else:
        print_text(render_coverage(coverage))
    return EXIT_DONE


def _intents(golden: GoldenSet, arguments: argparse.Namespace, runtime: Runtime) -> list[Intent]:
    asked = [row.question for row in read_traffic(arguments.traffic)]
    similarity = {} if arguments.similarity is None else {"similarity": arguments.similarity}
    return intents(asked, golden.cases, lambda texts: runtime.embedder.embed(texts).vectors, **similarity)


def synthesize_golden(arguments: argparse.Namespace) -> int:
    """Write a golden set of questions made from a corpus, and say how many were dropped for which reason."""
    check_new(arguments.out)
    options = SynthesisOptions(arguments.n, arguments.seed, held_out=arguments.hold_out)
    with open_runtime(arguments) as runtime, progress_bar() as advance:
        made = run_sync(_synthesize(arguments, options, runtime, advance))
    golden = write_set(arguments.out, made.cases, made.documents)
    counts = Counter(case["provenance"].get("change", case["provenance"]["template"]) for case in made.cases)
    if arguments.json:
        shown = {"set": golden.name, "sha256": golden.sha256, "cases": len(made.cases), "made": dict(counts)}
        print_json(shown | {"drafts": made.drafts, "dropped": dict(made.dropped), "options": asdict(options)})
        return EXIT_DONE
    lines = [f"{arguments.out}: {len(made.cases)} synthetic cases of {made.drafts} drafts"]
    lines += [f"made: {number} x {name}" for name, number in counts.most_common()]
    lines += [f"dropped: {number} x {reason}" for reason, number in made.dropped.most_common()]
    if len(made.cases) < options.n:
        lines.append(f"The documents did not yield {options.n}; more text or --llm would.")
    if options.held_out:
        lines.append("Documents were held out: evaluate with --ingest into a corpus of its own.")
    print_text("\n".join([*lines, "A synthetic set ranks retrievers, not generators, and flatters keyword search."]))
    return EXIT_DONE


async def _synthesize(
    arguments: argparse.Namespace, options: SynthesisOptions, runtime: Runtime, advance: Advance
) -> Synthesis:
    documents = list(runtime.catalogue.documents(runtime.catalogue.live(arguments.corpus)))
    written: list[Draft] | None = None
    dropped: Counter[str] = Counter()
    if arguments.llm:
        chat = runtime.models.answering(runtime.settings.answer)
        written = await model_drafts(documents, chat, options.n, options.seed, dropped, advance)
    made = await synthesize(documents, _search(arguments.corpus, runtime), options, written, advance)
    made.dropped.update(dropped)
    return made


def _search(corpus: str, runtime: Runtime) -> Search:
    retrieval = runtime.settings.retrieval
    depth = retrieval.candidates * len(retrieval.retrievers)

    async def find(question: str) -> Sequence[Hit]:
        return (await runtime.pipeline.search(Request(question, corpus, top_k=depth))).hits

    return find


def _show_problems(problems: Sequence[str], arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json({"set": arguments.golden.name, "problems": list(problems)})
    else:
        print_text("\n".join([*problems, f"{len(problems)} problems in {arguments.golden}"]))
    return EXIT_ERROR

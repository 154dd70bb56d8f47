"""golden import, check, coverage and synthesize: sets of other tools, of one's own, and made from a corpus."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_group, add_verb, count, positive, share
from api.cli.output import print_json, print_text
from api.cli.progress import progress_bar
from api.errors import EXIT_DONE, EXIT_ERROR
from rag.errors import GoldenSetError

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from eval import Leak, SetCheck, SynthesisOptions, SyntheticSet

_SHOWN = 20


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of `golden`."""
    group = add_group(verbs, "golden", "bring in, check and make golden sets")
    bring = add_verb(group, "import", import_golden, "write another tool's set as a golden-set folder")
    bring.add_argument("format", metavar="FORMAT", help="promptfoo, ragas, beir or trec")
    bring.add_argument("source", metavar="SOURCE", type=Path, help="the file or folder of that tool")
    bring.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new folder")
    bring.add_argument(
        "--documents", metavar="PATH", type=Path, help="a folder or documents.jsonl that the set asks about"
    )
    check = add_verb(group, "check", check_golden, "read a set strictly; find what its splits share")
    check.add_argument("golden", metavar="SET", type=Path, help="a folder with questions.jsonl")
    cover = add_verb(group, "coverage", golden_coverage, "show what of a corpus, and of real questions, a set misses")
    cover.add_argument("golden", metavar="SET", type=Path, help="a folder with questions.jsonl")
    add_corpus(cover)
    cover.add_argument("--traffic", metavar="FILE", type=Path, help="real questions: JSON lines with question, or .txt")
    cover.add_argument("--similarity", metavar="S", type=share, help="from which questions are one intent (0.5)")
    make = add_verb(group, "synthesize", synthesize_golden, "make a synthetic set from a corpus's own text")
    add_corpus(make)
    make.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new folder")
    make.add_argument("--n", metavar="N", type=positive, default=200, help="cases to make (default 200)")
    make.add_argument("--seed", metavar="N", type=int, default=0, help="another seed, another draw (default 0)")
    make.add_argument(
        "--hold-out", metavar="N", type=count, default=0, help="leave N documents out of the set and ask about them"
    )
    make.add_argument("--llm", action="store_true", help="let the model that answers write the questions")


def import_golden(arguments: argparse.Namespace) -> int:
    """Write another tool's set as a golden-set folder and say what it could not hold."""
    from eval import import_set

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
        GoldenSetError: the set cannot be read at all; problems of its rows are printed.
    """
    from dataclasses import asdict

    from eval import check_set

    try:
        found = check_set(arguments.golden)
    except GoldenSetError as error:
        if not error.problems:
            raise
        return _show_problems(error.problems, arguments)
    cases = found.golden.cases
    splits = Counter(case.split or "none" for case in cases)
    unanswerable = sum(not case.answerable for case in cases)
    if arguments.json:
        about = {"set": found.golden.name, "sha256": found.golden.sha256}
        counts = {"cases": len(cases), "unanswerable": unanswerable, "splits": dict(splits)}
        leaks = [asdict(leak) | {"difference": found.difference(leak)} for leak in found.leaks]
        print_json({**about, **counts, "leaks": leaks, "notes": list(found.golden.notes)})
    else:
        shown = ", ".join(f"{number} {name}" for name, number in sorted(splits.items()))
        title = f"{found.golden.name}: {len(cases)} cases ({shown}), {unanswerable} unanswerable"
        notes = [f"note: {note}" for note in found.golden.notes]
        print_text("\n".join([title, *notes, *_leak_lines(found)]))
    return EXIT_ERROR if found.across else EXIT_DONE


def golden_coverage(arguments: argparse.Namespace) -> int:
    """Say which documents, sections and intents no case of a set touches."""
    from eval import set_coverage

    with open_runtime(arguments) as runtime:
        coverage = set_coverage(
            arguments.golden, arguments.corpus, runtime, asked=arguments.traffic, similarity=arguments.similarity
        )
    if arguments.json:
        print_json(coverage.document)
    else:
        print_text(coverage.text())
    return EXIT_DONE


def synthesize_golden(arguments: argparse.Namespace) -> int:
    """Write a golden set of questions made from a corpus, and say how many were dropped for which reason."""
    from dataclasses import asdict

    from eval import SynthesisOptions, synthesise

    options = SynthesisOptions(arguments.n, arguments.seed, held_out=arguments.hold_out)
    with open_runtime(arguments) as runtime, progress_bar() as advance:
        made = synthesise(arguments.corpus, runtime, arguments.out, options, model=arguments.llm, progress=advance)
    if arguments.json:
        about = {"set": made.golden.name, "sha256": made.golden.sha256, "cases": made.cases, "made": dict(made.made)}
        print_json(about | {"drafts": made.drafts, "dropped": dict(made.dropped), "options": asdict(options)})
    else:
        print_text("\n".join(_synthetic_lines(made, arguments.out, options)))
    return EXIT_DONE


def _leak_lines(found: SetCheck) -> list[str]:
    leaks = found.leaks
    lines = [line for leak in leaks[:_SHOWN] for line in _leak_text(leak, found)]
    lines += [f"and {len(leaks) - _SHOWN} more"] if len(leaks) > _SHOWN else []
    return [*lines, f"{len(found.across)} pairs are shared between splits"]


def _leak_text(leak: Leak, found: SetCheck) -> Iterator[str]:
    """Yield which cases share what, and where their questions differ."""
    yield f"{'leak' if leak.across else 'twice'}: {leak.kind}: {leak.first} and {leak.second}"
    if difference := found.difference(leak):
        yield f"      {difference}"


def _synthetic_lines(made: SyntheticSet, out: Path, options: SynthesisOptions) -> list[str]:
    lines = [f"{out}: {made.cases} synthetic cases of {made.drafts} drafts"]
    lines += [f"made: {number} x {name}" for name, number in made.made.most_common()]
    lines += [f"dropped: {number} x {reason}" for reason, number in made.dropped.most_common()]
    if made.cases < options.n:
        lines.append(f"The documents did not yield {options.n}; more text or --llm would.")
    if options.held_out:
        lines.append("Documents were held out: evaluate with --ingest into a corpus of its own.")
    return [*lines, "A synthetic set ranks retrievers, not generators, and flatters keyword search."]


def _show_problems(problems: Sequence[str], arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json({"set": arguments.golden.name, "problems": list(problems)})
    else:
        print_text("\n".join([*problems, f"{len(problems)} problems in {arguments.golden}"]))
    return EXIT_ERROR

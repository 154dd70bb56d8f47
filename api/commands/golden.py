"""golden import and golden check: sets of other tools, and what is wrong with a set of one's own."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict

from api.errors import EXIT_DONE, EXIT_ERROR
from api.output import print_json, print_text
from eval.golden import load_golden
from eval.imports import import_set
from eval.leakage import leaks

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
    """Read a set strictly and look for questions and clusters that its splits share; exit 1 if they do."""
    golden = load_golden(arguments.golden)
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

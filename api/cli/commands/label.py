"""label: questions that people asked become cases, by a person who says which passages answer them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_verb, positive
from api.cli.output import note, print_json, print_text
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from api.cli.grammar import Verbs


def add_verbs(verbs: Verbs) -> None:
    """Add `label`."""
    label_verb = add_verb(verbs, "label", label, "turn real questions into cases: say which passages answer them")
    label_verb.add_argument("golden", metavar="SET", type=Path, help="the set to add to; a new folder makes a new set")
    add_corpus(label_verb)
    label_verb.add_argument(
        "--from", metavar="FILE", dest="source", type=Path, help="questions that were asked: JSON lines, or .txt"
    )
    label_verb.add_argument("--top-k", metavar="N", type=positive, default=5, help="passages to show (default 5)")


def label(arguments: argparse.Namespace) -> int:
    """Ask for the label of each question and save it at once; the next session goes on where this one ends."""
    from api.cli.labeller import Labeller, QuitSession, Terminal
    from eval import open_labels, queue, read_traffic

    asked = read_traffic(arguments.source) if arguments.source else []
    terminal = Terminal(note if arguments.json else print_text)
    with open_runtime(arguments) as runtime:
        documents = list(runtime.catalogue.documents(runtime.catalogue.live(arguments.corpus)))
        with open_labels(arguments.golden, documents) as store:
            labeller = Labeller(arguments.corpus, arguments.top_k, arguments.source, runtime, store, terminal)
            waiting = queue(asked, store)
            try:
                labeller.label_all(waiting)
            except QuitSession:
                terminal.say("")
            left = sum(not store.holds(item.asked.question, item.asked.history) for item in waiting)
    if arguments.json:
        print_json({"set": str(arguments.golden), "labelled": labeller.saved, "in_set": len(store), "left": left})
    else:
        print_text(f"{labeller.saved} labelled, {len(store)} in {arguments.golden}, {left} left")
    return EXIT_DONE

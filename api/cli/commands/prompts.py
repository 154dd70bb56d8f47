"""prompts list, show, diff and lint."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from api.cli.grammar import add_group, add_verb
from api.cli.output import print_json, print_text, table
from api.errors import EXIT_DONE, EXIT_ERROR
from rag.errors import ConfigError

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from rag.prompts import PromptFiles

_QUESTION = "How long does a refund take?"
_SHOWN = {"question": "the question", "passages": "every passage", "history": "the turns before"}
_PASSAGES = ("A refund takes thirty days.", "Card refunds take five days.")


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of `prompts`."""
    group = add_group(verbs, "prompts", "list, show, compare and check prompt files")
    add_verb(group, "list", list_prompts, "list every prompt and version")
    show_verb = add_verb(group, "show", show, "show one prompt file")
    show_verb.add_argument("prompt", metavar="NAME@VERSION")
    diff_verb = add_verb(group, "diff", diff, "show what differs between two prompt files")
    diff_verb.add_argument("old", metavar="NAME@VERSION")
    diff_verb.add_argument("new", metavar="NAME@VERSION")
    add_verb(group, "lint", lint, "check every prompt file")


def list_prompts(arguments: argparse.Namespace) -> int:
    """Print every prompt and version."""
    from rag.prompts import PromptFiles

    files = PromptFiles()
    prompts = [files.get(key) for key in files.keys()]
    if arguments.json:
        rows = [{"name": p.name, "version": p.version, "description": p.description} for p in prompts]
        print_json({"prompts": rows})
    else:
        print_text(table(("PROMPT", "DESCRIPTION"), [(p.key, p.description) for p in prompts]))
    return EXIT_DONE


def show(arguments: argparse.Namespace) -> int:
    """Print one prompt's template."""
    from dataclasses import asdict

    from rag.prompts import PromptFiles

    prompt = PromptFiles().get(arguments.prompt)
    if arguments.json:
        print_json(asdict(prompt))
    else:
        print_text(f"# {prompt.key}: {prompt.description}\n{prompt.template}", end="")
    return EXIT_DONE


def diff(arguments: argparse.Namespace) -> int:
    """Print a unified diff of two templates; nothing when they are equal."""
    import difflib

    from rag.prompts import PromptFiles

    files = PromptFiles()
    old, new = files.get(arguments.old), files.get(arguments.new)
    lines = list(
        difflib.unified_diff(old.template.splitlines(), new.template.splitlines(), old.key, new.key, lineterm="")
    )
    if arguments.json:
        print_json({"old": old.key, "new": new.key, "diff": lines})
    elif lines:
        print_text("\n".join(lines))
    return EXIT_DONE


def lint(arguments: argparse.Namespace) -> int:
    """Render every prompt with a sample; exit 1 if one lacks what the flow relies on."""
    from rag.prompts import PromptFiles

    files = PromptFiles()
    found = {key: _problems(files, key) for key in files.keys()}
    if arguments.json:
        print_json({"prompts": [{"prompt": key, "problems": problems} for key, problems in found.items()]})
    else:
        print_text(table(("PROMPT", "FOUND"), [(key, "; ".join(p) or "ok") for key, p in found.items()]))
    return EXIT_ERROR if any(found.values()) else EXIT_DONE


def _problems(files: PromptFiles, key: str) -> list[str]:
    from rag.types import Context, Passage, Span, Turn

    passages = tuple(
        Passage(tag, f"{tag}.md", f"Title {tag}", "", text, (Span(0, len(text)),), 5)
        for tag, text in enumerate(_PASSAGES, start=1)
    )
    history = (Turn("user", "Do you refund?"), Turn("assistant", "Yes."))
    try:
        prompt = files.render(key, _QUESTION, Context(passages, 10, 100, "sample"), history)
    except ConfigError as error:
        return [str(error)]
    text = "\n".join(message.content for message in prompt.messages)
    inputs = files.get(key).inputs or tuple(_SHOWN)
    samples = {"question": _QUESTION, "passages": _PASSAGES[1], "history": history[0].text}
    problems = [f"does not show {_SHOWN[name]}" for name in inputs if name in samples and samples[name] not in text]
    if not prompt.messages or prompt.messages[-1].role != "user":
        problems.append("does not end with the user's message")
    return problems

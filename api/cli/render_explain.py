"""An explanation as a person reads it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from api.cli.output import fields, table
from api.cli.render import WIDTH
from rag.explain.values import Explanation, SupportChange
from rag.shapes.explain import options, reference

_SNIPPET = 240
_OUTCOMES = {True: "in the context", False: "not in the context"}


def explain_text(found: Explanation) -> str:
    """Return what became of the passage, where each stage ranked it, and what would let it in or hangs on it."""
    blocks = [_passage(found), _outcome(found), _ranks(found), *_changes(found), *_answer(found)]
    return "\n\n".join(blocks)


def _passage(found: Explanation) -> str:
    text = textwrap.shorten(found.target.text, _SNIPPET, placeholder=" …")
    return f"{found.target.title or found.target.doc_id}\n  {reference(found.target)}\n{_wrapped(f'“{text}”')}"


def _outcome(found: Explanation) -> str:
    values = {"outcome": _OUTCOMES[found.gate is None], "why": found.reason}
    if found.gate is None:
        values = {"outcome": f"{values['outcome']}, {found.share:.0%} of it", "passages": _tags(found)}
    else:
        values["removed by"] = found.gate
    return fields(values)


def _tags(found: Explanation) -> str:
    return " ".join(f"[{tag}]" for tag in found.tags)


def _ranks(found: Explanation) -> str:
    rows = [(name, at.rank if at else "-", f"{at.score:.4f}" if at else "-") for name, at in found.stages.items()]
    return table(("stage", "rank", "score"), [*rows, ("final", "-" if found.rank is None else found.rank, "")])


def _changes(found: Explanation) -> Iterator[str]:
    if found.gate is None or found.gate in ("not_ingested", "left_out"):
        return
    alone = [s for s in found.suggestions if len(s.settings) == 1]
    if not alone:
        tried = ", ".join(item.key for item in found.tried)
        yield _wrapped(f"No single setting admits it. Tried: {tried or 'nothing, for none can matter here'}.", "")
    if found.not_tried:
        yield _wrapped(f"Not tried, it would take too many runs: {', '.join(found.not_tried)}.", "")
    if found.suggestions:
        heading = "Any one of these admits it, the least disturbing first:" if alone else "Together these admit it:"
        lines = [f"  {' '.join(f'--set {option}' for option in options(s))}" for s in found.suggestions]
        width = max(map(len, lines))
        costs = [f"context of {s.tokens} tokens, {s.changed_chars} characters changed" for s in found.suggestions]
        shown = [f"{line.ljust(width)}   {cost}" for line, cost in zip(lines, costs, strict=True)]
        yield "\n".join([heading, *shown])


def _answer(found: Explanation) -> Iterator[str]:
    if found.answer is None:
        return
    if found.answer.abstained:
        yield f"No answer: {found.answer.reason}"
        return
    lost = [change for change in found.sentences if change.loses_support]
    if not lost:
        yield f"Without it none of the {len(found.sentences)} sentences of the answer loses its support."
        return
    heading = f"Without it {len(lost)} of {len(found.sentences)} sentences of the answer would lose their support:"
    yield "\n".join([heading, *(_lost(change) for change in lost)])


def _lost(change: SupportChange) -> str:
    return _wrapped(f"{change.sentence.text}  ({change.before.score:.2f} -> {change.after.score:.2f})")


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent=indent, subsequent_indent=indent)

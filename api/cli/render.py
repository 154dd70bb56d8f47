"""Results as a person reads them in a terminal; pure functions from the flow's values to text."""

from __future__ import annotations

import textwrap
from collections import Counter

from api.cli.excerpt import excerpt
from rag.retrieve.demote import BEFORE
from rag.types import Answer, Citation, ContextResult, Hit, SearchResult

WIDTH = 100
_SNIPPET = 240
_INDENT = " " * 5


def search_text(result: SearchResult, whole: bool = False) -> str:
    """Return the hits: rank, score, title and headings, place, and where each matches, or with `whole` all of it."""
    lines = steps_lines(result)
    if not result.hits:
        return "\n".join([*lines, "No hits."])
    for hit in result.hits:
        chunk = hit.chunk
        page = f" page {chunk.page}" if chunk.page is not None else ""
        lines.append(f"{hit.rank:>3}. {chunk.header or chunk.doc_id}  ({hit.score:.4f}{_demoted(hit)})")
        lines.append(f"{_INDENT}{_place(chunk.doc_id, chunk.span.start, chunk.span.end)}{page}")
        shown = _wrapped(excerpt(chunk.text, result.question, _SNIPPET))
        lines.append(textwrap.indent(chunk.text, _INDENT) if whole else shown)
    return "\n".join(lines)


def _demoted(hit: Hit) -> str:
    """Return where a hit would stand if its document were not demoted."""
    return f", demoted from {hit.stages[BEFORE].rank}" if BEFORE in hit.stages else ""


def steps_lines(result: SearchResult) -> list[str]:
    """Return a line for each query step: what it added or replaced, or why it did nothing."""
    return [f"{step.name}: {step.note or ', '.join(step.added) or 'nothing to do'}" for step in result.steps]


def context_text(result: ContextResult) -> str:
    """Return the passages with their tags, what they cost, and how much was left out for which reason."""
    context = result.context
    parts = ["\n".join(steps_lines(result.search))] if result.search.steps else []
    parts += [
        f"[{p.tag}] {p.title or p.doc_id}\n{_INDENT}{_place(p.doc_id, p.start, p.end)}\n{_wrapped(p.text)}"
        for p in context.passages
    ]
    reasons = Counter(item.reason for item in context.dropped)
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "nothing"
    parts.append(
        f"{context.tokens} of {context.budget_tokens} tokens ({context.tokenizer}); dropped: {dropped};"
        f" prompt {result.prompt.name}@{result.prompt.version}"
    )
    return "\n\n".join(parts)


def answer_text(answer: Answer) -> str:
    """Return the answer with its `[n]` markers and the quotes behind them, or why there is none."""
    steps = steps_lines(answer.context.search)
    before = "\n".join([*steps, "", ""]) if steps else ""
    if answer.abstained:
        return before + refusal_text(answer)
    after = "".join(f"\n\nnote: {warning}" for warning in answer.warnings)
    return f"{before}{marked(answer)}\n\n{sources_text(answer)}{after}"


def refusal_text(answer: Answer) -> str:
    """Return why there is no answer."""
    return f"No answer: {answer.reason or 'the corpus does not support one'}"


def marked(answer: Answer) -> str:
    """Return the answer's text with a `[n]` at the end of each sentence whose text lacks it."""
    pieces = []
    position = 0
    for sentence in answer.sentences:
        tags = sorted({citation.tag for citation in sentence.citations})
        missing = "".join(f" [{tag}]" for tag in tags if f"[{tag}]" not in sentence.text)
        pieces += [answer.text[position : sentence.end], missing]
        position = sentence.end
    return "".join([*pieces, answer.text[position:]])


def sources_text(answer: Answer) -> str:
    """Return each cited quote once, by tag and place, with its document."""
    citations = {(c.tag, c.doc_id, c.span): c for sentence in answer.sentences for c in sentence.citations}
    if not citations:
        return "No sources are cited."
    return "Sources\n" + "\n".join(_source(citations[key]) for key in sorted(citations))


def _source(citation: Citation) -> str:
    place = _place(citation.doc_id, citation.span.start, citation.span.end)
    doubt = "" if citation.support.supported else f"  (weak support: {citation.support.score:.2f})"
    quote = _wrapped(f"“{citation.quote}”")
    return f" [{citation.tag}] {citation.title or citation.doc_id}{doubt}\n{_INDENT}{place}\n{quote}"


def _place(doc_id: str, start: int, end: int) -> str:
    return f"{doc_id} [{start}:{end}]"


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)

"""Questions that a language model writes about sections, each held to the words that it quotes for it."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

from eval.golden.sections import Section, plain, sections_of
from eval.golden.synthesis.draft import Draft, place
from rag.errors import GeneratorError
from rag.llm import ChatModel, ChatRequest, text_of
from rag.prompts import PromptFiles
from rag.types import Context, Document, Passage, Span

PROMPT = "questions@1"

_CONCURRENCY = 4
_MIN_CHARS, _MAX_CHARS = 200, 4000
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_POINTING = re.compile(r"\b(?:the|this) (?:passage|text|section|document|excerpt|article)\b", re.IGNORECASE)


async def model_drafts(
    documents: Sequence[Document],
    chat: ChatModel,
    calls: int,
    seed: int,
    dropped: Counter[str],
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> list[Draft]:
    """Return the drafts of up to `calls` sections, drawn by `seed`; what is unusable is counted in `dropped`.

    Raises:
        GeneratorError: no call was answered.
    """
    rng = random.Random(seed)
    places = [(d, section) for d in documents for section in sections_of(d) if len(section.span) >= _MIN_CHARS]
    chosen = rng.sample(places, min(calls, len(places)))
    gate, prompts = asyncio.Semaphore(_CONCURRENCY), PromptFiles(files(__package__))
    failures: list[GeneratorError] = []
    done = 0

    async def ask(document: Document, section: Section) -> list[Draft]:
        nonlocal done
        passage = _passage(document, section)
        context = Context((passage,), 0, 0, "")
        async with gate:
            try:
                reply = await text_of(chat, ChatRequest(prompts.render(PROMPT, "", context).messages))
            except GeneratorError as error:
                failures.append(error)
                return []
        done += 1
        progress("ask the model", done, len(chosen))
        return list(_drafts(reply.text, document, section, passage.spans[0], dropped))

    found = await asyncio.gather(*(ask(document, section) for document, section in chosen))
    if failures and len(failures) == len(chosen):
        raise failures[0]
    if failures:
        dropped["the model did not answer"] += len(failures)
    return [draft for drafts in found for draft in drafts]


def _passage(document: Document, section: Section) -> Passage:
    span = Span(section.span.start, min(section.span.end, section.span.start + _MAX_CHARS))
    return Passage(1, document.doc_id, document.title, document.uri, document.text[span.start : span.end], (span,), 0)


def _drafts(reply: str, document: Document, section: Section, shown: Span, dropped: Counter[str]) -> Iterator[Draft]:
    for item in _items(reply):
        question, quote = item.get("question"), item.get("quote")
        if not (isinstance(question, str) and isinstance(quote, str) and question.strip() and quote.strip()):
            dropped["the model's reply has no question and quote"] += 1
            continue
        start = document.text.find(quote.strip(), shown.start, shown.end)
        if start < 0:
            dropped["the model's quote is not in the passage"] += 1
        elif _POINTING.search(question):
            dropped["the model's question points at its passage"] += 1
        else:
            where = place(document, start, start + len(quote.strip()))
            yield Draft(" ".join(question.split()), plain(where.text), (where,), f"model {PROMPT}", section.path)
    if not _items(reply):
        dropped["the model's reply is no such JSON"] += 1


def _items(reply: str) -> list[dict[str, object]]:
    """Return the questions of a reply, whatever stands around the JSON; none if it is malformed."""
    found = _OBJECT.search(reply)
    try:
        tree = json.loads(found.group()) if found else None
    except ValueError:
        return []
    listed = tree.get("questions") if isinstance(tree, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []

"""The embedded generator: it answers in the source's own sentences, each cited, and writes nothing itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.answer.answer_type import AnswerType, answer_type, holds
from rag.answer.instructions import addresses_assistant
from rag.answer.introduced import said_with
from rag.answer.lookup import narrowed
from rag.context.citations import span_texts
from rag.context.pack import JOINT
from rag.context.tags import source_brackets
from rag.context.terms import content_terms
from rag.idf import coverage, local_idf
from rag.prompts import REFUSAL
from rag.tables import cells_of, guessed, names_of, said, table_at
from rag.text import words
from rag.types import Context, Draft, Passage, Prompt, ScoredSpan, Span, Table, Taken, UnitKind, draft_of
from rag.units import units_of

# a further sentence must come this close to the best one to be said at all
_CLOSE_TO_BEST = 0.87
_TYPE_BONUS = 0.05
_TERM_WEIGHT = 0.05
_PASSAGE_WEIGHT = 0.2
_SAME = 0.7
_MARKER = re.compile(r"^(?:[-*+•>]\s+|\d{1,3}[.)]\s+)+")
_FENCED = re.compile(r"(?:^|\n)[ \t>]*(?:`{3,}|~{3,})$")
_END = re.compile(r"[.!?…:;。！？](?:[\"'”’)*_`]|\[\^?\d[^\[\]]{0,40}\])*$")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence or table row of a passage; `table` is the table that a row is of, `lines` keeps its line breaks."""

    passage: Passage
    start: int
    text: str
    kind: UnitKind
    score: float
    table: Table | None = None
    lines: bool = False

    @property
    def cells(self) -> Sequence[str]:
        """The cells of a table row; none for a sentence."""
        return cells_of(self.text) if self.kind == "row" else ()

    @property
    def heads(self) -> Sequence[str]:
        """The names of the columns that a row's cells stand in; none where its table has no head."""
        return names_of(self.table.head)[self.table.column :] if self.table else ()

    @property
    def above(self) -> str:
        """The title and headings above it."""
        return " ".join((self.passage.title, *self.headings))

    @property
    def headings(self) -> Sequence[str]:
        """The headings above this sentence, outermost first."""
        return self.passage.headings_at(self.start)

    @property
    def source(self) -> tuple[int, int]:
        """The tag of its passage, and where the heading above it begins there."""
        return self.passage.tag, self.passage.title_above(self.start)


class ExtractiveGenerator:
    """Picks the sentences and table rows that answer the question; needs no model and no network."""

    model = "extractive"

    def __init__(self, max_sentences: int) -> None:
        self._max_sentences = max_sentences

    async def generate(self, question: str, context: Context, prompt: Prompt) -> Draft:
        """Return up to `max_sentences` sentences of the context in reading order, each with its tag."""
        chosen = await asyncio.to_thread(choose, question, context, self._max_sentences)
        if not chosen:
            return Draft("", self.model, abstained=True, reason=REFUSAL)
        return draft_of(list(_taken(chosen)), self.model)

    async def stream(self, question: str, context: Context, prompt: Prompt) -> AsyncIterator[Taken]:
        """Yield the answer sentence by sentence."""
        for sentence in _taken(await asyncio.to_thread(choose, question, context, self._max_sentences)):
            yield sentence


def choose(question: str, context: Context, limit: int) -> list[_Sentence]:
    """Return the best sentences in reading order: the best one, and those that come close to it and add to it.

    What is looked up in a table is answered from its own row.
    """
    found = (_whole(sentence) for sentence in narrowed(question, statements(context)))
    usable = [sentence for sentence in found if sentence is not None]
    if not usable:
        return []
    scores = _scores(question, usable)
    ranked = sorted(range(len(usable)), key=lambda i: (-scores[i], usable[i].passage.tag, usable[i].start))
    chosen: list[int] = []
    for i in ranked:
        if len(chosen) == limit or scores[i] < _CLOSE_TO_BEST * scores[ranked[0]]:
            break
        if not any(_repeats(usable[i].text, usable[j].text) for j in chosen):
            chosen.append(i)
    return [usable[i] for i in sorted(chosen, key=lambda i: (usable[i].passage.tag, usable[i].start))]


def statements(context: Context) -> list[_Sentence]:
    """Return the sentences and table rows of a context that may be a part of an answer."""
    found = (sentence for passage in context.passages for sentence in _sentences(passage))
    return [sentence for sentence in found if _usable(sentence)]


def _whole(sentence: _Sentence) -> _Sentence | None:
    """Return a sentence with what it introduces, or the fenced block that it is a part of; None for half of one."""
    if sentence.kind != "sentence":
        return sentence
    said = Span(sentence.start, sentence.start + len(sentence.text))
    for span, text in span_texts(sentence.passage):
        if span.contains(said):
            found = said_with(text, Span(said.start - span.start, said.end - span.start))
            if found is None:
                return None
            shown = text[found.start : found.end]
            joined = found.end - found.start > len(sentence.text)
            return replace(sentence, start=found.start + span.start, text=shown, lines=joined)
    return sentence


def _scores(question: str, sentences: Sequence[_Sentence]) -> list[float]:
    """Score by closeness, by the question's terms held, by the kind of answer wanted and by the passage's rank."""
    kind: AnswerType = answer_type(question)
    held = [frozenset(content_terms(" ".join((*s.heads, s.text)))) for s in sentences]
    weights = local_idf(sorted(set(content_terms(question))), held)
    return [
        sentence.score
        + _TERM_WEIGHT * coverage(weights, terms)
        + _TYPE_BONUS * (kind != "other" and holds(kind, sentence.text, question))
        + _PASSAGE_WEIGHT / sentence.passage.tag
        for sentence, terms in zip(sentences, held, strict=True)
    ]


def _usable(sentence: _Sentence) -> bool:
    """Leave out what is no statement: headings, headers, questions, fragments, orders to the assistant."""
    if sentence.kind not in ("sentence", "row") or sentence.text.endswith("?"):
        return False
    return len(words(sentence.text)) >= 2 and not addresses_assistant(sentence.text)


def _sentences(passage: Passage) -> Iterator[_Sentence]:
    for unit, text, tables in _texts(passage):
        table = table_at(tables, unit.span) if unit.kind == "row" else None
        marker = _MARKER.match(text)
        skipped = marker.end() if marker and unit.kind == "sentence" else 0
        kind: UnitKind = "heading" if passage.is_title(unit.span.start) else unit.kind
        yield _Sentence(passage, unit.span.start + skipped, text[skipped:], kind, unit.score, table)


def _texts(passage: Passage) -> Iterator[tuple[ScoredSpan, str, tuple[Table, ...]]]:
    """Yield the units of a passage with their texts and the tables there; one without scored units scores 0."""
    position = 0
    for span in passage.spans:
        text = passage.text[position : position + len(span)]
        tables = guessed(text, span.start) if passage.tables is None else passage.tables
        inside = [unit for unit in passage.units if span.contains(unit.span)]
        for unit in inside or _split(text, span.start, tables):
            yield unit, text[unit.span.start - span.start : unit.span.end - span.start], tables
        position += len(span) + len(JOINT)


def _split(text: str, offset: int, tables: tuple[Table, ...]) -> Iterator[ScoredSpan]:
    for unit in units_of(text, offset, tables):
        yield ScoredSpan(Span(unit.span.start + offset, unit.span.end + offset), 0.0, unit.kind)


def _repeats(text: str, other: str) -> bool:
    a, b = set(content_terms(text)), set(content_terms(other))
    return len(a & b) >= _SAME * (min(len(a), len(b)) or 1)


def _taken(sentences: Sequence[_Sentence]) -> Iterator[Taken]:
    """Yield the sentences as the answer shows them, each with the place that it was taken from."""
    gap = ""
    for sentence in sentences:
        claim, tag = _readable(sentence), sentence.passage.tag
        place = Span(sentence.start, sentence.start + len(sentence.text))
        # a tag on the line of a closing fence would keep the block open
        before = "\n\n" if _FENCED.search(claim) else " "
        yield Taken(
            "\n\n" if gap and sentence.lines else gap, f"{source_brackets(claim)}{before}[{tag}]", claim, tag, place
        )
        # what ends without a full stop would run into the next sentence
        gap = " " if _END.search(claim) and not sentence.lines else "\n\n"


def _readable(sentence: _Sentence) -> str:
    """Return a sentence as one line; a table row with the names of its columns."""
    if sentence.lines:
        return sentence.text
    if sentence.kind != "row":
        return " ".join(sentence.text.split())
    return said(sentence.text, sentence.table.head if sentence.table else None, _column(sentence))


def _column(sentence: _Sentence) -> int:
    return sentence.table.column if sentence.table else 0

"""THE FLOW of synthesis: documents -> templates (or a model) -> filters -> mutations -> cases.

Every case is anchored: its gold places are the document's text to the character. The set is marked synthetic: its
questions borrow the documents' words, so it ranks retrievers, flatters keyword search, and says nothing about answers.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from eval.golden.new import NewCase
from eval.golden.sections import Section, sections_of
from eval.golden.synthesis import prose, tables
from eval.golden.synthesis.cases import case_row
from eval.golden.synthesis.draft import Draft, name_of
from eval.golden.synthesis.filters import AMBIGUOUS, MAY_BE_ANSWERED, answerability, round_trip, unambiguous
from eval.golden.synthesis.mutations import MUTATIONS
from eval.golden.synthesis.unanswerable import Lexicon, swapped
from rag.errors import ConfigError
from rag.types import Document, Hit

Search = Callable[[str], Awaitable[Sequence[Hit]]]
"""Returns the hits of a question with the rank that each first stage gave them."""

Template = Callable[[Section, Document], Iterator[Draft]]
"""Yields the questions that a section of a document lends itself to."""

TEMPLATES: dict[str, Template] = {
    "table cell": tables.table_cells,
    "heading": prose.headings,
    "definition": prose.definitions,
    "key-value": prose.key_values,
    "FAQ": prose.answered_questions,
    "list step": prose.steps,
    "statement": prose.statements,
}
"""Name, as in a case's provenance -> its function."""

_ENGLISH = ("", "en")


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """What set is wanted: `n` cases, of which shares (0..1) are `unanswerable`, and of the others `mutated`.

    Where the documents yield less, every part is smaller: the shares stay. `held_out` documents are left out of the
    set, and what they alone answer is asked as unanswerable. A question stays if a first stage finds its place among
    `top_k`.
    """

    n: int = 200
    seed: int = 0
    unanswerable: float = 0.25
    mutated: float = 0.3
    held_out: int = 0
    top_k: int = 10


@dataclass(slots=True)
class Synthesis:
    """Rows of `questions.jsonl`, the documents they are about, and how many drafts were dropped for which reason."""

    cases: list[NewCase] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    drafts: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


async def synthesize(
    documents: Iterable[Document],
    search: Search,
    options: SynthesisOptions = SynthesisOptions(),
    written: Sequence[Draft] | None = None,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> Synthesis:
    """Return a set of synthetic cases about documents; equal input gives equal output.

    `written` are a model's drafts, which then take the place of the templates' for what can be answered.

    Raises:
        ConfigError: nothing can be made of the documents, or all of them would be held out.
    """
    rng = random.Random(options.seed)
    made = Synthesis()
    held, made.documents = _split(list(documents), options.held_out, rng)
    drafts = _drafts(made.documents, made.dropped)
    asked = drafts if written is None else list(written)
    made.drafts = len(asked)
    wanted = round(options.n * (1 - options.unanswerable))
    maker = _Maker(made, search, options, rng, progress)
    bases = await maker.answerable(asked, wanted - round(wanted * options.mutated))
    if not bases:
        why = ", ".join(f"{count} x {reason}" for reason, count in made.dropped.items()) or "nothing fits a template"
        raise ConfigError(f"no question could be made of these documents ({why}); with --llm a model writes them")
    maker.mutations(bases, min(wanted - len(bases), _beside(len(bases), options.mutated)))
    refused = min(options.n - wanted, _beside(len(made.cases), options.unanswerable))
    maker.unanswerable(drafts, _drafts(held, Counter()), refused)
    return made


@dataclass(slots=True)
class _Maker:
    """Turns drafts into cases until there are enough, and counts what it drops."""

    made: Synthesis
    search: Search
    options: SynthesisOptions
    rng: random.Random
    progress: Callable[[str, int, int], None]
    questions: set[str] = field(default_factory=set)

    async def answerable(self, drafts: Sequence[Draft], wanted: int) -> list[Draft]:
        """Add cases as their templates ask them; return those drafts."""
        texts = {document.doc_id: document for document in self.made.documents}
        clear, ambiguous = unambiguous(drafts, {doc_id: name_of(document) for doc_id, document in texts.items()})
        self._drop(AMBIGUOUS, ambiguous)
        bases: list[Draft] = []
        for draft in _interleaved(clear, self.rng):
            if len(bases) >= wanted:
                break
            problem = answerability(draft, texts)
            problem = problem or round_trip(draft, await self.search(draft.question), self.options.top_k)
            if problem:
                self._drop(problem)
            elif self._add(case_row(draft, self.options.seed)):
                bases.append(draft)
                self.progress("synthesize", len(bases), wanted)
        return bases

    def mutations(self, bases: Sequence[Draft], wanted: int) -> None:
        """Add the same questions in other words, each kind of change in turn."""
        orders = [self.rng.sample(list(bases), len(bases)) for _ in MUTATIONS]
        turns = (
            (name, draft) for drafts in zip(*orders, strict=True) for name, draft in zip(MUTATIONS, drafts, strict=True)
        )
        for name, draft in turns:
            if wanted <= 0:
                break
            question = MUTATIONS[name](draft, self.rng)
            if question:
                wanted -= self._add(case_row(draft, self.options.seed, name, question))

    def unanswerable(self, drafts: Sequence[Draft], held: Sequence[Draft], wanted: int) -> None:
        """Add questions about removed documents, up to half, then about things that do not exist."""
        lexicon = Lexicon(self.made.documents)
        wanted -= self._refused(_interleaved(held, self.rng), "removed document", wanted // 2, lexicon)
        swaps = (swapped(draft, lexicon, self.rng) for draft in _interleaved(drafts, self.rng))
        self._refused((draft for draft in swaps if draft), "swapped entity", wanted, lexicon)

    def _refused(self, drafts: Iterable[Draft], change: str, wanted: int, lexicon: Lexicon) -> int:
        added = 0
        for draft in drafts:
            if added >= wanted:
                break
            if lexicon.may_answer(draft.question) or (draft.answer and lexicon.holds(draft.answer)):
                self._drop(MAY_BE_ANSWERED)
            else:
                added += self._add(case_row(draft, self.options.seed, change, answerable=False))
        return added

    def _add(self, case: NewCase) -> bool:
        if case.question in self.questions:
            self._drop("it was asked before")
            return False
        self.questions.add(case.question)
        self.made.cases.append(case)
        return True

    def _drop(self, reason: str, count: int = 1) -> None:
        if count:
            self.made.dropped[reason] += count


def _beside(others: int, share: float) -> int:
    """Return how many cases make up `share` of the whole beside the others."""
    return round(others * share / (1 - share))


def _split(documents: list[Document], held_out: int, rng: random.Random) -> tuple[list[Document], list[Document]]:
    if held_out and held_out >= len(documents):
        raise ConfigError(f"{held_out} of {len(documents)} documents cannot be held out; leave some")
    held = {document.doc_id for document in rng.sample(documents, held_out)}
    return [d for d in documents if d.doc_id in held], [d for d in documents if d.doc_id not in held]


def _drafts(documents: Iterable[Document], dropped: Counter[str]) -> list[Draft]:
    found: list[Draft] = []
    for document in documents:
        if document.metadata.get("language", "") not in _ENGLISH:
            dropped["document that is not in English"] += 1
            continue
        for section in sections_of(document):
            for template in TEMPLATES.values():
                found += template(section, document)
    return found


def _interleaved(drafts: Iterable[Draft], rng: random.Random) -> Iterator[Draft]:
    """Yield drafts by turns of template, and within a template by turns of document, so that no long table wins."""
    templates: dict[str, dict[str, list[Draft]]] = {}
    for draft in drafts:
        templates.setdefault(draft.template, {}).setdefault(draft.doc_id, []).append(draft)
    queues = []
    for by_document in templates.values():
        for queue in by_document.values():
            rng.shuffle(queue)
        order = list(by_document.values())
        rng.shuffle(order)
        queues.append(_turns(order))
    return _turns(queues)


def _turns(queues: Iterable[Iterable[Draft]]) -> Iterator[Draft]:
    return (draft for turn in zip_longest(*queues) for draft in turn if draft is not None)

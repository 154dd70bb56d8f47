"""How much of a corpus, and of what people ask, a golden set touches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eval.golden import GoldenSet, GoldSpan
from eval.golden.anchors import anchored
from eval.golden.intents import Intent
from eval.golden.sections import sections_of
from eval.stats import wilson
from rag.types import Document

_SHOWN = 15
_WIDTH = 88


@dataclass(frozen=True, slots=True)
class SectionUse:
    """How many cases have gold in a section."""

    path: str
    chars: int
    cases: int


@dataclass(frozen=True, slots=True)
class DocumentUse:
    """How many cases have gold in a document, and in each of its sections; `lost` gold is not in its text any more."""

    doc_id: str
    chars: int
    cases: int
    lost: int
    sections: tuple[SectionUse, ...]


_Use = TypeVar("_Use", DocumentUse, SectionUse)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of `n` are touched, as a share with its Wilson interval; None where there is nothing to touch."""

    value: float | None
    n: int
    touched: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class UntouchedDocument:
    """A document that no case touches."""

    doc_id: str
    chars: int


@dataclass(frozen=True, slots=True)
class UntouchedSection:
    """A section that no case touches."""

    path: str
    chars: int


@dataclass(frozen=True, slots=True)
class IntentCoverage:
    """How many intents a set covers, and how many of the questions that people asked."""

    clusters: Share
    questions: Share
    list: Sequence[Intent]


@dataclass(frozen=True, slots=True)
class SetCoverage:
    """How much of a corpus, and of what people ask, a set touches.

    `sections` is None where the set labels whole documents, `intents` where no questions were given.
    """

    set: str
    sha256: str
    corpus: str
    cases: int
    documents: Share
    untouched_documents: Sequence[UntouchedDocument]
    sections: Share | None
    untouched_sections: Sequence[UntouchedSection]
    lost_passages: int
    documents_not_in_corpus: Sequence[str]
    intents: IntentCoverage | None


def document_use(golden: GoldenSet, documents: Iterable[Document]) -> list[DocumentUse]:
    """Return the use of every document of a corpus; spans are looked up where the text has them now."""
    spans: dict[str, list[tuple[str, GoldSpan]]] = {}
    touching: Counter[str] = Counter()
    for case in golden.cases:
        touching.update(case.doc_ids)
        for gold in case.spans:
            spans.setdefault(gold.doc_id, []).append((case.id, gold))
    return [_use(document, touching[document.doc_id], spans.get(document.doc_id, [])) for document in documents]


def coverage_of(
    golden: GoldenSet, uses: Sequence[DocumentUse], intents: Sequence[Intent] | None, corpus: str
) -> SetCoverage:
    """Return shares with Wilson intervals, and what is not covered; `intents` is None where no questions were given."""
    known = {use.doc_id for use in uses}
    absent = sorted({doc_id for case in golden.cases for doc_id in case.doc_ids} - known)
    sections = [section for use in uses for section in use.sections]
    labelled = any(case.spans for case in golden.cases)
    return SetCoverage(
        set=golden.name,
        sha256=golden.sha256,
        corpus=corpus,
        cases=len(golden.cases),
        documents=_share(sum(use.cases > 0 for use in uses), len(uses)),
        untouched_documents=[UntouchedDocument(u.doc_id, u.chars) for u in _largest(uses)],
        sections=_share(sum(x.cases > 0 for x in sections), len(sections)) if labelled else None,
        untouched_sections=[UntouchedSection(s.path, s.chars) for s in _largest(sections)] if labelled else [],
        lost_passages=sum(use.lost for use in uses),
        documents_not_in_corpus=absent,
        intents=None if intents is None else _intent_coverage(intents),
    )


def render_coverage(found: SetCoverage) -> str:
    """Return the coverage as a person reads it: shares with intervals, then what is missing, the largest first."""
    lines = [f"{found.set} ({found.cases} cases) on corpus {found.corpus}"]
    lines.append(f"documents touched  {_figure(found.documents)}")
    if found.sections:
        lines.append(f"sections touched   {_figure(found.sections)}")
    if found.intents:
        lines.append(f"intents covered    {_figure(found.intents.clusters)}")
        lines.append(f"questions covered  {_figure(found.intents.questions)}")
    if found.lost_passages:
        lines.append(f"{found.lost_passages} gold passages are not in the corpus's text any more")
    if found.documents_not_in_corpus:
        lines.append(f"gold documents that the corpus does not hold: {', '.join(found.documents_not_in_corpus)}")
    lines += _listed("Documents that no case touches", [(d.chars, d.doc_id) for d in found.untouched_documents])
    lines += _listed("Sections that no case touches", [(s.chars, s.path) for s in found.untouched_sections])
    lines += _intent_lines(found.intents)
    return "\n".join(lines)


def _use(document: Document, cases: int, gold: Sequence[tuple[str, GoldSpan]]) -> DocumentUse:
    placed = [(case_id, anchored(span, document.text)) for case_id, span in gold]
    here = [(case_id, span.span) for case_id, span in placed if not span.lost]
    sections = tuple(
        SectionUse(
            section.path,
            len(section.span),
            len({case_id for case_id, span in here if span.overlaps(section.span)}),
        )
        for section in sections_of(document)
    )
    return DocumentUse(document.doc_id, len(document.text), cases, len(placed) - len(here), sections)


def _largest(uses: Iterable[_Use]) -> list[_Use]:
    untouched = [use for use in uses if not use.cases]
    return sorted(untouched, key=lambda use: -use.chars)


def _share(touched: int, n: int) -> Share:
    if not n:
        return Share(None, 0, 0, None, None)
    estimate = wilson(touched, n)
    return Share(estimate.value, n, touched, estimate.low, estimate.high)


def _intent_coverage(intents: Sequence[Intent]) -> IntentCoverage:
    covered = [intent for intent in intents if intent.covered]
    questions = _share(sum(i.asked for i in covered), sum(i.asked for i in intents))
    return IntentCoverage(_share(len(covered), len(intents)), questions, intents)


def _figure(share: Share) -> str:
    if share.value is None:
        return "none to touch"
    return f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]  {share.touched} of {share.n}"


def _listed(title: str, items: Sequence[tuple[int, str]]) -> Iterator[str]:
    if items:
        yield f"\n{title} ({len(items)}, characters):"
        yield from (f"{chars:>8}  {name}" for chars, name in items[:_SHOWN])
    if len(items) > _SHOWN:
        yield f"          and {len(items) - _SHOWN} more (--json lists all)"


def _intent_lines(intents: IntentCoverage | None) -> Iterator[str]:
    missing = [intent for intent in intents.list if not intent.covered] if intents else []
    if missing:
        yield f"\nIntents that no case is near ({len(missing)}, times asked; similarity of the nearest case):"
    for intent in missing[:_SHOWN]:
        near = f"({intent.nearest} {intent.similarity:.2f})"
        yield f"{intent.asked:>8}  {intent.examples[0][:_WIDTH]}  {near}"
        yield from (f"{'':>10}{example[:_WIDTH]}" for example in intent.examples[1:3])
    if len(missing) > _SHOWN:
        yield f"          and {len(missing) - _SHOWN} more (--json lists all)"

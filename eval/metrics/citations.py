"""Citation metrics: are quotes real, do they support their sentences, do they point at gold."""

from __future__ import annotations

from eval.metrics.base import Metric, Unmeasured, Value, not_applicable
from eval.metrics.ranges import shared, size, union
from eval.metrics.spans import gold_characters
from eval.observation import Observation, Range, SupportFinding
from rag.types import Citation


def citations(seen: Observation) -> list[Citation]:
    """Return the citations of an answer in reading order."""
    return [citation for sentence in seen.sentences for citation in sentence.citations]


def citation_validity() -> Metric:
    """Share of citations whose quote equals the document's clean text at `[start, end)`, 0..1."""

    def compute(seen: Observation) -> Value:
        made = _made(seen)
        if isinstance(made, Unmeasured):
            return made
        if seen.evidence.cited is None:
            return Unmeasured("the documents were not at hand")
        equal = [citation.quote == text for citation, text in zip(made, seen.evidence.cited, strict=True)]
        return sum(equal) / len(equal)

    return Metric("citation_validity", "citations", "share of quotes that equal the document's text", compute)


def citation_recall() -> Metric:
    """Share of sentences that have a citation and are supported by their citations together (ALCE), 0..1.

    Gao et al. 2023, https://arxiv.org/abs/2305.14627
    """

    def compute(seen: Observation) -> Value:
        findings = _findings(seen)
        if isinstance(findings, Unmeasured):
            return findings
        return sum(bool(found.alone) and found.joint for found in findings) / len(findings)

    meaning = "share of sentences that their citations together support"
    return Metric("citation_recall", "citations", meaning, compute, self_reported=True)


def citation_precision() -> Metric:
    """Share of citations of a supported sentence that are not irrelevant (ALCE), 0..1.

    A citation is irrelevant when it does not support the sentence alone while the others still do.
    """

    def compute(seen: Observation) -> Value:
        findings = _findings(seen)
        if isinstance(findings, Unmeasured):
            return findings
        needed = [
            found.joint and (alone or not without)
            for found in findings
            for alone, without in zip(found.alone, found.without, strict=True)
        ]
        return sum(needed) / len(needed) if needed else not_applicable("the answer cites nothing")

    meaning = "share of citations that their sentence needs"
    return Metric("citation_precision", "citations", meaning, compute, self_reported=True)


def gold_citation_precision() -> Metric:
    """Share of citations that overlap a gold span, or lie in a gold document where gold is documents, 0..1."""

    def compute(seen: Observation) -> Value:
        if not seen.case.doc_ids:
            return not_applicable("the case has no gold")
        made = _made(seen)
        return made if isinstance(made, Unmeasured) else sum(_hits_gold(item, seen) for item in made) / len(made)

    return Metric("gold_citation_precision", "citations", "share of citations that overlap gold", compute)


def gold_citation_recall() -> Metric:
    """Share of gold characters inside the cited ranges, 0..1; 0 for an answer without citations."""

    def compute(seen: Observation) -> Value:
        gold = gold_characters(seen)
        if isinstance(gold, Unmeasured):
            return gold
        if not seen.answer:
            return not_applicable("nothing was answered")
        cited = [Range(item.doc_id, item.span.start, item.span.end) for item in citations(seen)]
        return shared(gold, union(cited)) / size(gold)

    return Metric("gold_citation_recall", "citations", "share of gold characters that the answer cites", compute)


def _made(seen: Observation) -> list[Citation] | Unmeasured:
    return citations(seen) or not_applicable("the answer cites nothing" if seen.answer else "nothing was answered")


def _findings(seen: Observation) -> tuple[SupportFinding, ...] | Unmeasured:
    if not seen.sentences:
        return not_applicable("nothing was answered")
    return Unmeasured("no verifier was asked") if seen.evidence.findings is None else seen.evidence.findings


def _hits_gold(citation: Citation, seen: Observation) -> bool:
    if not seen.case.spans:
        return citation.doc_id in seen.case.doc_ids
    return any(gold.doc_id == citation.doc_id and gold.span.overlaps(citation.span) for gold in seen.case.spans)

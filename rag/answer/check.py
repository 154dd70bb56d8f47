"""The check stage: a draft -> its sentences, every citation resolved to source characters and verified."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag.boxes import boxes_of
from rag.context.citations import CitedSentence, CitedText, Located, cite, cite_taken, locate, located_at
from rag.context.tags import Repeat, repeats, without_repeats
from rag.ports import ReadDocument, Verifier
from rag.prompts import REFUSAL
from rag.telemetry import Spans
from rag.types import Block, Citation, ContextResult, CutReason, Draft, Passage, Sentence, Support, Turn

LONGEST_CLAIM = 5_000
"""Characters of a written sentence beyond which nothing is taken for its proof."""

CUT_SHORT: Mapping[CutReason, str] = {
    "length": "the model reached max_output_tokens before its answer ended; the sentence that broke off is left out",
    "content_filter": "the endpoint's content filter ended the answer early; the sentence that broke off is left out",
}
"""What is said of an answer that broke off."""

_ENDED = re.compile(r"[.!?…。！？][\"'”’)*_`\]]*$")
_UNPROVEN = Support(0.0, False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence, a passage that it cites, the place there that supports it best, and how well it does."""

    sentence: CitedSentence
    passage: Passage
    place: Located
    support: Support

    @property
    def doc_id(self) -> str:
        """The document of the passage."""
        return self.passage.doc_id


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of a draft: its text and sentences, or an abstention without either."""

    draft: Draft
    text: str = ""
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks the citations of drafts."""

    verifier: Verifier

    async def checked(
        self,
        draft: Draft,
        passages: Sequence[Passage],
        history: Sequence[Turn],
        blocks: Mapping[str, Sequence[Block]],
        spans: Spans,
    ) -> Checked:
        """Return the draft's checked sentences; `blocks` says where the quotes of documents with pages stand."""
        draft = _refused(await asyncio.to_thread(_finished, draft))
        if draft.abstained:
            return Checked(draft)
        with spans.stage("verify"):
            cited = await cited_text(draft, passages, history, self.verifier)
            if not cited.sentences:  # tags and nothing else
                return Checked(_abstained(draft))
            found = await verified(cited, passages, self.verifier)
            return Checked(draft, cited.text, await asyncio.to_thread(checked_sentences, cited, found, blocks))


def blocks_with_boxes(result: ContextResult, read: ReadDocument) -> dict[str, tuple[Block, ...]]:
    """Return the blocks of the passages' documents that have pages; a document whose hits have no boxes is not read."""
    boxed = {hit.chunk.doc_id for hit in result.search.hits if hit.chunk.boxes}
    plain = {hit.chunk.doc_id for hit in result.search.hits} - boxed
    return {doc_id: read(doc_id).blocks for doc_id in {item.doc_id for item in result.context.passages} - plain}


async def cited_text(
    draft: Draft, passages: Sequence[Passage], history: Sequence[Turn], verifier: Verifier
) -> CitedText:
    """Return the draft's sentences with their tags.

    Sentences taken from passages know theirs. What a model wrote is searched for tags; one that also stands at the same
    words in a passage or an earlier answer may have been copied from there, and counts only where its passage supports
    the sentence.
    """
    if draft.taken:
        return cite_taken(draft.taken)
    by_tag = {passage.tag: passage for passage in passages}
    cited = await asyncio.to_thread(cite, draft.text, by_tag.keys())
    copied = await asyncio.to_thread(
        repeats, cited.text, [passage.text for passage in passages], [turn.text for turn in history]
    )
    refused = await _unsupported(cited, copied, by_tag, verifier)
    if not refused:
        return cited
    return await asyncio.to_thread(lambda: cite(without_repeats(cited.text, refused), by_tag.keys()))


async def verified(cited: CitedText, passages: Sequence[Passage], verifier: Verifier) -> list[Finding]:
    """Return a finding for each sentence and each passage that it cites, in order."""
    by_tag = {passage.tag: passage for passage in passages}
    return await _findings([(sentence, by_tag[tag]) for sentence in cited.sentences for tag in sentence.tags], verifier)


def checked_sentences(
    cited: CitedText, found: Sequence[Finding], blocks: Mapping[str, Sequence[Block]]
) -> tuple[Sentence, ...]:
    """Return the sentences with their citations; `blocks` says where the quotes of documents with pages stand."""
    citations: dict[int, list[Citation]] = {}
    for item in found:
        citations.setdefault(item.sentence.start, []).append(_citation(item, blocks.get(item.doc_id, ())))
    return tuple(
        Sentence(cited.text[s.start : s.end], s.start, s.end, tuple(citations.get(s.start, ())), s.claim)
        for s in cited.sentences
    )


def _finished(draft: Draft) -> Draft:
    """Return a draft that was cut off without the sentence in the middle of which that happened."""
    if draft.cut is None or not draft.text or draft.taken:
        return draft
    cited = cite(draft.text, range(1, 1000))
    last = cited.sentences[-1] if cited.sentences else None
    if last is None or _ENDED.search(last.claim):
        return draft
    text = cited.text[: last.start].rstrip()
    return replace(draft, text=text) if text else replace(_abstained(draft), reason=CUT_SHORT[draft.cut])


def _refused(draft: Draft) -> Draft:
    """Turn a draft without text, or one that is the refusal the prompt asks for, into an abstention."""
    if draft.abstained or (draft.text.strip() and REFUSAL not in draft.text):
        return draft
    return _abstained(draft)


def _abstained(draft: Draft) -> Draft:
    return replace(draft, text="", abstained=True, reason=REFUSAL, taken=())


def _citation(found: Finding, blocks: Sequence[Block]) -> Citation:
    p, place = found.passage, found.place
    boxes = boxes_of(blocks, place.span.start, place.span.end)
    return Citation(p.tag, p.doc_id, p.title, p.uri, place.span, place.quote, found.support, boxes)


async def _unsupported(
    cited: CitedText, copied: Sequence[Repeat], passages: Mapping[int, Passage], verifier: Verifier
) -> list[Repeat]:
    """Return the repeated tags whose passage does not support their sentence."""
    if not copied:
        return []
    owners = _sentences_at(cited.sentences, [repeat.start for repeat in copied])
    wanted = [(sentence, passages[repeat.tag]) for sentence, repeat in zip(owners, copied, strict=True)]
    found = await _findings(wanted, verifier)
    return [repeat for repeat, item in zip(copied, found, strict=True) if not item.support.supported]


def _sentences_at(sentences: Sequence[CitedSentence], starts: Sequence[int]) -> list[CitedSentence]:
    """Return the sentence of each position; both are in order."""
    found = []
    i = 0
    for start in starts:
        while sentences[i].end <= start:
            i += 1
        found.append(sentences[i])
    return found


async def _findings(wanted: Sequence[tuple[CitedSentence, Passage]], verifier: Verifier) -> list[Finding]:
    """Locate and verify; equal claims of the same evidence are asked once."""
    places = await asyncio.to_thread(_places, wanted)
    claims = [(sentence.claim, place.evidence) for (sentence, _), place in zip(wanted, places, strict=True)]
    asked = dict.fromkeys(
        claim for claim, (sentence, _) in zip(claims, wanted, strict=True) if _may_be_proven(sentence)
    )
    found = dict(zip(asked, await verifier.verify(list(asked)), strict=True))
    return [
        Finding(sentence, passage, place, found.get(claim, _UNPROVEN))
        for (sentence, passage), place, claim in zip(wanted, places, claims, strict=True)
    ]


def _places(wanted: Sequence[tuple[CitedSentence, Passage]]) -> list[Located]:
    known: dict[tuple[str, int], Located] = {}
    places = []
    for sentence, passage in wanted:
        key = sentence.claim, passage.tag
        if sentence.span is not None:
            places.append(located_at(sentence.span, passage))
        else:
            known[key] = known.get(key) or locate(sentence.claim, passage)
            places.append(known[key])
    return places


def _may_be_proven(sentence: CitedSentence) -> bool:
    return sentence.span is not None or len(sentence.claim) <= LONGEST_CLAIM

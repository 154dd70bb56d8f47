"""Claims with evidence and a label, to measure verifiers by: public label sets, and lies planted in golden sets.

The planted ones are made of the documents of golden sets and of the demo, which no verifier is trained on. A document
belongs to one split: thresholds are chosen on `dev` and figures are reported on `select`.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.bench.held_lies import HELD_LIES
from eval.bench.lies import LIES, Source, names_in
from eval.bench.truths import TRUTHS
from rag.text import sentences

CHOSEN, REPORTED = "dev", "select"
TRUE = "true"
_PER_KIND = {CHOSEN: 100, REPORTED: 205}  # lies of each kind
_TRUE = {CHOSEN: 600, REPORTED: 800}
_RARE = ("unit", "date")
_CHARS = (40, 260)
_EVIDENCE_CHARS = 600
_DOCUMENTS = ("chroma_chunking", "clapnq", "doc2dial", "mtrag_un", "multihop_hotpotqa", "scifact", "vendor_docs_qa")
_TEXT_CHARS = 60_000
_SAMPLED = 1200  # documents of a set


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, evidence, whether it supports the claim, and the kind of lie (`true` for none)."""

    claim: str
    evidence: str
    supported: bool
    kind: str = TRUE
    split: str = REPORTED
    cluster: str = ""


def summedits(data: Path) -> list[Claim]:
    """Return edited summaries with their texts; an edit may be true."""
    contexts = {row["context_id"]: row["text"] for row in _rows(data / "summedits" / "contexts.jsonl")}
    return [
        Claim(
            row["response"], contexts[row["context_id"]], row["label"] == "supported", row["domain"], REPORTED,
            row["context_id"],
        )
        for row in _rows(data / "summedits" / "labels.jsonl")
    ]  # fmt: skip


def begin_wow(data: Path) -> list[Claim]:
    """Return replies of dialogue models with the sentence that they were given; generic ones are left out."""
    return [
        Claim(row["response"], row["context"], row["label"] == "Fully attributable")
        for row in _rows(data / "begin_wow" / "labels.jsonl")
        if row["label"] != "Generic"
    ]


def planted(data: Path, demo: Path, seed: int = 11) -> list[Claim]:
    """Return lies of every kind and true claims, by the same documents."""
    rng = random.Random(seed)
    passages = list(_passages(data, demo))
    rng.shuffle(passages)
    names = [name for _, texts in passages for text in texts for name in names_in(text)]
    everything = [text for _, texts in passages for text in texts if _fits(text)]
    kinds = {**LIES, **HELD_LIES}
    taken: Counter[tuple[str, str]] = Counter()
    claims = []
    for document, texts in passages:
        split = CHOSEN if zlib.crc32(document.encode()) % 2 else REPORTED
        places = [i for i, text in enumerate(texts) if _fits(text)]
        rare = [place for place in places if any(LIES[kind](Source(texts, place), rng) for kind in _RARE)]
        for place in dict.fromkeys((*rare, *rng.sample(places, min(4, len(places))))):
            few = [rng.choice(names) for _ in range(12)]
            source = Source(texts, place, few, [rng.choice(everything) for _ in range(4)])
            for claim in _claims_of(source, kinds, rng):
                most = (_TRUE if claim.kind == TRUE else _PER_KIND)[split]
                if taken[claim.kind, split] < most:
                    taken[claim.kind, split] += 1
                    claims.append(Claim(*claim_fields(claim), split, document))
    return claims


def claim_fields(claim: Claim) -> tuple[str, str, bool, str]:
    """Return what a claim says, without where it is from."""
    return claim.claim, claim.evidence, claim.supported, claim.kind


def _claims_of(source: Source, kinds: Mapping[str, object], rng: random.Random) -> Iterator[Claim]:
    """Yield one lie of the sentence, rare kinds before others, and one true claim."""
    common = {"misattributed", "frankenquote", "padded"}
    order = sorted(kinds, key=lambda kind: ((kind in common) - (kind in _RARE), rng.random()))
    beside = evidence_of(source)
    for kind in order:
        lie = {**LIES, **HELD_LIES}[kind](source, rng)
        if lie is not None and lie not in beside:
            yield Claim(lie, beside, False, kind)
            if rng.random() < 0.5:  # noqa: PLR2004
                break
    kind = rng.choice(list(TRUTHS))
    truth = TRUTHS[kind](source, rng) or source.text
    yield Claim(truth, evidence_of(source, whole=kind == "joined"), True, TRUE)


def evidence_of(source: Source, whole: bool = False) -> str:
    """Return the sentence between its neighbours, as far as they fit."""
    first, last = source.place, source.place + 1
    size = len(source.text)
    for _ in range(3 if whole else 1):
        if last < len(source.texts) and size + len(source.texts[last]) <= _EVIDENCE_CHARS:
            size, last = size + len(source.texts[last]), last + 1
        if first > 0 and size + len(source.texts[first - 1]) <= _EVIDENCE_CHARS:
            size, first = size + len(source.texts[first - 1]), first - 1
    return " ".join(source.texts[first:last])


def _passages(data: Path, demo: Path) -> Iterator[tuple[str, list[str]]]:
    for name, text in _documents(data, demo):
        for start in range(0, len(text), 4_000):
            part = text[start : start + 4_000]
            found = [" ".join(part[span.start : span.end].split()) for span in sentences(part)][1:-1]
            if len(found) > 2:  # noqa: PLR2004
                yield name, found


def _documents(data: Path, demo: Path) -> Iterator[tuple[str, str]]:
    for folder in _DOCUMENTS:
        file = data / folder / "documents.jsonl"
        if file.is_file():
            rows = list(_rows(file))
            for row in random.Random(5).sample(rows, min(_SAMPLED, len(rows))):
                yield f"{folder}/{row['doc_id']}", row["text"][:_TEXT_CHARS]
        for path in sorted((data / folder / "docs").rglob("*.md")):
            yield f"{folder}/{path.name}", path.read_text(encoding="utf-8")[:_TEXT_CHARS]
    for path in sorted(demo.rglob("*.md")):
        yield f"demo/{path.name}", path.read_text(encoding="utf-8")


def _fits(text: str) -> bool:
    plain = text[:1].isupper() and text[-1:] in ".!" and not set(text) & set("|[]<>{}#`*")
    return plain and _CHARS[0] <= len(text) <= _CHARS[1] and len(text.split()) > 6  # noqa: PLR2004


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def counts(claims: Sequence[Claim]) -> dict[str, int]:
    """Return how many claims there are of each kind."""
    return dict(Counter(claim.kind for claim in claims))

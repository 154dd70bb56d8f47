"""From `[n]` tags in an answer back to the exact source range that supports each sentence; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.context.pack import JOINT
from rag.context.terms import content_terms
from rag.text import sentences, words
from rag.types import Passage, Span
from rag.units import Unit, units_of

_LARGEST_TAG = 999
_LONGEST_RANGE = 50
_NUMBER_LIST = r"\d{1,6}(?:\s*[-–]\s*\d{1,6})?"
_TAG = re.compile(rf"\[\s*({_NUMBER_LIST}(?:\s*[,;]\s*{_NUMBER_LIST})*)\s*\](?!\(|:\s*\S+:)")
# brackets in here are not citations: code, links, addresses
_OPAQUE = re.compile(
    r"""```.*?(?:```|\Z) | ~~~.*?(?:~~~|\Z) | `[^`\n]*` | !?\[[^\]\n]*\]\([^)\n]*\) | \b[a-z][a-z0-9+.-]*://[^\s<>]+""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_STOP = re.compile(r"[.!?…。！？][\"'”’)*_]*\s*$")
_SECOND_SENTENCE_GAIN = 0.15


@dataclass(frozen=True, slots=True)
class TagGroup:
    """One bracket of tags at `[start, end)` of an answer, its ranges expanded, in order of mention."""

    start: int
    end: int
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of an answer at `[start, end)`, tags included; `claim` is its text without them."""

    start: int
    end: int
    claim: str
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CitedText:
    """An answer without unknown tags, its sentences, and the unknown tags that were removed."""

    text: str
    sentences: tuple[CitedSentence, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """The source range that best supports a claim; `quote` is the document's text there.

    `evidence` is what a verifier should read: the quote and what it cannot be read without (a table's header row,
    the sentence it leans on, the title).
    """

    span: Span
    quote: str
    evidence: str


def tag_groups(text: str) -> list[TagGroup]:
    """Find `[1]`, `[1, 3]` and `[1-3]` outside code, links and addresses; numbers above 999 are not tags."""
    opaque = [match.span() for match in _OPAQUE.finditer(text) if not _TAG.fullmatch(match.group())]
    groups = []
    for match in _TAG.finditer(text):
        tags = _expand(match.group(1))
        if tags and not any(start <= match.start() < end for start, end in opaque):
            groups.append(TagGroup(match.start(), match.end(), tags))
    return groups


def cite(text: str, known: Collection[int]) -> CitedText:
    """Split an answer into sentences with their tags; tags that no passage has are taken out and reported."""
    text, unknown = _without_unknown(text.strip(), known)
    groups = tag_groups(text)
    spans = _sentence_spans(text, groups)
    found = []
    for span in spans:
        inside = [group for group in groups if span.start <= group.start < span.end]
        tags = tuple(dict.fromkeys(tag for group in inside for tag in group.tags))
        found.append(CitedSentence(span.start, span.end, _claim(text, span, inside), tags))
    return CitedText(text, tuple(found), unknown)


def locate(claim: str, passage: Passage) -> Located:
    """Find the range of the passage that best supports a claim.

    A literal quotation gives exactly that range. Otherwise it is the unit that shares most of the claim's words,
    widened by its neighbour where that adds at least 15 % of them.
    """
    pieces = list(span_texts(passage))
    for span, text in pieces:
        quoted = _find_quote(claim, text)
        if quoted is not None:
            return _located(passage, span, text, quoted)
    _, span, text, best = max(
        ((score, span, text, part) for span, text in pieces for score, part in _best_parts(claim, text)),
        key=lambda found: (found[0], -found[1].start, -found[3].start),
    )
    return _located(passage, span, text, best)


def span_texts(passage: Passage) -> Iterator[tuple[Span, str]]:
    """Yield the spans of a passage, each with its text."""
    position = 0
    for span in passage.spans:
        yield span, passage.text[position : position + len(span)]
        position += len(span) + len(JOINT)


def _expand(listing: str) -> tuple[int, ...]:
    tags: list[int] = []
    for item in re.split(r"\s*[,;]\s*", listing):
        first, *rest = (int(number) for number in re.split(r"\s*[-–]\s*", item))
        last = rest[0] if rest else first
        if not 0 <= last - first <= _LONGEST_RANGE or last > _LARGEST_TAG:
            return ()
        tags += range(first, last + 1)
    return tuple(dict.fromkeys(tags))


def _without_unknown(text: str, known: Collection[int]) -> tuple[str, tuple[int, ...]]:
    unknown: list[int] = []
    pieces = []
    position = 0
    for group in tag_groups(text):
        strangers = [tag for tag in group.tags if tag not in known]
        if not strangers:
            continue
        unknown += strangers
        rest = [tag for tag in group.tags if tag in known]
        before = text[position : group.start]
        pieces.append(before + "".join(f"[{tag}]" for tag in rest) if rest else before.rstrip(" "))
        position = group.end
    return "".join([*pieces, text[position:]]), tuple(dict.fromkeys(unknown))


def _sentence_spans(text: str, groups: Sequence[TagGroup]) -> list[Span]:
    """Cut into sentences as if the tags were not there; tags between two sentences belong to the first."""
    masked = text
    for group in groups:
        masked = masked[: group.start] + " " * (group.end - group.start) + masked[group.end :]
    starts = sorted({span.start for span in sentences(masked)} | set(_starts_after_tags(masked, groups)))
    if not starts:
        return []
    edges = [0, *(_line_start(text, start, groups) for start in starts[1:]), len(text)]
    return [Span(a, a + len(text[a:b].rstrip())) for a, b in pairwise(edges)]


def _starts_after_tags(masked: str, groups: Sequence[TagGroup]) -> Iterator[int]:
    """Yield where a sentence starts because the tags before it follow a full stop."""
    for group in groups:
        rest = masked[group.end :].lstrip()
        if rest and not rest[0].islower() and _STOP.search(masked, 0, group.start):
            yield len(masked) - len(rest)


def _line_start(text: str, start: int, groups: Sequence[TagGroup]) -> int:
    """Move the start of a sentence before tags that open its line."""
    line = text.rfind("\n", 0, start) + 1
    leading = [group.start for group in groups if line <= group.start < start]
    return leading[0] if line and leading and not text[line : leading[0]].strip() else start


def _claim(text: str, span: Span, groups: Sequence[TagGroup]) -> str:
    pieces = []
    position = span.start
    for group in groups:
        pieces.append(text[position : group.start].rstrip())
        position = group.end
    pieces.append(text[position : span.end])
    return "".join(pieces).strip()


def _find_quote(claim: str, text: str) -> Span | None:
    bare = claim.strip().strip("\"'“”‘’").strip()
    if not bare:
        return None
    start = text.find(bare)
    if start >= 0:
        return Span(start, start + len(bare))
    tokens = words(bare)
    if len(tokens) < 3:
        return None
    pattern = r"[\W_]+".join(re.escape(token) for token in tokens)
    match = re.search(rf"(?<![^\W_]){pattern}(?![^\W_])", text, re.IGNORECASE)
    return Span(*match.span()) if match else None


def _best_parts(claim: str, text: str) -> Iterator[tuple[float, Span]]:
    """Yield the best unit of a text, or the best with its neighbour, with its share of the claim's terms."""
    wanted = set(content_terms(claim)) or set(words(claim))
    every = units_of(text)
    units = [unit for unit in every if unit.kind != "rule"]
    held = [set(content_terms(_with_header(text, u, every))) for u in units]
    shares = [len(wanted & terms) / (len(wanted) or 1) + 0.01 / (1 + len(terms)) for terms in held]
    best = max(range(len(units)), key=lambda i: (shares[i], -i))
    yield shares[best], units[best].span
    for other in (best - 1, best + 1):
        if 0 <= other < len(units):
            both = len(wanted & (held[best] | held[other])) / (len(wanted) or 1)
            if both >= shares[best] + _SECOND_SENTENCE_GAIN:
                first, last = sorted((units[best].span, units[other].span))
                yield both, Span(first.start, last.end)


def _with_header(text: str, unit: Unit, units: Sequence[Unit]) -> str:
    """Return a unit's text; a table row's with its header's, which a claim about the row repeats."""
    needed = [units[i] for i in unit.needs] if unit.kind == "row" else []
    return " ".join(_unit_text(text, item) for item in (*needed, unit))


def _located(passage: Passage, span: Span, text: str, part: Span) -> Located:
    quote = text[part.start : part.end]
    return Located(Span(span.start + part.start, span.start + part.end), quote, _evidence(passage, quote))


def _evidence(passage: Passage, quote: str) -> str:
    pieces = [passage.title, *passage.headings, *_needed(passage, quote), quote]
    return "\n".join(dict.fromkeys(piece for piece in pieces if piece))


def _needed(passage: Passage, quote: str) -> list[str]:
    """Return the texts of the units that the quoted units lean on (a header row, the sentence before)."""
    text = "\n".join(piece for _, piece in span_texts(passage))
    units = units_of(text)
    start = text.find(quote)
    touched = [unit for unit in units if unit.span.start < start + len(quote) and unit.span.end > start >= 0]
    return [_unit_text(text, units[j]) for unit in touched for j in unit.needs if units[j].kind != "rule"]


def _unit_text(text: str, unit: Unit) -> str:
    return text[unit.span.start : unit.span.end]

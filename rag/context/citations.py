"""From `[n]` tags in an answer back to the exact source range that supports each sentence; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.context.pack import JOINT
from rag.context.tags import TagGroup, retagged, tag_groups
from rag.context.terms import content_terms
from rag.text import sentences, word_spans, words
from rag.types import Passage, Span, Taken
from rag.units import Unit, units_of

_STOPS, _CLOSERS = frozenset(".!?…。！？"), frozenset("\"'”’)*_")
_SECOND_SENTENCE_GAIN = 0.15
_LONGEST_ANSWER = 50_000
_MOST_TAGS = 400  # each is located in its passage and verified
_CUT = " …"


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of an answer at `[start, end)`, tags included; `claim` is its text without them.

    `span` is the place that it was taken from, in the document of the one passage that it is tagged with. None: a model
    wrote the sentence, and its places must be found.
    """

    start: int
    end: int
    claim: str
    tags: tuple[int, ...]
    span: Span | None = None


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


def cite(text: str, known: Collection[int]) -> CitedText:
    """Split what a model wrote into sentences with their tags; tags that no passage has are taken out and reported.

    So are tags beyond the first 400, and of a text of more than 50,000 characters the rest: more is no answer, and
    checking it would keep everybody waiting.
    """
    text, unknown = _without_unknown(_not_too_long(text.strip()), known)
    groups = tag_groups(text)
    found = []
    first = 0
    for span in _sentence_spans(text, groups):
        last = first
        while last < len(groups) and groups[last].start < span.end:
            last += 1
        inside, first = groups[first:last], last
        tags = tuple(dict.fromkeys(tag for group in inside for tag in group.tags))
        found.append(CitedSentence(span.start, span.end, _claim(text, span, inside), tags))
    return CitedText(text, tuple(found), unknown)


def cite_taken(taken: Sequence[Taken]) -> CitedText:
    """Return the answer that sentences taken from passages make; their text is never searched for tags."""
    found = []
    pieces: list[str] = []
    position = 0
    for sentence in taken:
        start, position = position + len(sentence.gap), position + len(sentence.gap) + len(sentence.text)
        pieces += (sentence.gap, sentence.text)
        found.append(CitedSentence(start, position, sentence.claim, (sentence.tag,), sentence.span))
    return CitedText("".join(pieces), tuple(found), ())


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


def located_at(span: Span, passage: Passage) -> Located:
    """Return a range that a sentence was taken from, with what a verifier should read.

    Raises:
        ValueError: the range is not within one span of the passage.
    """
    for whole, text in span_texts(passage):
        if whole.contains(span):
            return _located(passage, whole, text, Span(span.start - whole.start, span.end - whole.start))
    raise ValueError(f"passage {passage.tag} does not hold the characters [{span.start}, {span.end})")


def span_texts(passage: Passage) -> Iterator[tuple[Span, str]]:
    """Yield the spans of a passage, each with its text."""
    position = 0
    for span in passage.spans:
        yield span, passage.text[position : position + len(span)]
        position += len(span) + len(JOINT)


def _not_too_long(text: str) -> str:
    return text if len(text) <= _LONGEST_ANSWER else text[:_LONGEST_ANSWER].rstrip() + _CUT


def _without_unknown(text: str, known: Collection[int]) -> tuple[str, tuple[int, ...]]:
    unknown: list[int] = []
    kept = 0

    def shown(group: TagGroup) -> str:
        nonlocal kept
        rest = [tag for tag in group.tags if tag in known][: max(0, _MOST_TAGS - kept)]
        kept += len(rest)
        unknown.extend(tag for tag in group.tags if tag not in known)
        whole = len(rest) == len(group.tags)
        return text[group.start : group.end] if whole else "".join(f"[{tag}]" for tag in rest)

    cleaned = retagged(text, tag_groups(text), shown)
    return cleaned, tuple(dict.fromkeys(unknown))


def _sentence_spans(text: str, groups: Sequence[TagGroup]) -> list[Span]:
    """Cut into sentences as if the tags were not there; tags between two sentences belong to the first."""
    masked = _masked(text, groups)
    starts = sorted({span.start for span in sentences(masked)} | set(_starts_after_tags(text, groups)))
    if not starts:
        return []
    ends = [group.end for group in groups]
    edges = [0, *(_line_start(text, start, groups, ends) for start in starts[1:]), len(text)]
    return [Span(a, a + len(text[a:b].rstrip())) for a, b in pairwise(edges)]


def _masked(text: str, groups: Sequence[TagGroup]) -> str:
    pieces: list[str] = []
    position = 0
    for group in groups:
        pieces += (text[position : group.start], " " * (group.end - group.start))
        position = group.end
    return "".join([*pieces, text[position:]])


def _starts_after_tags(text: str, groups: Sequence[TagGroup]) -> Iterator[int]:
    """Yield where a sentence starts because the tags before it follow a full stop."""
    first = 0
    for i, group in enumerate(groups):
        if i + 1 < len(groups) and not text[group.end : groups[i + 1].start].strip():
            continue
        start = _skip(text, group.end)
        if start < len(text) and not text[start].islower() and _stops_before(text, groups[first].start):
            yield start
        first = i + 1


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _stops_before(text: str, position: int) -> bool:
    """Say whether a full stop comes before a position, but for white space and what closes around it."""
    while position and text[position - 1].isspace():
        position -= 1
    while position and text[position - 1] in _CLOSERS:
        position -= 1
    return position > 0 and text[position - 1] in _STOPS


def _line_start(text: str, start: int, groups: Sequence[TagGroup], ends: Sequence[int]) -> int:
    """Move the start of a sentence before the tags that open its line."""
    first = _back(text, start)
    i = bisect_right(ends, first) - 1
    opening = start
    while i >= 0 and ends[i] == first:
        opening = groups[i].start
        first = _back(text, opening)
        i -= 1
    return opening if first and text[first - 1] == "\n" else start


def _back(text: str, position: int) -> int:
    while position and text[position - 1] in " \t":
        position -= 1
    return position


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
    return _same_words(words(bare), text)


def _same_words(tokens: Sequence[str], text: str) -> Span | None:
    """Return where these words stand in a text one after the other, whatever is between them and however written."""
    if len(tokens) < 3:
        return None
    spans = word_spans(text)
    line = f" {' '.join(text[start:end].lower() for start, end in spans)} "
    found = line.find(f" {' '.join(tokens)} ")
    if found < 0:
        return None
    first = line.count(" ", 0, found)
    return Span(spans[first][0], spans[first + len(tokens) - 1][1])


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
    quoted = Span(span.start + part.start, span.start + part.end)
    return Located(quoted, text[part.start : part.end], _evidence(passage, quoted, text[part.start : part.end]))


def _evidence(passage: Passage, quoted: Span, quote: str) -> str:
    pieces = [passage.title, *passage.headings, *_needed(passage, quoted), quote]
    return "\n".join(dict.fromkeys(piece for piece in pieces if piece))


def _needed(passage: Passage, quoted: Span) -> list[str]:
    """Return the texts of the units that the quoted units lean on (a header row, the sentence before)."""
    pieces = list(span_texts(passage))
    text = "\n".join(piece for _, piece in pieces)
    units = units_of(text)
    # where the quote stands among the pieces, which a line break parts
    start = next(
        quoted.start - span.start + sum(len(before) + 1 for before, _ in pieces[:i])
        for i, (span, _) in enumerate(pieces)
        if span.contains(quoted)
    )
    touched = [unit for unit in units if unit.span.start < start + len(quoted) and unit.span.end > start]
    return [_unit_text(text, units[j]) for unit in touched for j in unit.needs if units[j].kind != "rule"]


def _unit_text(text: str, unit: Unit) -> str:
    return text[unit.span.start : unit.span.end]

"""What tells whether evidence supports a claim: words, numbers, names, negation and order; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from rag.context.terms import STOP_WORDS, content_terms
from rag.text import sentences, words

_NUMBER = re.compile(
    r"(?<![\w.])[-+]?\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?(?![\w])|(?<!\w)\d+(?=[a-z%°]{1,4}\b)", re.IGNORECASE
)
_NAME = re.compile(r"\b(?:[A-Z][\w]*(?:['’.-]\w+)*|\w*\d\w*[A-Za-z]\w*|[A-Za-z]\w*[-_.]\d[\w.]*|[A-Za-z]+\d+)")
_NEGATION = frozenset(
    "no not never none neither nor nobody nothing nowhere without cannot can't won't isn't aren't wasn't weren't don't "
    "doesn't didn't hasn't haven't hadn't shouldn't wouldn't couldn't mustn't unable fail failed fails lack lacks "
    "refused refuse denied deny except unless".split()
)
_OPPOSITES = tuple(
    (frozenset(left.split()), frozenset(right.split()))
    for left, right in (
        (
            "increase increases increased rise rises rose raised grew higher more up above gain over",
            "decrease decreases decreased fall falls fell reduced drop dropped lower less fewer down below loss under",
        ),
        ("before earlier prior until", "after later following since"),
        ("always every all each must required mandatory", "never sometimes some optional may"),
        ("first earliest oldest minimum least", "last latest newest maximum most"),
        (
            "enable enabled enables on allow allows allowed permits include includes open opens start starts",
            "disable disabled disables off forbid forbids forbidden block blocks exclude excludes close stop stops",
        ),
        (
            "accept accepted accepts agree agreed agrees win won pass passed",
            "reject rejected rejects refuse refused disagree lose lost fail failed",
        ),
        ("buy bought import send sent give gave", "sell sold export receive received take took"),
        ("true same both", "false different neither only"),
        ("north west left inside", "south east right outside"),
    )
)
_WORDS_AS_NUMBERS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve".split(),
        (str(n) for n in range(13)),
        strict=True,
    )
)


def claim_features(claim: str, evidence: str) -> dict[str, float]:
    """Return every feature of a claim and its evidence by name, each 0..1."""
    wanted, held = content_terms(claim), content_terms(evidence)
    known = frozenset(held)
    nearest = _nearest(claim, evidence)
    return {
        "covered": _share(wanted, known),
        "covered_by_sentence": _share(wanted, frozenset(content_terms(nearest))),
        "pairs": _share(_pairs(wanted), frozenset(_pairs(held))),
        "order": _common_subsequence(wanted, held) / (len(wanted) or 1),
        "numbers_missing": float(bool(missing_numbers(claim, evidence))),
        "units_changed": float(_units_changed(claim, evidence)),
        "names_missing": _share_missing(missing_names(claim, evidence), _names(claim)),
        "negation_differs": float(_negated(claim) != _negated(nearest)),
        "opposite": float(_opposite(claim, nearest, evidence)),
        "length": min(1.0, len(wanted) / 40),
    }


def is_verbatim(claim: str, evidence: str) -> bool:
    """Say whether the claim's words stand in the evidence in this order with nothing between; case is ignored."""
    tokens = words(claim)
    if not tokens:
        return False
    return f" {' '.join(tokens)} " in f" {' '.join(words(evidence))} "


def negates(claim: str, evidence: str) -> bool:
    """Say whether the claim denies the sentences that hold all of its words, or leaves out their negation.

    Example:
        >>> negates("Open the kiln above 90 degrees.", "Never open the kiln above 90 degrees Celsius.")
        True
    """
    if _NEGATION.isdisjoint(words(f"{claim} {evidence}")):
        return False
    if is_verbatim(claim, evidence):  # only what stands before it in its clause can turn it
        quote = re.compile(r"\b" + r"[\W_]+".join(map(re.escape, words(claim))) + r"\b", re.IGNORECASE)
        before = [re.split(r"[.!?:;\n]", evidence[: match.start()])[-1] for match in quote.finditer(evidence)]
        return bool(before) and all(map(_negated, before))
    wanted = frozenset(content_terms(" ".join(word for word in words(claim) if word not in _NEGATION)))
    texts = [evidence[span.start : span.end] for span in sentences(evidence)]
    holding = [text for text in texts if wanted and wanted <= frozenset(content_terms(text))]
    return bool(holding) and all(_negated(text) != _negated(claim) for text in holding)


def missing_numbers(claim: str, evidence: str) -> list[str]:
    """Return the numbers of the claim that the evidence does not hold, in figures."""
    known = frozenset(_numbers(evidence))
    return [number for number in _numbers(claim, spelled=False) if number not in known]


def missing_names(claim: str, evidence: str) -> list[str]:
    """Return the names and identifiers of the claim of which the evidence lacks a word."""
    known = frozenset(words(evidence)) | frozenset(content_terms(evidence))
    return [
        name for name in _names(claim) if not known.issuperset(words(name)) and not known & set(content_terms(name))
    ]


def _numbers(text: str, spelled: bool = True) -> list[str]:
    found = [_plain(match.group()) for match in _NUMBER.finditer(text)]
    return found + [_WORDS_AS_NUMBERS[w] for w in words(text) if w in _WORDS_AS_NUMBERS] if spelled else found


def _plain(number: str) -> str:
    bare = re.sub(r"(?:st|nd|rd|th)$", "", number.lower().lstrip("+"))
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", bare):
        bare = bare.replace(",", "")
    return re.sub(r"\.0+$", "", bare)


def _names(text: str) -> list[str]:
    """Return capitalised words and identifiers, those that only open a sentence left out unless seen elsewhere."""
    openers = {span.start for span in sentences(text)}
    found = []
    for match in _NAME.finditer(text):
        word = match.group()
        ordinary = match.start() in openers and word[1:].islower()
        if not ordinary and word.lower() not in STOP_WORDS and not word.isdigit():
            found.append(word)
    return found


def _units_changed(claim: str, evidence: str) -> bool:
    """Say whether a number that both hold counts something else in the evidence."""
    there = _counted(evidence)
    return any(number in there and not nouns & there[number] for number, nouns in _counted(claim).items() if nouns)


def _counted(text: str) -> dict[str, set[str]]:
    tokens = re.findall(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|%", text)
    found: dict[str, set[str]] = {}
    for i, token in enumerate(tokens):
        if token[0].isdigit():
            found.setdefault(_plain(token), set()).update(content_terms(" ".join(tokens[i + 1 : i + 3])))
    return found


def _nearest(claim: str, evidence: str) -> str:
    wanted = frozenset(content_terms(claim))
    texts = [evidence[span.start : span.end] for span in sentences(evidence)] or [""]
    return max(texts, key=lambda text: (len(wanted.intersection(content_terms(text))), -len(text)))


def _negated(text: str) -> bool:
    return sum(word in _NEGATION for word in words(text)) % 2 == 1


def _opposite(claim: str, nearest: str, evidence: str) -> bool:
    """Say whether the claim turns a word of its nearest sentence into its opposite."""
    said, near, known = set(words(claim)), set(words(nearest)), set(words(evidence))
    for left, right in _OPPOSITES:
        for ours, theirs in ((left, right), (right, left)):
            if (said & ours) - known and near & theirs - said:
                return True
    return False


def _pairs(terms: Sequence[str]) -> list[str]:
    return [f"{a} {b}" for a, b in zip(terms, terms[1:], strict=False)]


def _share(wanted: Sequence[str], known: Collection[str]) -> float:
    return sum(item in known for item in wanted) / len(wanted) if wanted else 0.0


def _share_missing(missing: Sequence[str], names: Sequence[str]) -> float:
    return len(missing) / len(names) if names else 0.0


def _common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by the bit-parallel method of Hyyrö (2004)."""
    if not a or not b:
        return 0
    places: dict[str, int] = {}
    for i, term in enumerate(a):
        places[term] = places.get(term, 0) | (1 << i)
    full = (1 << len(a)) - 1
    row = full
    for term in b:
        matches = row & places.get(term, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(a) - row.bit_count()

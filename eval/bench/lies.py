"""Planted lies: a true sentence with one thing changed, so that its source no longer supports it; `LIES` names them.

A lie is made by rule from words that are there, so a checker that only looks for odd style has nothing to find.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rag.text import sentences

_NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:,\d{3})+(?![\w,])|(?<![\w.,-])\d+(?:\.\d+)?(?![\w]|[.,]\d)")
_YEAR = re.compile(r"\b(?:1[5-9]\d\d|20\d\d)\b")
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_SPELLED = "two three four five six seven eight nine ten eleven twelve".split()
_UNITS = tuple(
    group.split()
    for group in (
        "second minute hour day week month year decade",
        "seconds minutes hours days weeks months years decades",
        "KB MB GB TB",
        "kilobytes megabytes gigabytes terabytes",
        "km miles metres meters feet yards inches centimetres centimeters kilometres kilometers millimetres",
        "kg pounds grams tonnes tons ounces kilograms milligrams",
        "mg g ml mcg",
        "percent points dollars euros people",
        "EUR USD GBP CHF",
        "Celsius Fahrenheit Kelvin",
        "thousand million billion trillion",
    )
)
_OPPOSITES = tuple(
    pair.split("/")
    for pair in (
        "increase/decrease increases/decreases increased/decreased increasing/decreasing rise/fall rises/falls "
        "rose/fell "
        "higher/lower highest/lowest high/low more/less above/below over/under before/after earlier/later early/late "
        "first/last oldest/newest older/newer old/new maximum/minimum largest/smallest larger/smaller large/small "
        "greater/lesser enable/disable enables/disables enabled/disabled include/exclude includes/excludes "
        "included/excluded open/close opens/closes opened/closed accept/reject accepts/rejects accepted/rejected "
        "win/lose wins/loses won/lost buy/sell bought/sold import/export send/receive sends/receives sent/received "
        "north/south northern/southern east/west eastern/western left/right inside/outside internal/external "
        "start/end starts/ends started/ended begin/finish began/finished join/leave joined/left gain/loss "
        "improve/worsen improves/worsens improved/worsened strong/weak stronger/weaker fast/slow faster/slower "
        "best/worst better/worse positive/negative public/private common/rare male/female men/women "
        "husband/wife father/mother son/daughter brother/sister allow/forbid allows/forbids allowed/forbidden "
        "agree/disagree agreed/disagreed success/failure succeeded/failed true/false upper/lower long/short "
        "longer/shorter easy/difficult cheap/expensive free/paid hot/cold warm/cool light/dark rich/poor "
        "add/remove adds/removes added/removed install/uninstall support/oppose supported/opposed input/output "
        "increases/reduces increase/reduce increased/reduced upgrade/downgrade online/offline manual/automatic"
    ).split()
)
_QUANTIFIERS = tuple(
    pair.split("/")
    for pair in (
        "all/some all/few some/all most/few many/few few/many every/no each/no none/all both/neither always/never "
        "always/sometimes never/often often/rarely usually/rarely sometimes/always several/all only/not_only "
        "at_least/at_most at_most/at_least more_than/less_than less_than/more_than up_to/at_least mostly/rarely "
        "half/all entire/partial any/no majority/minority fully/partly completely/partly must_all/may"
    ).split()
)
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|can|will|should|must|does|did|has|have|had|may|could|would)\b(?! (?:not|n't|no|never)\b)"
)
_NOT = re.compile(r"(?<=\w)(?:n't|n’t)\b| not\b| never\b")
_NAME = re.compile(r"\b[A-Z][\w’'-]*(?: (?:of |the |de |and )?[A-Z][\w’'-]*)*")
_CUT = re.compile(
    r"(?:,)? (?=(?:in|on|at|for|with|by|from|to|after|before|during|because|when|while|which|who|that|is|are|was|were|"
    r"has|have|had|can|will|must|and|but|or|as|into|between|through|until|if|unless) )"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a sentence stands: the sentences of its passage in order, and its place among them.

    `names` and `elsewhere` are names and sentences of other passages.
    """

    texts: Sequence[str]
    place: int
    names: Sequence[str] = ()
    elsewhere: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The sentence."""
        return self.texts[self.place]


Lie = Callable[[Source, random.Random], str | None]
"""Returns the changed sentence, or None where there is nothing of that kind to change."""


def number(source: Source, rng: random.Random) -> str | None:
    """Change a quantity: 30 -> 45, 1,200 -> 1,900, three -> five."""
    text = source.text
    found = [m for m in _NUMBER.finditer(text) if not _YEAR.fullmatch(m.group())]
    spelled = list(re.finditer(rf"\b(?:{'|'.join(_SPELLED)})\b", text))
    if not found and not spelled:
        return None
    match = rng.choice(found or spelled)
    if match.group() in _SPELLED:
        return _put(text, match, rng.choice([word for word in _SPELLED if word != match.group()]))
    return _put(text, match, _other_number(match.group(), rng))


def date(source: Source, rng: random.Random) -> str | None:
    """Change a year, a month or a day of the week."""
    text = source.text
    found = [*_YEAR.finditer(text), *re.finditer(rf"\b(?:{'|'.join((*_MONTHS, *_DAYS))})\b", text)]
    if not found:
        return None
    match = rng.choice(found)
    word = match.group()
    if word.isdigit():
        return _put(text, match, str(int(word) + rng.choice([-20, -10, -7, -3, -2, -1, 1, 2, 3, 5, 10, 12])))
    return _put(text, match, rng.choice([other for other in (_MONTHS if word in _MONTHS else _DAYS) if other != word]))


def unit(source: Source, rng: random.Random) -> str | None:
    """Change what a number counts: 30 days -> 30 weeks, 4 GB -> 4 TB."""
    found = []
    for group in _UNITS:
        counted = re.compile(rf"(?<=\d )(?:{'|'.join(group)})\b|(?:(?<=\d)|(?<=\d-))(?:{'|'.join(group)})\b")
        found += [(match, group) for match in counted.finditer(source.text)]
    if not found:
        return None
    match, group = rng.choice(found)
    return _put(source.text, match, rng.choice([other for other in group if other != match.group()]))


def entity(source: Source, rng: random.Random) -> str | None:
    """Put another name in the place of a name, half of the time one of the same passage."""
    found = [match for match in _NAME.finditer(source.text) if match.start() > 0]
    if not found:
        return None
    match = rng.choice(found)
    near = [name for text in source.texts for name in names_in(text) if _differs(name, source.text)]
    pool = near if near and rng.random() < 0.5 else [name for name in source.names if _differs(name, source.text)]
    size = len(match.group().split())
    alike = [name for name in pool if len(name.split()) == size] or pool
    return _put(source.text, match, rng.choice(alike)) if alike else None


def direction(source: Source, rng: random.Random) -> str | None:
    """Turn a word into its opposite: before/after, increase/decrease."""
    return _turned(source.text, _OPPOSITES, rng)


def negation(source: Source, rng: random.Random) -> str | None:
    """Deny the sentence, or take its denial away."""
    text = source.text
    denied = _NOT.search(text)
    if denied:
        return text[: denied.start()] + text[denied.end() :]
    found = list(_AUXILIARY.finditer(text))
    if not found:
        return None
    return _put(text, found[0], f"{found[0].group()} {rng.choice(['not', 'not', 'never'])}")


def quantifier(source: Source, rng: random.Random) -> str | None:
    """Change how many or how often: all/some, at least/at most, always/never."""
    pairs = [[side.replace("_", " ") for side in pair] for pair in _QUANTIFIERS]
    found = [(m, other) for word, other in pairs for m in re.finditer(rf"\b{word}\b", source.text, re.IGNORECASE)]
    if not found:
        return None
    match, other = rng.choice(found)
    return _put(source.text, match, other.capitalize() if match.group()[0].isupper() else other)


def frankenquote(source: Source, rng: random.Random) -> str | None:
    """Join the beginning of one sentence and the end of another: each fragment is true, the whole is not."""
    others = [text for i, text in enumerate(source.texts) if i != source.place]
    if not others:
        return None
    head, tail = _cuts(source.text), [(text, cut) for text in others for cut in _cuts(text)]
    if not head or not tail:
        return None
    start = rng.choice(head)
    text, end = rng.choice(tail)
    joined = source.text[: start.start()] + " " + text[end.end() :]
    return None if joined in (source.text, text) or source.text[start.end() :] == text[end.end() :] else joined


def padded(source: Source, rng: random.Random) -> str | None:
    """Add to the sentence the end of one that stands elsewhere; only where the collection has such sentences."""
    tails = [(text, cut) for text in rng.sample(source.elsewhere, min(4, len(source.elsewhere))) for cut in _cuts(text)]
    if not tails:
        return None
    text, cut = rng.choice(tails)
    return f"{source.text.rstrip('. ')} {text[cut.end() :]}"


def misattributed(source: Source, rng: random.Random) -> str | None:
    """Return another sentence of the passage: true, and not what the evidence without it says."""
    others = [text for i, text in enumerate(source.texts) if abs(i - source.place) > 1]
    return rng.choice(others) if others else None


LIES: Mapping[str, Lie] = {
    "number": number,
    "date": date,
    "unit": unit,
    "entity": entity,
    "direction": direction,
    "negation": negation,
    "quantifier": quantifier,
    "misattributed": misattributed,
    "frankenquote": frankenquote,
    "padded": padded,
}


def names_in(text: str) -> list[str]:
    """Return the names of a text, those that open a sentence left out."""
    openers = {span.start for span in sentences(text)}
    return [match.group() for match in _NAME.finditer(text) if match.start() not in openers]


def _cuts(text: str) -> list[re.Match[str]]:
    """Return the places between two phrases, away from both ends."""
    return [m for m in _CUT.finditer(text) if len(text[: m.start()].split()) >= 2 and len(text[m.end() :].split()) >= 3]


def _turned(text: str, pairs: Sequence[Sequence[str]], rng: random.Random) -> str | None:
    both = [(a, b) for a, b in pairs] + [(b, a) for a, b in pairs]
    found = [(match, other) for word, other in both for match in re.finditer(rf"\b{word}\b", text, re.IGNORECASE)]
    if not found:
        return None
    match, other = rng.choice(found)
    return _put(text, match, other.capitalize() if match.group()[0].isupper() else other)


def _differs(name: str, text: str) -> bool:
    return name not in text and text.find(name.split()[-1]) < 0


def _put(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _other_number(number: str, rng: random.Random) -> str:
    value = float(number.replace(",", ""))
    digits = len(number.partition(".")[2])
    for factor in rng.sample([0.1, 0.5, 0.7, 0.8, 1.2, 1.3, 1.5, 2, 3, 10], 10):
        changed = round(value * factor + rng.choice([0, 1, 2]), digits)
        text = f"{changed:,.{digits}f}" if "," in number else f"{changed:.{digits}f}"
        if text != number and changed > 0:
            return text
    return f"{value + 1:.{digits}f}"

"""Two kinds of planted lies that no model of ours was trained on: written after the training data was frozen."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from eval.bench.lies import Lie, Source, names_in

_QUANTITY = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w.,-]*\w)")
_MODALS = {
    "may": "must",
    "might": "will certainly",
    "can": "must",
    "could": "had to",
    "should": "need not",
    "must": "may",
    "will": "may",
    "need to": "may",
    "required to": "free to",
    "optional": "mandatory",
    "mandatory": "optional",
    "recommended": "prohibited",
    "allowed": "required",
    "possible": "certain",
    "likely": "certain",
    "probably": "certainly",
}


def exchanged(source: Source, rng: random.Random) -> str | None:
    """Let two names or two numbers of the sentence change places: every word stays, the statement does not."""
    text = source.text
    names = [name for name in dict.fromkeys(names_in(text)) if text.count(name) == 1]
    numbers = [number for number in dict.fromkeys(_QUANTITY.findall(text)) if text.count(number) == 1]
    pools = [pool for pool in (names, numbers) if len(pool) > 1]
    if not pools:
        return None
    first, second = rng.sample(rng.choice(pools), 2)
    if first in second or second in first or _listed(text, first, second):
        return None
    return re.sub(
        f"{re.escape(first)}|{re.escape(second)}", lambda match: second if match.group() == first else first, text
    )


def modality(source: Source, rng: random.Random) -> str | None:
    """Turn what may be into what must be, and the other way round."""
    found = [
        (match, other) for word, other in _MODALS.items() for match in re.finditer(rf"\b{word}\b(?! not)", source.text)
    ]
    if not found:
        return None
    match, other = rng.choice(found)
    return source.text[: match.start()] + other + source.text[match.end() :]


def _listed(text: str, first: str, second: str) -> bool:
    """Say whether both stand in one enumeration, where their order says nothing."""
    start, end = sorted((text.index(first), text.index(second)))
    between = text[start:end].removeprefix(first).removeprefix(second)
    return bool(re.fullmatch(r"(?:[\s,;&/-]|and|or|to|\b[A-Z]\w*\b)*", between))


HELD_LIES: Mapping[str, Lie] = {"exchanged": exchanged, "modality": modality}

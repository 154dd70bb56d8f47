"""The same question asked otherwise: `MUTATIONS` maps a name to its function; the gold places stay."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from eval.golden.synthesis.draft import Draft

Mutation = Callable[[Draft, random.Random], str | None]
"""Returns the question in other words, or None where it does not apply."""

_LONG_WORD = re.compile(r"\b[A-Za-z][a-z]{4,}\b")
_QUOTED = re.compile(r"(“[^”]*”)")
_MANY = r"^How many (.+) does (.+) have\?$"
_FRAMES = (
    (r"^What should I do about (.+)$", r"How do I deal with \1"),
    (r"^What should I know about (.+)$", r"What is there to know about \1"),
    (r"^What does (“.+?”) say about (.+)$", r"What can I read in \1 on \2"),
    (r"^What does (.+) mean\?$", r"What is the meaning of \1?"),
    (r"^What is meant by (.+)$", r"What do you understand by \1"),
    (r"^What stands under (“.+?”) for (.+)$", r"What is given as \1 for \2"),
    (r"^What (?:is|are) the (.+?) of (.+)\?$", r"Tell me the \1 of \2."),
    (_MANY, r"What is the number of \1 for \2?"),
    (r"^Which step follows (“.+?”) in (.+)$", r"What do I do after \1 in \2"),
    (r"^Can you explain (.+)$", r"Could you tell me \1"),
    (r"^How do I (.+)$", r"What is the way to \1"),
)
_WORDS = {
    "afterwards": "later", "allowed": "permitted", "at least": "no less than", "at most": "no more than",
    "begin": "start", "buy": "purchase", "cause": "reason", "changed": "altered", "choose": "select",
    "computer": "machine", "computers": "machines", "delete": "remove", "deleted": "removed",
    "doctor": "physician", "fee": "charge", "folder": "directory", "folders": "directories",
    "kept": "retained", "maximum": "upper limit", "minimum": "lower limit", "needed": "required", "often": "frequently",
    "phone": "telephone", "price": "cost", "quickly": "fast", "removed": "taken away",
    "repair": "mend", "replaced": "exchanged", "require": "need", "restored": "brought back", "sent": "delivered",
    "show": "display", "shown": "displayed", "stopped": "halted", "stored": "saved",
    "used": "employed", "wrong": "incorrect",
}  # fmt: skip
_WORD = re.compile(rf"\b(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b")


def typo(draft: Draft, rng: random.Random) -> str | None:
    """Misspell one long word as fingers do: two letters swapped, one left out, or one struck twice."""
    words = list(_LONG_WORD.finditer(draft.question, 1))
    if not words:
        return None
    word = rng.choice(words)
    text, i = word.group(), rng.randrange(1, len(word.group()) - 1)
    slips = (text[:i] + text[i + 1] + text[i] + text[i + 2 :], text[:i] + text[i + 1 :], text[: i + 1] + text[i:])
    changed = [slip for slip in slips if slip != text]
    return draft.question[: word.start()] + rng.choice(changed) + draft.question[word.end() :]


def synonym(draft: Draft, rng: random.Random) -> str | None:
    """Ask in other words: another frame, or common words for common words; what stands in quotes stays."""
    asked = draft.question
    for pattern, other in _FRAMES:
        asked, changed = re.subn(pattern, other, asked)
        if changed:
            break
    pieces = _QUOTED.split(asked)
    pieces[::2] = [_WORD.sub(lambda match: _WORDS[match.group()], piece) for piece in pieces[::2]]
    result = "".join(pieces)
    return result if result != draft.question else None


def negation(draft: Draft, rng: random.Random) -> str | None:
    """Suppose the opposite of what the document says; the same sentence settles it."""
    return draft.negated or None


MUTATIONS: dict[str, Mutation] = {"typo": typo, "synonym": synonym, "negation": negation}

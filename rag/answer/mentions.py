"""Which names and identifiers a question holds, and whether texts mention them; pure.

Texts are compared without case, accents and invisible characters, and any hyphen is as good as another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from rag.context.terms import content_terms
from rag.text import unbroken

_TOKEN = re.compile(r"[^\s\"“”„«»‹›`()\[\]{}<>|,;!?…*]+")
_EDGE = ".:'’‘/-–—_"
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_FIGURE_AND_LETTER = re.compile(r"(?=.*\d)(?=.*[^\W\d_])", re.DOTALL)
_QUANTITY = re.compile(r"\d+(?:[.,]\d+)*[^\W\d_]{1,3}")  # 20kg, 3rd, 90s
_CAPITALISED = re.compile(r"(?<!^)(?<![.!?]\s)\b[A-Z][\w-]+")

_MARKS = re.compile(r"[\u0300-\u036f]+")
_RAISED = re.compile(r"[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2089\u2150-\u218b\u2460-\u249b]")
_HYPHENS = re.compile(r"[\u2010-\u2015\u2212]")
_PIECE = re.compile(r"\d+|[^\W\d_]+")
_GAP = r"[\W_]{0,3}"
_SHORT = 3


@dataclass(frozen=True, slots=True)
class _Mention:
    """What a folded text must hold to mention a name: every piece, and the pattern."""

    pieces: tuple[str, ...]
    pattern: re.Pattern[str]

    def found(self, flat: str) -> bool:
        """Say whether a folded text has it; plain pieces are looked for first, which is many times as fast."""
        return all(piece in flat for piece in self.pieces) and self.pattern.search(flat) is not None


def names_in(question: str) -> list[str]:
    """Return the names of a question, as written: capitalised words inside it, and words of letters and figures."""
    question = unbroken(question)
    codes = {match.span(): code for match in _TOKEN.finditer(question) if is_code(code := trimmed(match.group()))}
    found = [
        (word.start(), word.group())
        for word in _CAPITALISED.finditer(question)
        if not any(start <= word.start() < end for start, end in codes)
    ]
    return [name for _, name in sorted([*found, *((start, code) for (start, _), code in codes.items())])]


def tokens_in(question: str) -> list[str]:
    """Return what stands between white space, brackets and quotes in a question, without the marks at its edges."""
    return [token for match in _TOKEN.finditer(unbroken(question)) if (token := trimmed(match.group()))]


def is_code(token: str) -> bool:
    """Say whether a token has letters and figures and is no quantity: `T-250`, `v1.10`, `0x8007`, but not `20kg`."""
    return _FIGURE_AND_LETTER.match(token) is not None and not _QUANTITY.fullmatch(token)


def trimmed(token: str) -> str:
    """Return a token without the marks at its edges and without a possessive."""
    return _POSSESSIVE.sub("", token.strip(_EDGE))


def absent(names: Iterable[str], texts: Iterable[str], most: int | None = None) -> list[str]:
    """Return the names that no text mentions; none of them if more than `most` characters would have to be read.

    A name is mentioned where it stands as it is written, also inside of a longer word, or with other signs between
    its parts. `T-25` is not mentioned by `T-250`.
    """
    missing = {name: _mention(name) for name in names}
    read = 0
    for text in texts:
        read += len(text)
        if not missing or (most is not None and read > most):
            return []
        flat = folded(text)
        missing = {name: mention for name, mention in missing.items() if not mention.found(flat)}
    return list(missing)


def folded(text: str) -> str:
    """Return a text in lower case, without accents, compatibility forms and invisible characters, hyphens as `-`."""
    if text.isascii():
        return text.lower()
    # a raised or circled figure behind an identifier is a footnote mark and no figure of it
    apart = _RAISED.sub(r"^\g<0>", unbroken(text))
    plain = unicodedata.normalize("NFKD", apart.casefold())
    return _HYPHENS.sub("-", _MARKS.sub("", plain))


@lru_cache(maxsize=256)
def _mention(name: str) -> _Mention:
    flat = folded(name)
    pieces = _PIECE.findall(flat)
    if len(pieces) == 1 and pieces[0].isalpha():
        return _word(pieces[0])
    whole = re.escape(flat)
    # a run of figures is never a part of a longer one
    written = rf"(?<!\d){whole}" if flat[:1].isdigit() else whole
    written += r"(?!\d)" if flat[-1:].isdigit() else ""
    apart = rf"(?<![a-z0-9]){_GAP.join(map(re.escape, pieces))}(?![a-z0-9])"
    return _Mention(tuple(pieces), re.compile(f"{written}|{apart}" if pieces else written))


def _word(word: str) -> _Mention:
    """Return what mentions a word: any form and any compound of it; a short one must begin or end a word."""
    if len(word) <= _SHORT:
        return _Mention((word,), re.compile(rf"(?<![^\W_]){word}|{word}(?![^\W_])"))
    stem = (content_terms(word) or [word])[0]
    # a stem is not always a beginning of its word: `happi` and `happy` share `happ`
    root = next((word[:end] for end in range(len(word), _SHORT - 1, -1) if stem.startswith(word[:end])), word)
    return _Mention((root,), re.compile(root))

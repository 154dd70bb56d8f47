"""Raised, lowered and built-up text on one line: `10^6`, `3/4`, `x_1`, and footnote marks as `[^2]`.

A line of plain text has no height. A raised digit that is only written down extends the number before it: 10⁶ becomes
106. Every reader asks the functions of this module, so that all formats write the same signs.

Footnote marks have the form of Markdown (`[^2]`, the note's text as `[^2]: …`), because `[2]` is our own citation tag.
"""

from __future__ import annotations

import re

from ingest.partition.clean import one_line

_MINUS = str.maketrans("−–‐‑", "----")
_SLASHES = ("⁄", "∕", "/")
_FRACTION_SLASH = re.compile(r"(?<=\d)\s?[⁄∕]\s?(?=\d)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_SIGNED = re.compile(r"[-+]\d+(?:[.,]\d+)?")
_CHARGE = re.compile(r"\d{0,2}[-+]")
_LABELS = re.compile(r"[\[(]?(\d{1,3}(?:\s?[,;-]\s?\d{1,3})*)[\])]?")
_BRACKETED = re.compile(r"\[\s*([^\[\]\s^]{1,8})\s*\]")
_VARIABLE = re.compile(r"-?\d*[i-np-qtx-zT′]")
_EXPRESSION = re.compile(r"[\w.,()*/·+′-]*\w[+*/·-][\w.,()*/·+′-]+|-?\d+[a-z]|-[a-z]{1,3}")
# The symbol of an element, unless it is an English word: "¹In winter", "¹A deposit".
_ISOTOPE = re.compile(r"(?!(?:A|I|In|He|As|At|No|Be|Am)\b)[A-Z][a-z]?(?![a-z])(?!\s+[A-Z])")
# The last word before a raised sign, less the indices that were written after it.
_WORD = re.compile(r"([^\W\d_]+)(?:_\w+|\d{1,2})?$")
_TEN = re.compile(r"(?<![\d.,])10+$")
_DIGIT = re.compile(r"(?<![\d.,])\d$")
_ARITHMETIC = re.compile(r"[=+*/×·≈<>≤≥^(-]\s*\d[\d.,]*$")
_ARITHMETIC_AFTER = re.compile(r"\s*[=×·*≈+^]")
_EQUATED = re.compile(r"=\s?[^\W\d_]{1,3}$")
_TERM = re.compile(r"[(\[{|][^()\[\]{}|]*[)\]}|]$")
_PROSE = re.compile(r"[^\W\d_]{3,}")
_UNITS = frozenset(
    """nm µm μm um mm cm dm dam hm km pm fm ft yd mi mil sq ns µs ms min hr hrs kg mg µg lb lbs oz kN MN MW kW mW GW Hz
    kHz MHz GHz mol mmol Pa kPa MPa GPa kJ MJ eV keV MeV mL ml dl cl rad sr px bar sin cos tan cot sinh cosh tanh log
    ln lg exp det AU pc kpc Mpc lm lx cd dB ha acre""".split()
)
_INCHES = re.compile(r"(?:\d\s?|/\s?)(?:in|inch|inches)$", re.IGNORECASE)
_ROMAN = re.compile(r"[IVXLCDM]+$")
_ORDINAL = re.compile(
    r"st|nd|rd|th|s|e|er|re|ère|ème|eme|nde?|o|os|a|as|º|ª|te|ste|de|me|mo|ma|ta|to|ra|ro|va|vo|da|do|ma|ed|r|lle|lles"
    r"|mes|gr|ie|le",
    re.IGNORECASE,
)
_TRADE = {"tm": "™", "sm": "℠", "(r)": "®", "r": "®"}
_SIMPLE = re.compile(r"-?[^\W_]+(?:[.,]\d+)?|[^\W_]+(?:[_^][^\W_]+)+|\(.*\)")
_SPACED_WORD = 4


def raised(before: str, text: str, after: str = "", *, is_note: bool = False) -> str:
    """Return raised text as it stands in a line: a power `^6`, a footnote mark `[^3]`, an ordinal `st`.

    A mark at the very start of a block is the note's own: `[^3]: ` goes before the note's text.

    Args:
        before: what the same block holds before it, as far as the caller knows it. Its last word decides.
        text: the raised characters.
        after: what follows in the same block, raised or not.
        is_note: the file itself says that this is the mark of a note (a reference, a link to an anchor).

    >>> raised("10", "6", " CFU"), raised("spare parts", "3", " for"), raised("the 1", "st", " of")
    ('^6', '[^3]', 'st')
    """
    mark = one_line(text).translate(_MINUS)
    if not mark:
        return text
    blank = text[len(text.rstrip()) :]
    return _lead(text) + _raised(before + _lead(text), mark, blank + after, is_note) + blank


def _raised(before: str, mark: str, after: str, is_note: bool) -> str:
    if is_note or _BRACKETED.fullmatch(mark):
        return _own_mark(before, mark, after)
    if _NUMBER.fullmatch(mark) and after.lstrip().startswith(_SLASHES):
        return f" {mark}" if before[-1:].isdigit() else mark
    if _is_isotope(before, mark, after):
        return f"^{mark}"
    if _LABELS.fullmatch(mark) and not _is_base(before, mark, after):
        return _own_mark(before, mark, after)
    if _NUMBER.fullmatch(mark) or _SIGNED.fullmatch(mark) or _CHARGE.fullmatch(mark):
        return _apart(f"^{mark}", after)
    return _letters(before, mark, after)


def lowered(before: str, text: str, after: str = "") -> str:
    """Return lowered text as it stands in a line: as it is after a letter, `_2` where a digit would join a number.

    >>> lowered("H", "2", "O"), lowered("1010", "2", " is"), lowered("log", "2", "8")
    ('2', '_2', '_2 ')
    """
    mark = one_line(text).translate(_MINUS)
    if not mark:
        return text
    blank = text[len(text.rstrip()) :]
    return _lead(text) + _lowered(before + _lead(text), mark, blank + after) + blank


def _lead(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _lowered(before: str, mark: str, after: str) -> str:
    if before.rstrip().endswith(_SLASHES):
        return mark
    if mark[0].isdigit() and before[-1:].isdigit():
        return _apart(f"_{mark}", after)
    if mark[-1].isdigit() and after[:1].isdigit():
        return f"_{mark} "
    return mark


def power(base: str, exponent: str) -> str:
    """Return a power of a formula: `r^2`, `(a+b)^2`, `x^(n+1)`."""
    base, exponent = one_line(base), one_line(exponent)
    if exponent in {"′", "'", "″", "*", "†", "°"}:
        return base + exponent
    base = f"({base})" if base.startswith("-") and len(base) > 1 else bracketed(base)
    return f"{base}^{bracketed(exponent)}" if exponent else base


def index(base: str, lower: str) -> str:
    """Return a base with an index of a formula: `x_1`, `x_(i+1)`."""
    base, lower = one_line(base), one_line(lower)
    return f"{base}_{bracketed(lower)}" if lower else base


def fraction(top: str, bottom: str) -> str:
    """Return a fraction: `3/4`, `(a+b)/(2 c)`."""
    return f"{bracketed(one_line(top))}/{bracketed(one_line(bottom))}"


def root(radicand: str, degree: str = "") -> str:
    """Return a root: `√(x+1)`, with its degree `root(3, x)`."""
    degree = one_line(degree)
    if degree and degree != "2":
        return f"root({degree}, {one_line(radicand)})"
    return f"√({one_line(radicand)})"


def bracketed(text: str) -> str:
    """Return a part of a formula in brackets, unless it is one number, one name or in brackets already."""
    is_simple = len(text) < 2 or (_SIMPLE.fullmatch(text) and _is_closed(text))
    return text if is_simple else f"({text})"


def note_mark(label: str) -> str:
    """Return the mark of a footnote: `[^2]`; a list of labels is a mark for each."""
    bare = one_line(label).translate(_MINUS).strip("[]()^: .")
    parts = [part.strip() for part in re.split(r"[,;]", bare) if part.strip()]
    return "".join(f"[^{part.replace(' ', '')}]" for part in parts)


def note_text(label: str, text: str) -> str:
    """Return the text of a footnote behind its mark: `[^2]: Without tax.`."""
    return f"{note_mark(label)}: {text}"


def plain_fractions(text: str) -> str:
    """Return text whose fraction slashes between digits are plain ones: `1⁄2` becomes `1/2`."""
    return _FRACTION_SLASH.sub("/", text)


def _own_mark(before: str, mark: str, after: str) -> str:
    shown = note_mark(mark)
    return f"{shown}: " if shown and not before.strip() and after.strip() else shown


def _apart(sign: str, after: str) -> str:
    """Return the sign with a blank behind it where the text after it would go on with it."""
    return (
        f"{sign} " if sign[-1].isalnum() and after[:1].isalnum() and sign[-1].isdigit() == after[0].isdigit() else sign
    )


def _is_base(before: str, mark: str, after: str) -> bool:
    """Say whether a number raised after this text is an exponent: after a power of ten, a variable or a unit."""
    if not _NUMBER.fullmatch(mark):
        return False
    tail = before[-80:]
    word = _WORD.search(tail)
    if word is not None:
        known = len(word.group(1)) == 1 or word.group(1) in _UNITS
        return known or bool(_INCHES.search(tail) or _EQUATED.search(tail))
    if _TEN.search(tail.rstrip()) or tail[-1:].isdigit():
        return _is_number_base(tail.rstrip(), mark, after)
    term = _TERM.search(tail)
    return term is not None and not _PROSE.search(term.group())


def _is_number_base(tail: str, mark: str, after: str) -> bool:
    """Say whether a number raised after a number is an exponent; any but 10 and small bases may well have a note."""
    if _TEN.search(tail) or (_DIGIT.search(tail) and mark != "1"):
        return True
    return bool(_ARITHMETIC.search(tail) or _ARITHMETIC_AFTER.match(after))


def _is_isotope(before: str, mark: str, after: str) -> bool:
    """Say whether a number is the mass number of what follows: ¹⁴C, ⁹⁹ᵐTc."""
    if before[-1:].isalnum() or not re.fullmatch(r"\d{1,3}m?", mark):
        return False
    return bool(_ISOTOPE.match(after))


def _letters(before: str, mark: str, after: str) -> str:
    """Return raised letters: an exponent, the label of a note, an ordinal or another ending as it stands."""
    if mark.lower() in _TRADE and (mark.lower() != "r" or mark == "R"):
        return _TRADE[mark.lower()]
    if _is_note_letter(before, mark):
        return _own_mark(before, mark, after)
    if _EXPRESSION.fullmatch(mark.replace(" ", "")) and before[-1:].strip():
        return _apart(f"^({mark})", after) if re.search(r"\w\s?[+*/·-]", mark) else _apart(f"^{mark}", after)
    if _VARIABLE.fullmatch(mark) and before[-1:].strip():
        return _apart(f"^{mark}", after)
    is_word = len(mark) >= _SPACED_WORD and not _ORDINAL.fullmatch(mark)
    return f" {mark}" if is_word and before[-1:].isalnum() else mark


def _is_note_letter(before: str, mark: str) -> bool:
    """Say whether one raised letter labels a note: 45ᵃ, Smithᵇ; not 2ᵉ, XXᵉ, nᵒ."""
    if not re.fullmatch(r"[a-h]", mark):
        return False
    number = re.search(r"(\d+)$", before)
    if number:
        return not (_ORDINAL.fullmatch(mark) and len(number.group()) < 2)
    word = _WORD.search(before)
    if word is None:
        return before[-1:] in ".,;:%)!?€$"
    return len(word.group(1)) >= _SPACED_WORD and not _ROMAN.fullmatch(word.group(1))


def _is_closed(text: str) -> bool:
    """Say whether a text in brackets is in one pair: `(a+b)`, not `(a)(b)`."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and text[0] == "(" and at < len(text) - 1:
            return False
    return True

"""Numbers as a spreadsheet shows them: sections with conditions, digits between literals, fractions, powers of ten.

A format that is not fully understood gives the number itself. A cell that says less than its number, as 0.0M for 2500,
is worse than one without its format.

The syntax is that of ECMA-376, part 1, 18.8.31.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from ingest.partition.clean import one_line

_TOKEN = re.compile(
    r"""(?P<point>\.)|(?P<digit>[0#?])|(?P<comma>,)|(?P<percent>%)|(?P<slash>/)|(?P<end>;)|(?P<text>@)
    |(?P<exponent>E[+-](?=[0#?]))|(?P<general>General)|"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<pad>.)|\*(?P<fill>.)
    |\[(?P<bracket>[^\]]*)\]|(?P<date>[ymdhs])|(?P<other>.)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?(?:E[+-]?\d+)?)", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^\]-]*)(?:-[^\]]*)?")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne
}  # fmt: skip
_WIDE = Context(prec=400)
_MAX_DENOMINATOR_DIGITS = 7


class _NotUnderstoodError(Exception):
    """A format asks for something that is not known here."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    """One of up to four parts of a format; `compare` and `limit` say for which numbers it is.

    `places` holds the positions of the tokens of each kind: it is asked for every cell of a sheet.
    """

    tokens: tuple[_Token, ...]
    places: Mapping[str, Sequence[int]]
    compare: str = ""
    limit: float = 0.0

    @classmethod
    def made_of(cls, tokens: Sequence[_Token], compare: str, limit: float) -> _Section:
        places: dict[str, list[int]] = {}
        for at, token in enumerate(tokens):
            places.setdefault(token.kind, []).append(at)
        return cls(tuple(tokens), places, compare, limit)

    def of(self, kind: str) -> Sequence[int]:
        return self.places.get(kind, ())


def number_text(value: float, number_format: str) -> str:
    """Return a number in its format, or the number itself where the format is not understood.

    >>> number_text(2500, '[>=1000]0.0,"K";0'), number_text(2.25, "# ?/?"), number_text(5551234567, "(000) 000-0000")
    ('2.5K', '2 1/4', '(555) 123-4567')
    """
    try:
        section, sign = _chosen(value, sections(number_format))
        return one_line(sign + _filled(abs(value), section))
    except (_NotUnderstoodError, ArithmeticError, ValueError):
        return plain_number(value)


def plain_number(value: float) -> str:
    """Return a number without a format, as many digits as a spreadsheet keeps."""
    return _plain_float(value) if isinstance(value, float) else str(value)


def _plain_float(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"


def text_in_format(text: str, number_format: str) -> str:
    """Return a text in the part of a format that is for texts; one that would hide the text is not followed."""
    parts = sections(number_format)
    part = parts[3] if len(parts) > 3 else parts[-1]
    if not part.of("text") or part.of("digit"):
        return text
    return one_line("".join(text if token.kind == "text" else token.text for token in part.tokens))


@lru_cache(maxsize=512)
def sections(number_format: str) -> tuple[_Section, ...]:
    """Return the sections of a format."""
    found: list[_Section] = []
    tokens: list[_Token] = []
    condition = ("", 0.0)
    for match in _TOKEN.finditer(number_format):
        kind, text = match.lastgroup or "", match.group(match.lastgroup or 0)
        if kind == "end":
            found.append(_Section.made_of(tokens, *condition))
            tokens, condition = [], ("", 0.0)
        elif kind == "bracket":
            limit, currency = _CONDITION.fullmatch(text), _CURRENCY.fullmatch(text)
            condition = (limit.group(1), float(limit.group(2))) if limit else condition
            if currency:
                tokens.append(_Token("literal", currency.group(1)))
        else:
            tokens.append(_token(kind, text))
    return (*found, _Section.made_of(tokens, *condition))


def _token(kind: str, text: str) -> _Token:
    if kind in {"quoted", "escaped", "other"}:
        return _Token("literal", text)
    if kind in {"pad", "fill"}:
        return _Token("literal", " " if kind == "pad" else "")
    return _Token(kind, text)


def _chosen(value: float, parts: Sequence[_Section]) -> tuple[_Section, str]:
    """Return the section for a number, and the sign that is still to be shown."""
    sign = "-" if value < 0 else ""
    if any(part.compare for part in parts[:2]):
        for part in parts[:3]:
            if not part.compare or _COMPARE[part.compare](value, part.limit):
                # A section for nothing but negative numbers writes its own sign.
                return part, "" if part.compare in {"<", "<="} and part.limit <= 0 else sign
        raise _NotUnderstoodError
    if value < 0 and len(parts) > 1:
        return parts[1], ""
    if value == 0 and len(parts) > 2:
        return parts[2], ""
    return parts[0], sign


def _filled(amount: float, section: _Section) -> str:
    if section.of("date"):
        raise _NotUnderstoodError
    if section.of("general") or section.of("text"):
        shown = plain_number(amount)
        return "".join(shown if t.kind in {"general", "text"} else t.text for t in section.tokens)
    digits = section.of("digit")
    if not digits:
        return "".join(token.text for token in section.tokens)
    slash = next((at for at in section.of("slash") if digits[0] < at), None)
    if slash is not None and section.tokens[slash - 1].kind == "digit" and not section.of("point"):
        return _fraction(amount, section, slash)
    return _decimal(amount, section)


# --- decimal numbers -------------------------------------------------------------------------------------------------


def _decimal(amount: float, section: _Section) -> str:
    tokens = section.tokens
    exponent_at = next(iter(section.of("exponent")), len(tokens))
    mantissa = [at for at in section.of("digit") if at < exponent_at]
    if not mantissa or len(section.of("exponent")) > 1:
        raise _NotUnderstoodError
    point = next((at for at in section.of("point") if at < exponent_at), None)
    whole = [at for at in mantissa if point is None or at < point]
    places = [at for at in mantissa if point is not None and at > point]
    number = Decimal(repr(amount)).scaleb(2 * len(section.of("percent")), _WIDE)
    thousands = _scaling(section, mantissa, point)
    number = number.scaleb(-3 * thousands, _WIDE)
    power = 0
    if exponent_at < len(tokens):
        number, power = _normalised(number, max(1, len(whole)), len(places))
    number = number.quantize(Decimal(1).scaleb(-len(places)), ROUND_HALF_UP, _WIDE)
    if thousands and amount and not number:
        raise _NotUnderstoodError  # 2500 shown in millions is 0.0
    before, _, after = f"{number:f}".partition(".")
    shown = {at: token.text for at, token in enumerate(tokens) if token.kind in {"literal", "percent", "slash"}}
    shown |= _whole(before.lstrip("0"), whole, section, grouped=_is_grouped(section, whole))
    shown |= _places(after, places, section)
    if point is not None:
        shown[point] = "." if any(shown[at].strip() for at in places) else ""
        if not whole:
            shown[point] = before + shown[point] if before != "0" else shown[point]
    if exponent_at < len(tokens):
        shown |= _power(power, exponent_at, section)
    return "".join(shown.get(at, "") for at in range(len(tokens)))


def _scaling(section: _Section, mantissa: Sequence[int], point: int | None) -> int:
    """Return how many commas stand behind the digits: each divides by a thousand."""
    ends = {mantissa[-1]} | ({max((at for at in mantissa if at < point), default=-2)} if point is not None else set())
    count = 0
    for end in ends:
        at = end + 1
        while 0 < at < len(section.tokens) and section.tokens[at].kind == "comma":
            count, at = count + 1, at + 1
    return count


def _is_grouped(section: _Section, whole: Sequence[int]) -> bool:
    return any(whole[0] < at < whole[-1] for at in section.of("comma")) if whole else False


def _whole(digits: str, places: Sequence[int], section: _Section, *, grouped: bool) -> dict[int, str]:
    """Return what each place before the point shows; the first takes all digits that are left over."""
    if grouped:
        width = sum(section.tokens[at].text == "0" for at in places)
        padded = digits.zfill(width)
        groups = [padded[max(0, end - 3) : end] for end in range(len(padded), 0, -3)]
        return dict.fromkeys(places, "") | {places[0]: ",".join(reversed(groups))}
    shown: dict[int, str] = {}
    for at in reversed(places):
        take = len(digits) if at == places[0] else 1
        digits, own = (digits[:-take], digits[-take:]) if digits else ("", "")
        shown[at] = own or {"0": "0", "?": " "}.get(section.tokens[at].text, "")
    return shown


def _places(digits: str, places: Sequence[int], section: _Section) -> dict[int, str]:
    """Return what each place behind the point shows; zeros at the end stay only where the format has a 0."""
    shown = dict(zip(places, digits, strict=True))
    for at in reversed(places):
        mark = section.tokens[at].text
        if mark == "0" or shown[at] != "0":
            break
        shown[at] = " " if mark == "?" else ""
    return shown


def _normalised(number: Decimal, width: int, places: int) -> tuple[Decimal, int]:
    """Return a mantissa of at most `width` digits before the point, and its power of ten, a multiple of `width`."""
    if not number:
        return number, 0
    power = (number.adjusted() // width) * width
    mantissa = number.scaleb(-power, _WIDE)
    if mantissa.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE) >= 10**width:
        power += width
        mantissa = number.scaleb(-power, _WIDE)
    return mantissa, power


def _power(power: int, exponent_at: int, section: _Section) -> dict[int, str]:
    places = [at for at in section.of("digit") if at > exponent_at]
    sign = "-" if power < 0 else "+" if section.tokens[exponent_at].text.endswith("+") else ""
    return {exponent_at: f"E{sign}"} | _whole(str(abs(power)).lstrip("0"), places, section, grouped=False)


# --- fractions -------------------------------------------------------------------------------------------------------


def _fraction(amount: float, section: _Section, slash: int) -> str:
    tokens = section.tokens
    top = slash
    while top > 0 and tokens[top - 1].kind == "digit":
        top -= 1
    bottom = slash + 1
    while bottom < len(tokens) and (tokens[bottom].kind == "digit" or tokens[bottom].text.isdecimal()):
        bottom += 1
    below = "".join(token.text for token in tokens[slash + 1 : bottom])
    whole_at = [at for at in section.of("digit") if at < top]
    whole, part = divmod(Fraction(repr(amount)), 1) if whole_at else (0, Fraction(repr(amount)))
    numerator, denominator = _nearest(part, below)
    if whole_at and numerator == denominator:
        whole, numerator = whole + 1, 0
    if amount and not whole and not numerator:
        raise _NotUnderstoodError
    ahead = "".join(token.text for token in tokens[: whole_at[0] if whole_at else top] if token.kind == "literal")
    behind = "".join(token.text for token in tokens[bottom:] if token.kind == "literal")
    built = f"{numerator}/{denominator}" if numerator or not whole_at else ""
    count = str(whole) if whole_at and (whole or not numerator) else ""
    return f"{ahead}{count} {built}{behind}" if built else f"{ahead}{count}{behind}"


def _nearest(part: Fraction, below: str) -> tuple[int, int]:
    """Return the numerator and denominator: `below` is a fixed number, or places for one."""
    if not below or len(below) > _MAX_DENOMINATOR_DIGITS:
        raise _NotUnderstoodError
    if below.strip("0#?").isdecimal() or (below.isdecimal() and below.strip("0")):
        if not below.isdecimal():
            raise _NotUnderstoodError
        return int(part * int(below) + Fraction(1, 2)), int(below)
    nearest = part.limit_denominator(10 ** len(below) - 1)
    return nearest.numerator, nearest.denominator

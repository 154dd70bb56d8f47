"""Cell values as a spreadsheet shows them: number formats in the syntax of Excel, as far as texts need them.

Colours, conditions and fractions are left out; a date in the reader's own short form is shown as ISO 8601.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Any

from ingest.clean import one_line

_BRACKETS = re.compile(r"\[(?!\$|h+\]|m+\]|s+\])[^\]]*\]", re.IGNORECASE)
_CURRENCY = re.compile(r"\[\$([^\]-]*)[^\]]*\]")
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.')
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*)?,*(?:E[+-]0+)?|\.[#0?]+", re.IGNORECASE)
_DATE_PART = re.compile(r"y+|m+|d+|h+|s+|AM/PM|A/P|\.0+|[^ymdhs.a]+|.", re.IGNORECASE)
_LOCALE_DATES = frozenset({"mm-dd-yy", "m/d/yy", "m/d/yyyy", "mm/dd/yy", "general", ""})


def shown(value: Any, number_format: str) -> str:
    """Return a cell's value as one line of text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return _moment(value, number_format)
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if isinstance(value, int | float):
        return _number(value, number_format)
    return one_line(str(value))


def _number(value: float, number_format: str) -> str:
    if number_format.strip().lower() in {"", "general", "@"}:
        return f"{value:.12g}" if isinstance(value, float) else str(value)
    section, is_signed = _section(value, number_format)
    prefix, digits, suffix, is_percent = _parts(section)
    if not digits:
        return one_line(prefix + suffix) or f"{value:.12g}"
    amount = value if is_signed else abs(value)
    text = _digits(amount * 100 if is_percent else amount, digits)
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    return one_line(f"{sign}{prefix}{text}{suffix}")


def _section(value: float, number_format: str) -> tuple[str, bool]:
    """Return the part of a format for a value's sign, and whether the sign is still to be shown."""
    sections = number_format.split(";")
    if value < 0 and len(sections) > 1 and sections[1]:
        return sections[1], False
    if value == 0 and len(sections) > 2 and sections[2]:
        return sections[2], True
    return sections[0], True


@lru_cache(maxsize=512)
def _parts(section: str) -> tuple[str, str, str, bool]:
    """Return what stands before the digits, the digits' pattern, what stands after, and whether it is a percentage."""
    plain = _BRACKETS.sub("", section)
    literals: list[str] = []

    def keep(text: str) -> str:
        literals.append(text)
        return f"\x01{len(literals) - 1}\x02"

    plain = _CURRENCY.sub(lambda match: keep(match.group(1)), plain)
    plain = _LITERAL.sub(lambda match: keep(match.group(1) or match.group(2) or ""), plain)

    def restore(text: str) -> str:
        return re.sub(r"\x01(\d+)\x02", lambda match: literals[int(match.group(1))], text)

    # Digits inside the marks of literals are no placeholders.
    bare = re.sub(r"\x01\d+\x02", lambda match: "\x01" * len(match.group()), plain)
    match = _DIGITS.search(bare)
    if match is None:
        return restore(plain), "", "", False
    return restore(plain[: match.start()]), match.group(), restore(plain[match.end() :]), "%" in bare


def _digits(amount: float, pattern: str) -> str:
    mantissa, _, exponent = pattern.upper().partition("E")
    whole, _, fraction = mantissa.partition(".")
    places = len(fraction.rstrip(","))
    if exponent:
        return f"{amount:.{places}E}"
    scaled = amount / 1000 ** (len(mantissa) - len(mantissa.rstrip(",")))
    grouped = "," in whole.rstrip(",")
    text = f"{_half_up(scaled, places):,.{places}f}" if grouped else f"{_half_up(scaled, places):.{places}f}"
    optional = len(fraction) - len(fraction.rstrip("#?"))
    if optional and "." in text:
        kept = len(text) - optional
        text = (text[:kept] + text[kept:].rstrip("0")).rstrip(".")
    width = whole.replace(",", "").count("0")
    if width > 1 and not grouped:
        sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
        text = sign + digits.zfill(width + (places + 1 if places else 0))
    return text


def _half_up(amount: float, places: int) -> float:
    """Round as spreadsheets do: 0.125 is shown as 0.13."""
    from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

    try:
        return float(Decimal(repr(amount)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
    except InvalidOperation:
        return amount


def _moment(value: datetime.datetime | datetime.date | datetime.time, number_format: str) -> str:
    section = _BRACKETS.sub("", number_format.split(";")[0])
    section = _CURRENCY.sub("", _LITERAL.sub(lambda match: match.group(1) or match.group(2) or "", section)).strip()
    if section.lower() in _LOCALE_DATES:
        return _iso(value)
    if isinstance(value, datetime.time):
        moment = datetime.datetime.combine(datetime.date(1900, 1, 1), value)
    elif isinstance(value, datetime.datetime):
        moment = value
    else:
        moment = datetime.datetime.combine(value, datetime.time())
    return one_line("".join(_date_parts(moment, section))) or _iso(value)


def _iso(value: datetime.datetime | datetime.date | datetime.time) -> str:
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    return value.isoformat()


def _date_parts(value: datetime.datetime, section: str) -> list[str]:
    twelve = "am/pm" in section.lower() or "a/p" in section.lower()
    parts = _DATE_PART.findall(section)
    lower = [part.lower() for part in parts]
    out: list[str] = []
    for index, part in enumerate(lower):
        # An m is minutes right after hours or right before seconds, else months.
        letters = [other for other in lower if other[0] in "hs"]
        before = next((other[0] for other in reversed(lower[:index]) if other[0] in "ymdhs"), "")
        after = next((other[0] for other in lower[index + 1 :] if other[0] in "ymdhs"), "")
        if part[0] == "m" and letters and (before == "h" or after == "s"):
            out.append(f"{value.minute:02d}" if len(part) > 1 else str(value.minute))
        else:
            out.append(_date_part(value, part, parts[index], twelve))
    return out


def _date_part(value: datetime.datetime, part: str, raw: str, twelve: bool) -> str:
    hour = (value.hour % 12 or 12) if twelve else value.hour
    long = len(part) > 1
    names = {3: "%b", 4: "%B"} if part[0] == "m" else {3: "%a", 4: "%A"}
    if part[0] in "md" and len(part) > 2:
        return value.strftime(names.get(len(part), "%B" if part[0] == "m" else "%A"))
    numbers = {"m": value.month, "d": value.day, "h": hour, "s": value.second}
    if part[0] == "y":
        return str(value.year) if len(part) > 2 else f"{value.year % 100:02d}"
    if part[0] in numbers and part.strip(part[0]) == "":
        return f"{numbers[part[0]]:02d}" if long else str(numbers[part[0]])
    if part in {"am/pm", "a/p"}:
        return "AM" if value.hour < 12 else "PM"
    return "" if re.fullmatch(r"\.0+", part) else raw


def _duration(value: datetime.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{sign}{hours}:{minutes:02d}:{seconds:02d}"

"""Cell values as a spreadsheet shows them: number formats in the syntax of Excel, as far as texts need them.

Colours are left out, and a date in the reader's own short form is shown as ISO 8601.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.sheet_numbers import number_text, plain_number, text_in_format

_BRACKETS = re.compile(r"\[(?!\$|h+\]|m+\]|s+\])[^\]]*\]", re.IGNORECASE)
_CURRENCY = re.compile(r"\[\$([^\]-]*)[^\]]*\]")
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.')
_DATE_PART = re.compile(r"y+|m+|d+|h+|s+|AM/PM|A/P|\.0+|[^ymdhs.a]+|.", re.IGNORECASE)
_PLAIN = frozenset({"", "general", "@"})
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
        is_plain = number_format.strip().lower() in _PLAIN
        return plain_number(value) if is_plain else number_text(value, number_format)
    text = one_line(str(value))
    return text_in_format(text, number_format) if "@" in number_format and number_format != "@" else text


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

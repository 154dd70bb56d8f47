"""Whether a table's first row names its columns or is data like the rows below it; pure.

A wrong yes makes a false statement ("Rated power: Noise level"), a wrong no only leaves labels out. So a table of two
columns, which may be a list of facts, needs a sign that its first row is a head, and a wider one a sign that it is not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

Row = Sequence[str]

_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b")
_FIGURE = re.compile(r"[-+−(]?\d+(?:[.,:/'’ -]?\d+)*\)?")
_YEAR = re.compile(
    r"(?:fy ?)?(?:19|20)\d\d(?:[/-]\d\d)?|q[1-4](?: ?(?:19|20)\d\d)?|(?:19|20)\d\d ?q[1-4]", re.IGNORECASE
)
_IDENTIFIER = re.compile(r"\S*\d\S*")
_LETTERS = re.compile(r"[^\W\d_]+")
_MAJORITY = 0.6
_ALIKE = 0.8
_FEW_ROWS = 3
_GENERIC = frozenset(
    """value values description descriptions meaning definition explanation detail details note notes remark remarks
    comment comments content contents wert werte beschreibung bedeutung bemerkung valeur valor significado
    """.split()
)
_LABELS = _GENERIC | frozenset(
    """account action address age agent amount answer area article assignee author average batch brand browser budget
    capacity capital category cause change channel city class client code colour color column command company component
    condition contact cost count country currency customer cycle date day days deadline default department deputy depth
    design diameter dimension dimensions direction distance duration duty email end energy error event example extension
    feature fee field file firmware format frequency function group head height host hostname hours id identifier index
    input interval issue item job key kind language latency length level limit line location manager manufacturer mass
    material maximum measure member message method minimum mode model month name noise number object office operation
    option order origin output owner package page parameter part path period person phone place plan platform port
    position power pressure price priority problem product profile project property protocol quantity question range
    rate rating reason region release response result retries revenue role room route rule score season section sector
    serial service setting severity share site size source speed stage standard start state status step stock street
    subject supplier symbol symptom system target task team temperature term test text threshold time timeout title
    topic torque total trigger type unit unit units uptime url user username value variable vendor version voltage
    volume warranty weight width year years zone
    ort name datum preis menge einheit nummer status stadt land typ gewicht leistung breite länge höhe nom prix ville
    date quantité pays nombre precio fecha ciudad cantidad
    """.split()
)
_AFTER_LABEL = frozenset("eur usd gbp chf kg mm cm m km kw v a w min max in of per no".split())


def head_rows(rows: Sequence[Row], ruled: bool = False) -> int:
    """Return how many of the first rows are the head: 0, or 1 with the title lines above it and a second line of it.

    `ruled` says that the author drew a line below the first row, as Markdown makes everybody do.
    """
    titles = 0 if ruled else next((i for i, row in enumerate(rows) if _filled(row) > 1), len(rows))
    if titles == len(rows) or not any(rows[titles]):
        return 0
    head, body = rows[titles], rows[titles + 1 :]
    if not body:
        return len(rows) if ruled else 0
    count = titles + (2 if len(body) > 1 and _goes_on(head, body[0]) else 1)
    body = rows[count:]
    sign = evidence(head, body)
    if max(map(len, (head, *body))) > 2:
        return count if sign >= 0 else 0
    return count if sign > 0 or (ruled and sign == 0 and not _lists_facts(body)) else 0


def evidence(head: Row, body: Sequence[Row]) -> int:
    """Return 1 for a sign that a row is the head of others, -1 for one that it is a row like them, 0 for neither."""
    width = max(len(head), *map(len, body))
    columns = [(_cell(head, c), [cell for row in body if (cell := _cell(row, c))]) for c in range(width)]
    return _of_two(columns) if width <= 2 else _of_many(columns)


def _of_many(columns: Sequence[tuple[str, Sequence[str]]]) -> int:
    if not columns[0][0] and all(name for name, _ in columns[1:]):
        return 1
    figured = [(name, values) for name, values in columns if "0" in _common(values, _MAJORITY)]
    alike = sum(_is_like(name, values) for name, values in figured)
    if alike * 2 > len(figured):
        return -1 if not _counts_up([name for name, _ in columns]) else 1
    named = sum(bool(name) and not _has_figure(name, values) for name, values in figured)
    return int(named > 0 or any(_is_label(name) for name, _ in columns))


def _of_two(columns: Sequence[tuple[str, Sequence[str]]]) -> int:
    (first, keys), (second, values) = (*columns, ("", ()))[:2]
    if not first or not second:
        return int(bool(second) and len(keys) > 0)
    if _has_figure(second, values) or _is_like(first, keys):
        return -1
    if _words(second)[-1:] and _words(second)[-1] in _GENERIC or (_is_label(first) and _is_label(second)):
        return 1
    if _name_properties(keys):
        return -1
    numbered = len(values) >= _FEW_ROWS and "0" in _common(values, _ALIKE)
    identified = sum(bool(_IDENTIFIER.fullmatch(key)) for key in keys) >= _ALIKE * len(keys) > 0
    return int(numbered or (identified and not _has_figure(first, keys)) or _is_label(second))


def _goes_on(head: Row, row: Row) -> bool:
    """Say whether a second row names the columns that one name of the first spans."""
    spans = any(a and a == b for a, b in zip(head, head[1:], strict=False))
    return spans and _cell(row, 0) in ("", head[0])


def _lists_facts(body: Sequence[Row]) -> bool:
    """Say whether the values below are of different kinds, as those of one thing's properties are."""
    patterns = {_pattern(_cell(row, 1)) for row in body if _cell(row, 1)}
    return sum("0" in pattern for pattern in patterns) > 1 and not _common([_cell(row, 1) for row in body], _MAJORITY)


def _filled(row: Row) -> int:
    return sum(bool(cell) for cell in row)


def _cell(row: Row, column: int) -> str:
    return row[column] if column < len(row) else ""


def _pattern(cell: str) -> str:
    """Return a cell with its figures, dates included, as 0: `12 May 2024` and `3 June 2025` are alike."""
    return _FIGURE.sub("0", _MONTH.sub("month", cell.lower().strip()))


def _common(values: Sequence[str], share: float) -> str:
    """Return the pattern that at least that share of the values has, else nothing."""
    counted = Counter(map(_pattern, filter(None, values)))
    pattern, count = max(counted.items(), key=lambda item: item[1], default=("", 0))
    return pattern if count and count >= share * sum(counted.values()) else ""


def _is_like(name: str, values: Sequence[str]) -> bool:
    return _has_figure(name, values) and _pattern(name) == _common(values, _MAJORITY)


def _has_figure(name: str, values: Sequence[str]) -> bool:
    """Say whether a first cell holds a figure as values do: a year above what are no years is a name."""
    if _YEAR.fullmatch(name) and not all(_YEAR.fullmatch(value) for value in values):
        return False
    return any(char.isdigit() for char in name)


def _counts_up(names: Sequence[str]) -> bool:
    """Say whether a row's figures go 1, 2, 3: the numbered columns of a matrix."""
    numbers = [int(name) for name in names if name.isdecimal() and len(name) < 6]
    return len(numbers) > 1 and all(b - a == 1 for a, b in zip(numbers, numbers[1:], strict=False))


def _words(cell: str) -> list[str]:
    return [word for word in _LETTERS.findall(re.sub(r"\(.*\)", "", cell).lower()) if word not in _AFTER_LABEL]


def _is_label(cell: str) -> bool:
    words = _words(cell)
    return 0 < len(words) <= 4 and words[-1] in _LABELS and not any(char.isdigit() for char in cell)


def _name_properties(keys: Sequence[str]) -> bool:
    """Say whether the first cells of rows are what heads are made of: weight, location, status."""
    count = sum(map(_is_label, keys))
    return count > 1 and count * 3 >= len(keys)

"""Questions about one cell of a table: its row names the thing, its column what is asked about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from eval.golden.sections import Section, plain
from eval.golden.synthesis.draft import Draft, lines, lowered, place
from rag.heads import head_rows
from rag.tables import cells_of, rows_in
from rag.types import Block, Document, Span

_RULE = re.compile(r"^[\s|:+-]*-[\s|:+-]*$")
_EMPTY = frozenset("- – — n/a na none yes no true false x ✓ ✔ ✗ ? … open all any".split()) | {""}
_PROPERTIES = frozenset(
    """property properties parameter feature features limit limits criterion metric topic attribute specification
    characteristic""".split()
)
_GENERIC = _PROPERTIES | frozenset(
    """date description field function id item items name no nr number option purpose question row setting time
    value""".split()
)
_VERBS = {
    "allows": "allow", "causes": "cause", "contains": "contain", "costs": "cost", "covers": "cover", "does": "do",
    "enables": "enable", "gives": "give", "includes": "include", "means": "mean", "needs": "need",
    "prevents": "prevent", "replaces": "replace", "requires": "require", "returns": "return", "runs": "run",
    "supports": "support", "takes": "take", "uses": "use",
}  # fmt: skip
_MEANINGS = frozenset({"meaning", "description", "definition", "explanation", "expansion"})
_ACTIONS = frozenset({"action", "what to do", "remedy", "resolution", "fix", "solution", "recommended action"})
_NO_NOUN_END = re.compile(r"(?:ed|when|who|if|for|of|in|at|to|from|by|with|on|per|than|not)$", re.IGNORECASE)
_NO_NOUN_START = re.compile(
    r"(?:is|are|can|has|have|kept|sent|paid|held|made|built|wait|used|who|what|when|where|why|how|if|needs|first|last|"
    r"remarks?|notes?|comments?|place|since|until|up|\d)\b",
    re.IGNORECASE,
)
_NO_NAME_START = re.compile(r"(?:above|after|at|before|below|between|from|in|less|more|of|on|over|to|under|up)\b", re.I)
_CLOCK = re.compile(r"\d+[:/-]\d")
_COUNT = re.compile(r"\d[\d,.]*")
_PLURAL = re.compile(
    r"^[\w-]+(?<!s)s(?= (?:per|of|on|in|for)\b|$)|^[A-Za-z-]+ [\w-]+(?<!s)s(?= (?:per|of|on|in|for)\b|$)"
)
_MAX_CELL = 160
_MAX_NAME_WORDS = 6
_MIN_ROWS = 2


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a table: its cells, and where it stands."""

    cells: tuple[str, ...]
    start: int
    end: int


def table_cells(section: Section, document: Document) -> Iterator[Draft]:
    """Yield a question for every cell that says something; the place is the cell's row."""
    for block in section.blocks:
        if block.kind == "table" and _has_head(document, block):
            yield from _drafts(_rows(document, block.span), section, document)


def _has_head(document: Document, block: Block) -> bool:
    """Say whether the first row names the columns; the first of a list of facts does not."""
    rows = rows_in(document.text, block.span)
    return (head_rows(rows.cells, bool(rows.ruled)) if block.head is None else block.head) == 1


def _rows(document: Document, span: Span) -> list[_Row]:
    found = []
    for start, line in lines(document, span):
        if line.strip() and not _RULE.match(line):
            cells = tuple(plain(cell) for cell in cells_of(line))
            found.append(_Row(cells, start, start + len(line)))
    return found


def _drafts(rows: list[_Row], section: Section, document: Document) -> Iterator[Draft]:
    if len(rows) <= _MIN_ROWS or not _is_header(rows[0].cells):
        return
    header, *body = rows
    names = Counter(row.cells[0].casefold() for row in body)
    for row in body:
        if len(row.cells) == len(header.cells) and names[row.cells[0].casefold()] == 1 and _is_name(row.cells[0]):
            for column, value in zip(header.cells[1:], row.cells[1:], strict=True):
                yield from _draft(header.cells, column, row, value, section, document)


def _draft(
    header: tuple[str, ...], column: str, row: _Row, value: str, section: Section, document: Document
) -> Iterator[Draft]:
    if value.casefold() in _EMPTY or len(value) > _MAX_CELL:
        return
    # a header of properties makes the other columns the things that have them
    if len(header) > 2 and header[0].casefold() in _PROPERTIES and _is_name(column):
        entity, question = column, _of_property(row.cells[0], column, value, document)
    else:
        entity = row.cells[0]
        question = _of_row(_title(header[0], entity, document), column, section)
    if question and _is_name(entity):
        yield Draft(
            question, value, (place(document, row.start, row.end),), "table cell", section.path, _swappable(entity)
        )


def _of_row(entity: str, column: str, section: Section) -> str:
    """Return the question for `column` of a row; what reads as no noun is quoted."""
    small = _spaced(column)
    quoted = _NO_NAME_START.match(entity) or entity[0].isdigit()
    if small in _ACTIONS and not quoted:
        return f"What should I do about {entity}?"
    if quoted or _NO_NOUN_END.search(small) or _NO_NOUN_START.match(small) or len(small.split()) > 4:
        name = f"“{entity}”" if quoted else entity
        return f"What stands under “{column}” for {name}{f' in “{section.heading}”' if section.heading else ''}?"
    if small in _MEANINGS:
        return f"What does {entity} mean?"
    if small == "responsible":
        return f"Who is responsible for {entity}?"
    if small in _VERBS:
        return f"What does {entity} {_VERBS[small]}?"
    plural = _PLURAL.match(small) or small.split()[-1] in ("people", "data", "criteria", "children")
    return f"What {'are' if plural else 'is'} the {small} of {entity}?"


def _of_property(name: str, entity: str, value: str, document: Document) -> str:
    """Return the question for a row that is a property of the things in the header."""
    small = lowered(name.partition(",")[0], document)
    if _NO_NOUN_START.match(small) or len(small.split()) > _MAX_NAME_WORDS:
        return ""
    if not _PLURAL.match(small):
        return f"What is the {small} of {entity}?"
    return f"How many {small} does {entity} have?" if _COUNT.fullmatch(value) else f"What {small} does {entity} have?"


def _title(kind: str, name: str, document: Document) -> str:
    """Return a row's name with what it is, where the column says so: `plan Team`, `error code 17`."""
    small = _spaced(kind)
    if _NO_NAME_START.match(name):
        return name
    if small in _GENERIC or len(small.split()) > 2 or not re.fullmatch(r"[A-Za-z ]+(?<!s)", small):
        return lowered(name, document)
    if any(word in name.casefold() for word in small.split()):
        return lowered(name, document)
    return f"{small} {name}"


def _swappable(entity: str) -> str:
    """Return what may be replaced by another name; neither `below 99 percent` nor `08:05` names a thing."""
    return "" if _NO_NAME_START.match(entity) or _CLOCK.match(entity) else entity


def _is_header(cells: tuple[str, ...]) -> bool:
    named = all(cell and len(cell.split()) <= _MAX_NAME_WORDS and not _COUNT.fullmatch(cell) for cell in cells[1:])
    return len(cells) > 1 and named and bool(cells[0]) and len(set(cells)) == len(cells)


def _is_name(text: str) -> bool:
    return bool(re.search(r"\w", text)) and len(text.split()) <= _MAX_NAME_WORDS and text.casefold() not in _EMPTY


def _spaced(words: str) -> str:
    """Return a column's name inside a sentence: acronyms stay, other capitals and underscores go."""
    spaced = words.replace("_", " ")
    return " ".join(word.lower() if re.fullmatch(r"[A-Z][a-z]+", word) else word for word in spaced.split())

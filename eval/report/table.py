"""One table value, and its three writers: terminal, Markdown, HTML. Cells are text; every writer escapes it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Format = Literal["terminal", "markdown", "html"]
_EVERYWHERE: tuple[Format, ...] = ("terminal", "markdown", "html")


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its heading; `shown` names the writers that print it, `wide` takes more of a terminal's width."""

    name: str
    right: bool = True
    wide: bool = False
    shown: tuple[Format, ...] = _EVERYWHERE


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a `note` that stands behind it, on a page below it.

    Args:
        text: the value itself.
        note: its interval, or what else belongs to it.
        strong: print the text so that it stands out.
        more: lines that only a page has room for.
        bad: a page prints the value as one to look at.
        hover: what a page says when a pointer rests on the cell.
        drawing: markup that a page shows in place of the text.
    """

    text: str
    note: str = ""
    strong: bool = False
    more: tuple[str, ...] = ()
    bad: bool = False
    hover: str = ""
    drawing: str = ""

    @property
    def line(self) -> str:
        """Text and note on one line."""
        return f"{self.text} {self.note}" if self.note else self.text


Row = Sequence[str | Cell]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together; a page gives them a heading, a terminal a line between them."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What every printer of figures prints: a title, columns, groups of rows, and notes below.

    >>> print(markdown(table("Found", (Column("metric", right=False), Column("n")), [["nDCG@10", "4"]])))
    | metric | n |
    |---|---:|
    | nDCG@10 | 4 |
    """

    title: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()


def table(title: str, columns: Sequence[Column], rows: Iterable[Row], notes: Sequence[str] = ()) -> Table:
    """Return a table whose rows are one group."""
    return Table(title, tuple(columns), (Group("", tuple(rows)),), tuple(notes))


def terminal(tables: Iterable[Table], lines: Iterable[str] = (), *, width: int = 110, color: bool = False) -> str:
    """Return tables, each with its notes, and then lines, wrapped for a terminal of so many columns."""
    from rich.console import Console

    page = io.StringIO()
    console = Console(file=page, width=width, force_terminal=color, no_color=not color, legacy_windows=False)
    for one in tables:
        console.print(_rich(one))
        for note in one.notes:
            console.print(note, highlight=False, markup=False)
    for line in lines:
        console.print(line, highlight=False, markup=False)
    return page.getvalue()


def markdown(value: Table) -> str:
    """Return a table in GitHub's Markdown, and its notes below; its title is the caller's heading."""
    columns = _shown(value, "markdown")
    heads = "".join(f" {column.name} |" if column.name else " |" for _, column in columns)
    rules = "".join("---:|" if column.right else "---|" for _, column in columns)
    rows = [f"| {' | '.join(_marked(cells[i]) for i, _ in columns)} |" for cells in _rows(value)]
    notes = ["", *value.notes] if value.notes else []
    return "\n".join([f"|{heads}", f"|{rules}", *rows, *notes])


def html(value: Table) -> str:
    """Return a table as HTML: a panel a group, its title above, the notes below."""
    from markupsafe import escape

    columns = _shown(value, "html")
    heads = "".join(f'<th scope="col"{_class(c.right)}>{escape(c.name)}</th>' for _, c in columns)
    parts = []
    for group in value.groups:
        title = f"<h3>{escape(group.title)}</h3>\n" if group.title else ""
        rows = "\n".join(_html_row([(_cell(row[i]), c.right) for i, c in columns]) for row in group.rows)
        body = f"<table>\n<thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table>"
        parts.append(f'{title}<div class="panel">{body}</div>')
    parts += [f'<p class="soft small">{escape(note)}</p>' for note in value.notes]
    return "\n".join(parts)


def md(text: str) -> str:
    """Return text on one line that Markdown shows as it stands, also inside a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _rich(value: Table) -> object:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    columns = _shown(value, "terminal")
    drawn = RichTable(title=Text(value.title, style="table.title"), box=box.SIMPLE_HEAD, title_justify="left")
    for _, column in columns:
        name, ratio = Text(column.name), 2 if column.wide else None
        drawn.add_column(name, justify="right" if column.right else "left", ratio=ratio)
    for group in value.groups:
        for row in group.rows:
            drawn.add_row(*(Text(_cell(row[i]).line) for i, _ in columns))
        drawn.add_section()
    return drawn


def _shown(value: Table, where: Format) -> list[tuple[int, Column]]:
    """Return the columns that a writer prints, with their places in the rows."""
    return [(i, column) for i, column in enumerate(value.columns) if where in column.shown]


def _rows(value: Table) -> Iterator[Row]:
    for group in value.groups:
        yield from group.rows


def _cell(cell: str | Cell) -> Cell:
    return Cell(cell) if isinstance(cell, str) else cell


def _marked(cell: str | Cell) -> str:
    found = _cell(cell)
    text = f"**{md(found.text)}**" if found.strong else md(found.text)
    return f"{text} {md(found.note)}" if found.note else text


def _html_row(cells: Sequence[tuple[Cell, bool]]) -> str:
    """Return a row; its first cell names it."""
    first, *others = (_html_cell(cell, right, name=i == 0) for i, (cell, right) in enumerate(cells))
    return f"<tr>{first}{''.join(others)}</tr>"


def _html_cell(cell: Cell, right: bool, name: bool) -> str:
    from markupsafe import escape

    text = cell.drawing or str(escape(cell.text))
    small = "<br>".join(str(escape(line)) for line in (cell.note, *cell.more) if line)
    below = f'<br><span class="soft small">{small}</span>' if small else ""
    hover = f' title="{escape(cell.hover)}"' if cell.hover else ""
    shown = f"<b>{text}</b>" if name or cell.strong else text
    return f"<td{_class(right, cell.bad)}{hover}>{shown}{below}</td>"


def _class(right: bool, bad: bool = False) -> str:
    names = [name for name, is_so in (("n", right), ("bad", bad)) if is_so]
    return f' class="{" ".join(names)}"' if names else ""

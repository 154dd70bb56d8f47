"""One table, three writers: each prints every cell, escapes it its own way, and leaves out what is not for it."""

from __future__ import annotations

import doctest
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

import eval.report.table
from eval.report.table import Cell, Column, Group, Table, html, markdown, table, terminal

ODD = "a | <b> [bold]x[/bold] & `c`"
SAMPLE = Table(
    "Title [red]",
    (
        Column("name", right=False),
        Column("value"),
        Column("page only", shown=("html",)),
        Column("lines only", shown=("terminal", "markdown")),
    ),
    (
        Group("first", ((Cell(ODD, more=("meaning <m>",), hover="why"), Cell("0.5", "[0.4, 0.6]"), "P1", "L1"),)),
        Group("second", (("plain", Cell("bad", strong=True, bad=True), Cell("", drawing="<svg/>"), "L2"),)),
    ),
    notes=("A note <n>.",),
)


def test_a_terminal_prints_cells_as_they_stand_and_a_line_between_groups() -> None:
    text = terminal([SAMPLE], ["a line [bold]"], width=120)
    assert ODD in text and "0.5 [0.4, 0.6]" in text and "Title [red]" in text
    assert "P1" not in text and "meaning" not in text and "L2" in text
    lines = text.splitlines()
    assert lines[-2:] == ["A note <n>.", "a line [bold]"]
    first, second = (next(i for i, one in enumerate(lines) if name in one) for name in ("L1", "L2"))
    assert second == first + 2  # the line between the groups


def test_markdown_is_a_table_with_one_cell_a_column() -> None:
    text = markdown(SAMPLE)
    page = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert page.count("<tr>") == 3 and page.count("<td") == 6
    assert "a | &lt;b&gt; [bold]x[/bold] &amp; <code>c</code>" in page and "<strong>bad</strong>" in page
    assert text.endswith("\n\nA note <n>.") and "meaning" not in text and "P1" not in text


class _Cells(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[int] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append(0)
        self.rows[-1:] = [self.rows[-1] + (tag in ("td", "th"))] if self.rows else []
        self.open += [tag] * (tag != "br")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_gives_every_group_a_heading_and_escapes_all_but_drawings() -> None:
    page = html(SAMPLE)
    read = _Cells(page.replace("<svg/>", ""))
    assert read.open == [] and read.rows == [3, 3, 3, 3]
    assert page.count("<h3>") == 2 and "<svg/>" in page and "&lt;b&gt;" in page and "A note &lt;n&gt;." in page
    assert "meaning &lt;m&gt;" in page and 'title="why"' in page and 'class="n bad"' in page and "L1" not in page


@pytest.mark.parametrize("write", [markdown, html, lambda value: terminal([value])])
def test_a_table_without_rows_has_its_heads(write: object) -> None:
    assert callable(write) and "lonely" in write(table("t", [Column("lonely")], []))


def test_the_examples_hold() -> None:
    assert doctest.testmod(eval.report.table).failed == 0

"""How lines of a page become paragraphs, headings and tables; the lines are made by hand."""

from __future__ import annotations

from ingest.partition.layout import Piece
from ingest.partition.pdf_layout import pieces
from ingest.partition.pdf_page import Line, Page


def line(text: str, top: float, left: float = 50, size: float = 10, bold: bool = False) -> Line:
    return Line(text, left, top, left + 0.5 * size * len(text), top + size, size, bold)


def read(*pages: list[Line]) -> list[Piece]:
    return list(pieces([Page(number, 600, 800, tuple(lines)) for number, lines in enumerate(pages, 1)]))


BODY = [
    line("The pump is oiled every March and again in June by two", 100),
    line("people who know it, and nobody else may open the valve of", 112),
    line("the old boiler without asking them first in the morning.", 124),
]


def test_lines_of_a_paragraph_are_joined_and_a_gap_parts_two() -> None:
    more = [
        line("A second paragraph begins after a gap, as it does here in", 160),
        line("this text of two lines.", 172),
    ]
    found = read([*BODY, *more])
    assert [piece.kind for piece in found] == ["paragraph", "paragraph"]
    assert found[0].text.startswith("The pump") and "two people who" in found[0].text
    assert found[1].text.endswith("this text of two lines.")


def test_larger_letters_are_headings_the_larger_the_higher() -> None:
    found = read([line("Pumps", 40, size=20), line("Oil", 80, size=14, bold=True), *BODY])
    assert [(piece.kind, piece.level, piece.text[:5]) for piece in found] == [
        ("heading", 1, "Pumps"),
        ("heading", 2, "Oil"),
        ("paragraph", 0, "The p"),
    ]


def test_every_box_says_which_letters_stand_there() -> None:
    (found,) = read(BODY)
    assert [found.text[box.start : box.end] for box in found.boxes] == [each.text for each in BODY]
    assert [(box.left, box.top) for box in found.boxes] == [(50, 100), (50, 112), (50, 124)]


def test_a_word_is_put_together_again_where_the_file_writes_it_whole() -> None:
    split = [
        line("Every kettle stands beside the pump, and the ket-", 100),
        line("tle boils at noon on all days of the week in winter.", 112),
    ]
    assert "the kettle boils" in read(split)[0].text
    kept = [
        line("A well-known pump is the well-", 100),
        line("known one of the old house by the sea in the north.", 112),
    ]
    assert "the well-known one" in read(kept)[0].text


def test_what_repeats_on_every_page_is_a_margin() -> None:
    pages = [
        [
            line("Handbook of pumps", 20),
            *(line(f"{name} {part.text}", part.top) for part in BODY),
            line(f"Page {n}", 780),
        ]
        for n, name in enumerate(("First", "Second", "Third", "Fourth"), 1)
    ]
    found = read(*pages)
    margins = [piece.text for piece in found if piece.kind == "margin"]
    assert "Page 3" in " ".join(margins) and "Handbook of pumps" in " ".join(margins)
    assert not any("Page" in piece.text for piece in found if piece.kind == "paragraph")


def test_a_table_that_goes_on_has_its_head_on_the_next_page_too() -> None:
    def rows(top: float, *texts: tuple[str, str, str]) -> list[Line]:
        return [
            line(text, top + 14 * i, left)
            for i, row in enumerate(texts)
            for text, left in zip(row, (50, 250, 400), strict=True)
        ]

    first = rows(
        600, ("Part", "Price", "Count"), ("Belt", "9.50", "3"), ("Lamp", "12.00", "40"), ("Valve", "7.25", "8")
    )
    second = rows(60, ("Seal", "1.25", "70"), ("Hose", "4.00", "12"), ("Gauge", "31.00", "2"))
    found = [piece for piece in read(first, second) if piece.kind == "table"]
    assert [piece.text.split("\n")[0] for piece in found] == ["Part | Price | Count"] * 2
    assert len(found[1].boxes) == 9, "the head has no place on the second page"

from ingest.partition.pdf_columns import prose_columns, regions
from ingest.partition.pdf_page import Line, Page, rows_of

WORDS = "the pump is oiled every march and again in june by two people who know it"


def line(text: str, left: float, top: float, right: float) -> Line:
    return Line(text, left, top, right, top + 10, 10, False)


def column(name: str, left: float, right: float, count: int = 12, top: float = 100) -> list[Line]:
    return [line(f"{name}{i} {WORDS}", left, top + 12 * i, right) for i in range(count)]


def read(*lines: Line) -> list[list[str]]:
    page = Page(1, 600, 800, tuple(lines))
    return [[word.text.split()[0] for row in region for word in row] for region in regions(page)]


def test_two_columns_are_read_one_after_the_other() -> None:
    found = read(*column("l", 50, 290), *column("r", 310, 550))
    assert found == [[f"l{i}" for i in range(12)], [f"r{i}" for i in range(12)]]


def test_what_spans_both_columns_parts_them() -> None:
    title, middle = line("Title of it all", 50, 60, 550), line("Middle of it all", 50, 260, 550)
    upper = [*column("a", 50, 290), *column("b", 310, 550)]
    lower = [*column("c", 50, 290, top=290), *column("d", 310, 550, top=290)]
    found = read(title, *upper, middle, *lower)
    assert [region[0] for region in found] == ["Title", "a0", "b0", "Middle", "c0", "d0"]


def test_a_table_and_one_column_stay_one_region() -> None:
    table = [
        cell for i in range(12) for cell in (line(f"k{i}", 50, 100 + 12 * i, 90), line("12.5", 500, 100 + 12 * i, 530))
    ]
    assert len(read(*table)) == 1
    assert len(read(*column("l", 50, 550))) == 1
    assert read() == []


def test_two_short_columns_of_running_text_are_told_from_a_table() -> None:
    text = [line(f"l{i} {WORDS}", 50, 100 + 12 * i, 290) for i in range(4)]
    text += [line(f"r{i} {WORDS}", 310, 100 + 12 * i, 550) for i in range(4)]
    columns, count = prose_columns(rows_of(text), 4)
    assert count == 4 and [[each.text[:2] for each in side] for side in columns] == [
        ["l0", "l1", "l2", "l3"],
        ["r0", "r1", "r2", "r3"],
    ]
    cells = [
        cell for i in range(4) for cell in (line(f"k{i}", 50, 100 + 12 * i, 90), line("12.5", 310, 100 + 12 * i, 340))
    ]
    assert prose_columns(rows_of(cells), 4) == ([], 4)

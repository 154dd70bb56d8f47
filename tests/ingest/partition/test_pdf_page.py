import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.partition.pdf_page import Line, Page, joined, rows_of, segments, turned, turned_back


def word(text: str, left: float, top: float = 100, size: float = 10, bold: bool = False) -> Line:
    return Line(text, left, top, left + 5 * len(text), top + size, size, bold)


@given(st.tuples(*(st.floats(0, 500) for _ in range(4))), st.integers(0, 3), st.floats(500, 900), st.floats(500, 900))
def test_turning_there_and_back_changes_nothing(
    rectangle: tuple[float, float, float, float], turn: int, width: float, height: float
) -> None:
    shown = (width, height) if turn % 2 == 0 else (height, width)
    assert turned(turned_back(rectangle, turn, width, height), turn, *shown) == pytest.approx(rectangle)


def test_a_quarter_turn_leads_a_page_s_upper_left_to_its_upper_right() -> None:
    assert turned_back((0, 0, 10, 20), 1, 800, 600) == (580, 0, 600, 10)
    box = Page(3, 800, 600, (), turn=1).box(word("ab", 0, 0), 4, 6)
    assert (box.page, box.left, box.top, box.right, box.bottom, box.start, box.end) == (3, 590, 0, 600, 10, 4, 6)


def test_rows_are_lines_on_one_baseline_from_left_to_right() -> None:
    lines = [word("right", 300, 101), word("below", 10, 130), word("left", 10, 99)]
    assert [[line.text for line in row] for row in rows_of(lines)] == [["left", "right"], ["below"]]


def test_words_with_a_gap_as_wide_as_their_size_are_lines_of_their_own() -> None:
    words = [word("pump", 10), word("oil", 34), word("$", 60), word("12", 68), word("far", 200)]
    assert [line.text for line in segments(words, list)] == ["pump oil", "$ 12", "far"]


def test_joined_lines_hold_all_of_their_words() -> None:
    whole = joined([word("a", 10), word("longest", 20, 95, 20, bold=True)])
    assert (whole.text, whole.left, whole.top, whole.right, whole.bottom) == ("a longest", 10, 95, 55, 115)
    assert (whole.size, whole.bold) == (20, True)
    assert (whole.height, whole.width, whole.middle) == (20, 45, 32.5) and 95 < whole.baseline < 115

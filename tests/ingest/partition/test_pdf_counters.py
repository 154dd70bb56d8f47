import pytest

from ingest.partition.pdf_counters import counts_pages, reading


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Page 3 of 12", 3),
        ("Seite 3", 3),
        ("第 3 页", 3),
        ("- 3 -", 3),
        ("3/12", 3),
        ("iv", 4),
        ("Annual report | 3", 3),
        ("3 | Annual report", 3),
        ("Invoice 7103", None),
        ("Article 3", None),
        ("mill", None),  # letters of Roman numbers, but none
        ("iiii", None),
        ("$ 3", None),
    ],
)
def test_the_number_of_a_line_that_may_be_the_page_s(line: str, number: int | None) -> None:
    assert reading(line).number == number


def test_what_a_line_says_beside_its_number() -> None:
    assert reading("Page 3 of 12").words == "" and reading("Page 3 of 12").worded
    assert reading("Annual report 2025 | 3").words == "annual report 2025"
    assert reading("Annual report 2025 | 3").pattern == reading("Annual report 2025 | 4").pattern
    assert reading("- 3 -").is_bare and not reading("Page 3").is_bare and not reading("plain").is_bare
    assert reading("No number").words == "no number"


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        ([(1, 7), (2, 8), (3, 9)], True),
        ([(1, 7), (3, 9), (5, 11)], True),  # on every other page
        ([(1, 7), (2, 8), (3, 1), (4, 2)], True),  # it begins anew
        ([(1, 7), (2, 8), (3, 9), (4, 10), (5, 10)], True),  # a misprint
        ([(1, 7), (2, 7), (3, 7)], False),
        ([(1, 2024)], False),
        ([], False),
        ([(1, 1), (2, 1), (3, 1)], False),
    ],
)
def test_numbers_that_go_up_as_the_pages_do(found: list[tuple[int, int]], counts: bool) -> None:
    assert counts_pages(found) is counts

import pytest

from rag.heads import evidence, head_rows

PRICES = [("Dish", "Price"), ("Soup", "4.50"), ("Roast", "14.20"), ("Cake", "3.90")]
FACTS = [("Rated power", "5.5 kW"), ("Noise level", "68 dB(A)"), ("Oil volume", "4.2 litres")]
WIDE = [("Depot", "Tool", "Count"), ("North", "Saw", "3"), ("South", "Axe", "12")]
DATES = [("12 May 2024", "Oslo", "3"), ("3 June 2025", "Bergen", "7"), ("9 July 2025", "Moss", "8")]


@pytest.mark.parametrize(
    ("rows", "ruled", "count"),
    [
        (PRICES, False, 1),
        (FACTS, False, 0),
        (FACTS, True, 0),  # a list of facts below a rule that Markdown made its author draw
        (WIDE, False, 1),
        (DATES, False, 0),
        ([("Stock of 2024", "", ""), *WIDE], False, 2),  # a title line above
        ([("Depot", "Tool", "Tool"), ("", "Name", "Count"), ("North", "Saw", "3"), ("South", "Axe", "9")], False, 2),
        ([("", "Saw", "Axe"), ("North", "3", "1"), ("South", "2", "9")], False, 1),  # an empty corner
        ([("Only", "row")], False, 0),
        ([("Only", "row")], True, 1),
        ([], False, 0),
        ([("", "")], False, 0),
    ],
)
def test_how_many_rows_are_the_head(rows: list[tuple[str, ...]], ruled: bool, count: int) -> None:
    assert head_rows(rows, ruled) == count


def test_a_sign_is_for_or_against_or_missing() -> None:
    assert evidence(PRICES[0], PRICES[1:]) == 1
    assert evidence(FACTS[0], FACTS[1:]) == -1
    assert evidence(("Anna", "Berg"), [("Carl", "Dahl"), ("Elin", "Falk")]) == 0
    assert evidence(DATES[0], DATES[1:]) == -1


def test_years_above_figures_are_names_and_above_years_they_are_not() -> None:
    assert evidence(("Site", "2023", "2024"), [("Oslo", "40", "51"), ("Moss", "12", "9")]) == 1
    assert evidence(("Oslo", "2023", "2019"), [("Moss", "2019", "2022"), ("Bodo", "2020", "2021")]) == -1


def test_the_numbered_columns_of_a_matrix_are_a_head() -> None:
    assert evidence(("1", "2", "3"), [("4", "8", "9"), ("7", "6", "5")]) == 1
    assert evidence(("4", "9", "2"), [("3", "5", "7"), ("8", "1", "6")]) == -1

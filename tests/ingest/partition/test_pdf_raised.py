from ingest.partition.pdf_page import Line
from ingest.partition.pdf_raised import Run, base_of, marked, written


def line(text: str, left: float, baseline: float = 100, size: float = 10) -> Line:
    return Line(text, left, baseline - 0.8 * size, left + 0.5 * size * len(text), baseline + 0.22 * size, size, False)


def texts(*words: Line) -> list[str]:
    return [word.text for word in marked(words)]


def test_a_word_stands_on_the_baseline_of_its_largest_letters() -> None:
    base = Run("10", 10, 100)
    assert base_of([Run("*", 6, 96), base, Run("6", 6, 96)]) is base


def test_a_small_digit_higher_up_is_a_power_and_lower_down_an_index() -> None:
    assert written([Run("10", 10, 100), Run("6", 6, 96)], "", " CFU") == "10^6"
    assert written([Run("log 10", 10, 100), Run("2", 6, 102)], "", " is") == "log 10_2"
    formula = [Run("H", 10, 100), Run("2", 6, 102), Run("O", 10, 100)]
    assert written(formula, "", "") == "H2O", "as everybody types it"


def test_what_is_not_small_or_hardly_moved_is_no_mark() -> None:
    assert written([Run("10", 10, 100), Run("6", 10, 96)], "", "") == "106"
    assert written([Run("10", 10, 100), Run("6", 6, 99.9)], "", "") == "106"


def test_a_mark_behind_a_word_becomes_a_part_of_it() -> None:
    assert texts(line("parts", 10), line("3", 35.5, 96, 6), line("for", 50)) == ["parts[^3]", "for"]


def test_a_word_goes_on_behind_its_raised_digit() -> None:
    assert texts(line("10", 10), line("6", 20.2, 96, 6), line("fold", 23.2)) == ["10^6fold"]


def test_a_mark_before_a_word_stays_a_word() -> None:
    first, second = texts(
        line("3", 10, 96, 6),
        line("Measured", 14),
    )
    assert "3" in first and first != "3" and second == "Measured"


def test_words_of_one_size_stay_as_they_are() -> None:
    assert texts(line("a", 10), line("b", 20), line("c", 30)) == ["a", "b", "c"]

import pytest

from ingest.partition.numerals import repeated, word_numeral


@pytest.mark.parametrize(
    ("style", "numbers", "shown"),
    [
        ("decimal", (1, 28), ["1", "28"]),
        ("lowerRoman", (4, 28), ["iv", "xxviii"]),
        ("upperLetter", (1, 26, 27), ["A", "Z", "AA"]),
        ("decimalZero", (7, 12), ["07", "12"]),
        ("ordinal", (1, 2, 3, 11, 112, 121), ["1st", "2nd", "3rd", "11th", "112th", "121st"]),
        ("cardinalText", (0, 13, 40, 99, 100), ["Zero", "Thirteen", "Forty", "Ninety-nine", "100"]),
        ("ordinalText", (1, 12, 20, 35, 100), ["First", "Twelfth", "Twentieth", "Thirty-fifth", "100th"]),
        ("decimalEnclosedCircle", (1, 20, 21), ["①", "⑳", "21"]),
        ("chineseCounting", (3, 10, 21), ["三", "十", "二十一"]),
        ("taiwaneseDigital", (10, 21), ["一〇", "二一"]),
        ("hex", (255,), ["FF"]),
        ("none", (3,), [""]),
        ("a format of tomorrow", (7,), ["7"]),
    ],
)
def test_a_number_is_shown_as_word_shows_it(style: str, numbers: tuple[int, ...], shown: list[str]) -> None:
    assert [word_numeral(number, style) for number in numbers] == shown


def test_letters_go_on_doubled_as_long_as_word_counts_them() -> None:
    assert [repeated(number, "ab") for number in (1, 2, 3, 6)] == ["a", "b", "aa", "bbb"]
    assert repeated(0, "ab") == "0" and repeated(781, "ab") == "781"

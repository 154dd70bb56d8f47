import pytest

from ingest.partition.line import PLAIN, Line, Look

UP, DOWN, NOTE, STRUCK = Look("raised"), Look("lowered"), Look("note"), Look(is_struck=True)


@pytest.mark.parametrize(
    ("spans", "text"),
    [
        ([("plain ", PLAIN), (" words", PLAIN)], "plain  words"),
        ([("10", PLAIN), ("6", UP), (" CFU", PLAIN)], "10^6 CFU"),
        ([("log 10", PLAIN), ("2", DOWN), (" is 3", PLAIN)], "log 10_2 is 3"),
        ([("H", PLAIN), ("2", DOWN), ("O", PLAIN)], "H2O"),  # as everybody types it
        ([("parts", PLAIN), ("3", NOTE), (" for", PLAIN)], "parts[^3] for"),
        ([("parts", PLAIN), ("3", NOTE), ("4", NOTE)], "parts[^3][^4]"),
        ([("for ", PLAIN), ("24", STRUCK), ("36 months", PLAIN)], "for ~~24~~ 36 months"),
        ([("for", PLAIN), ("24", STRUCK), (" months", STRUCK), (".", PLAIN)], "for ~~24 months~~."),
        ([("(", PLAIN), ("old", STRUCK), (")", PLAIN)], "(~~old~~)"),
        ([("all gone ", STRUCK)], "~~all gone~~"),
        ([("x", PLAIN), ("  ", STRUCK), ("y", PLAIN)], "x  y"),
        ([], ""),
    ],
)
def test_spans_of_different_looks_are_one_plain_line(spans: list[tuple[str, Look]], text: str) -> None:
    line = Line()
    for letters, look in spans:
        line.add(letters, look)
    assert line.text() == text
    assert line.text() == text, "reading it changes nothing"


def test_a_line_knows_whether_it_is_blank_and_how_it_ends() -> None:
    line = Line()
    line.add(" \t")
    assert line.is_blank
    line.add("words", STRUCK)
    line.add("")
    assert not line.is_blank and line.tail() == " \twords"
    line.clear()
    assert line.is_blank and line.text() == ""

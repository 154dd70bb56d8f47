from rag.types import Passage, Section, Span

HEADS = (Section(Span(10, 16), ("Pumps",), title=True), Section(Span(17, 40), ("Pumps",)))
LATER = (Section(Span(50, 56), ("Pumps", "Oil"), title=True), Section(Span(57, 80), ("Pumps", "Oil")))
PASSAGE = Passage(
    1, "d", "T", "", "…", (Span(10, 40), Span(50, 80)), 9, headings=("Manual",), sections=(*HEADS, *LATER)
)


def test_a_passage_reaches_from_its_first_span_to_its_last() -> None:
    assert (PASSAGE.start, PASSAGE.end) == (10, 80)


def test_the_headings_above_a_character_are_those_of_its_section() -> None:
    assert PASSAGE.headings_at(20) == ("Pumps",) and PASSAGE.headings_at(79) == ("Pumps", "Oil")
    assert PASSAGE.headings_at(45) == ("Manual",), "none is known there"


def test_a_character_may_stand_in_a_heading() -> None:
    assert PASSAGE.is_title(10) and PASSAGE.is_title(55)
    assert not PASSAGE.is_title(16) and not PASSAGE.is_title(20) and not PASSAGE.is_title(45)


def test_the_last_heading_above_a_character() -> None:
    assert [PASSAGE.title_above(place) for place in (9, 10, 39, 50, 79)] == [0, 10, 10, 50, 50]

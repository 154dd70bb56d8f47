from rag.types import Draft, Span, Taken, Usage, draft_of
from rag.types.answers import text_of

FIRST = Taken("", "Oil it. [1]", "Oil it.", 1, Span(0, 7))
SECOND = Taken(" ", "Wait. [2]", "Wait.", 2, Span(3, 8))


def test_pieces_of_a_model_are_its_text_without_white_space_around_it() -> None:
    made = draft_of([" Oil", " it. ", Usage(1, 2)], "m")
    assert made == Draft("Oil it.", "m", Usage(1, 2))


def test_sentences_that_were_taken_stay_known_where_they_are_all_there_is() -> None:
    assert draft_of([FIRST, SECOND], "m") == Draft("Oil it. [1] Wait. [2]", "m", taken=(FIRST, SECOND))
    assert draft_of([FIRST, " And more."], "m").taken == ()
    assert draft_of([], "m") == Draft("", "m")


def test_the_last_usage_counts() -> None:
    assert draft_of([Usage(1, 1), "x", Usage(5, 6, 0.1)], "m").usage == Usage(5, 6, 0.1)


def test_what_a_piece_adds() -> None:
    assert text_of("word ") == "word " and text_of(SECOND) == " Wait. [2]"

from __future__ import annotations

from rag.context.dedupe import collapse, drop_near_duplicates
from tests.fakes import make_hit

LONG = "Refunds are paid within five working days after the order was cancelled by the customer in the console."


def test_the_better_ranked_of_two_near_duplicates_stays() -> None:
    copy = LONG.replace("console.", "console!")
    hits = [
        make_hit(LONG, "new", rank=1),
        make_hit("Something else entirely here.", "x", rank=2),
        make_hit(copy, "old"),
    ]
    kept, dropped = drop_near_duplicates(hits, 0.9)
    assert [hit.chunk.doc_id for hit in kept] == ["new", "x"]
    assert [(d.doc_id, d.span, d.reason) for d in dropped] == [("old", hits[2].chunk.span, "near_duplicate")]


def test_a_longer_text_is_never_dropped_for_a_part_of_it() -> None:
    part, whole = make_hit(LONG, "a"), make_hit(LONG + " A fee of two percent applies to refunds by wire.", "b")
    assert [hit.chunk.doc_id for hit in drop_near_duplicates([part, whole], 0.9)[0]] == ["a", "b"]
    assert [hit.chunk.doc_id for hit in drop_near_duplicates([whole, part], 0.9)[0]] == ["b"]


def test_one_changed_number_in_a_short_text_is_not_a_duplicate() -> None:
    hits = [make_hit("Version 4.1 keeps files 30 days.", "a"), make_hit("Version 4.2 keeps files 60 days.", "b")]
    assert len(drop_near_duplicates(hits, 0.9)[0]) == 2


def test_overlapping_ranges_of_one_document_count_as_the_same() -> None:
    first, second = make_hit("a b c d e f g h", "doc", 0), make_hit("b c d e f g h", "doc", 2)
    assert drop_near_duplicates([first, second], 0.9)[0] == [first]


def test_texts_without_words_are_kept() -> None:
    assert len(drop_near_duplicates([make_hit("---", "a"), make_hit("***", "b")], 0.9)[0]) == 2


def test_collapse_shows_the_best_of_what_says_the_same_and_fills_up_from_below() -> None:
    copies = [make_hit(LONG, f"copy{n}", rank=n) for n in range(1, 4)]
    others = [make_hit(f"Something else entirely, number {n} of two.", f"other{n}", rank=n + 3) for n in (1, 2)]
    shown = collapse([*copies, *others], 0.9, top_k=2)
    assert [(hit.chunk.doc_id, hit.rank) for hit in shown] == [("copy1", 1), ("other1", 2)]
    assert [hit.score for hit in shown] == [copies[0].score, others[0].score]
    assert len(collapse([*copies, *others], 0.9, top_k=10)) == 3
    assert collapse([], 0.9, top_k=3) == ()

"""The counts of a run add up: each document is counted once."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.report import compare

states = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("1234"))


@given(states, states)
def test_counts_add_up_to_the_documents_before_and_after(before, after):
    report = compare("kb", 1, before, after)
    stayed = report.changed + report.unchanged + len(report.moved)
    assert stayed + report.removed == len(before) and stayed + report.added == len(after)
    for old, new in report.moved:
        assert before[old] == after[new] and old not in after and new not in before
    assert len({old for old, _ in report.moved}) == len({new for _, new in report.moved}) == len(report.moved)
    gone = {before[x] for x in before.keys() - after.keys() - {old for old, _ in report.moved}}
    come = {after[x] for x in after.keys() - before.keys() - {new for _, new in report.moved}}
    assert not gone & come  # nothing that could count as moved is left


def test_a_swap_of_contents_is_two_changes_and_no_move():
    report = compare("kb", 1, {"a": "1", "b": "2"}, {"a": "2", "b": "1"})
    assert (report.changed, report.moved) == (2, ())

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.partition.clean import (
    clip,
    join_lines,
    line_ends,
    normalise_newlines,
    one_line,
    table_text,
    trim_lines,
)


@given(st.text())
def test_one_line_has_no_outer_or_double_space(text):
    line = one_line(text)
    assert line == " ".join(line.split()) and one_line(line) == line


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["the quick", "brown fox"], "the quick brown fox"),
        (["infor-", "mation"], "information"),
        (["non-", "NATO"], "non- NATO"),
        (["in 2020-", "2021"], "in 2020- 2021"),
        (["soft\u00ad", "hyphen"], "softhyphen"),
        (["", " a ", ""], "a"),
    ],
)
def test_lines_are_joined_and_broken_words_mended(lines, text):
    assert join_lines(lines) == text


def test_table_has_a_line_a_row():
    assert table_text([["a", " b\nc ", ""], ["", ""], ["1", "", "3"]]) == "a | b c\n1 |  | 3"


def test_clip_cuts_at_a_word():
    assert clip("short") == "short"
    assert clip("alpha beta, gamma", 12) == "alpha beta…"
    assert len(clip("x" * 500)) == 160


@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n", "\n"])
def test_line_ends_of_all_systems_are_one(end):
    assert line_ends(f"\ufeffa{end}b{end}{end}c") == "a\nb\n\nc"


def test_only_crlf_and_the_mark_change():
    assert normalise_newlines("\ufeffa\r\nb\rc\u0301\n") == "a\nb\rc\u0301\n"


def test_code_keeps_its_indentation():
    assert trim_lines("\n\n  if x:\n\treturn \n\n") == "  if x:\n\treturn"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ConfigError
from rag.retrieve.demote import BEFORE, demoted
from rag.settings import Settings, load_settings
from rag.types import Hit
from tests.fakes import make_hit


def hits(*kinds: str) -> list[Hit]:
    made = [make_hit(f"Text {n}.", f"d{n}", rank=n) for n in range(1, len(kinds) + 1)]
    return [
        replace(hit, score=1 / hit.rank, chunk=replace(hit.chunk, metadata={"kind": kind} if kind else {}))
        for hit, kind in zip(made, kinds, strict=True)
    ]


def ids(found: list[Hit]) -> list[str]:
    return [hit.chunk.doc_id for hit in found]


def test_a_demoted_hit_counts_as_one_further_down() -> None:
    found = demoted(hits("notes", "", "", "notes", ""), {"kind=notes": 0.5})
    assert ids(found) == ["d2", "d1", "d3", "d5", "d4"]
    assert [hit.rank for hit in found] == [1, 2, 3, 4, 5]
    assert {hit.chunk.doc_id: hit.stages[BEFORE].rank for hit in found if BEFORE in hit.stages} == {"d1": 1, "d4": 4}


def test_conditions_add_up_and_compare_dates_and_numbers() -> None:
    made = hits("notes", "", "")
    made[0] = replace(made[0], chunk=replace(made[0].chunk, metadata={"kind": "notes", "date": "2019-05-01"}))
    assert ids(demoted(made, {"kind=notes": 0.5, "date<2020": 0.6})) == ["d2", "d3", "d1"]
    assert ids(demoted(made, {"date>=2020": 0.1})) == ["d1", "d2", "d3"]
    assert ids(demoted(made, {"kind!=notes": 0.1})) == ["d1", "d2", "d3"]


@given(st.lists(st.sampled_from(["notes", "old", ""]), max_size=12), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_nothing_is_lost_and_scores_never_rise(kinds: list[str], notes: float, old: float) -> None:
    before = hits(*kinds)
    found = demoted(before, {"kind=notes": notes, "kind=old": old})
    assert sorted(ids(found)) == sorted(ids(before))
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True) and [hit.rank for hit in found] == list(range(1, len(found) + 1))
    plain = [hit.chunk.doc_id for hit in found if BEFORE not in hit.stages]
    assert plain == [doc_id for doc_id, kind in zip(ids(before), kinds, strict=True) if not kind]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("retrieval.leave_out=[kind]", "needs key=value"),
        ("retrieval.leave_out=[date<soon]", "neither a number nor a date"),
        ("retrieval.demote={kind=notes: 2}", "less than 1"),
        ("retrieval.demote={kind=notes: 0}", "greater than 0"),
        ("retrieval.demote={kind: 0.5}", "needs key=value"),
    ],
)
def test_a_bad_condition_or_factor_is_one_clear_line(setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(overrides=[setting], environ={})
    assert "\n" not in str(caught.value) and setting.partition("=")[0] in str(caught.value)


@pytest.mark.parametrize("changes", [{"retrieval.leave_out": ["kind=a"]}, {"retrieval.demote": {"kind=a": 0.5}}])
def test_settings_without_them_keep_their_fingerprint(changes: Mapping[str, object]) -> None:
    assert "leave_out" not in str(Settings().recorded()) and "demote" not in str(Settings().recorded())
    assert Settings().changed(changes).fingerprint() != Settings().fingerprint()

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer.verify import VERIFIERS, make_verifier, support_score
from rag.errors import UnknownKeyError
from rag.ports import Verifier
from rag.settings import AnswerSettings

EVIDENCE = "Refunds are paid within five days. The Pro plan costs 10 euros a month. Kvist runs the site in Aarhus."
SETTINGS = AnswerSettings()


@pytest.mark.parametrize("name", sorted(VERIFIERS))
class TestVerifier:
    async def test_a_verbatim_quotation_scores_one(self, name: str) -> None:
        stage = make_verifier(SETTINGS, name)
        assert isinstance(stage, Verifier)
        found = await stage.verify([("The Pro plan costs 10 euros a month.", EVIDENCE), ("five DAYS", EVIDENCE)])
        assert [(s.score, s.supported) for s in found] == [(1.0, True), (1.0, True)]

    @pytest.mark.parametrize(
        "claim",
        [
            "The Pro plan costs 12 euros a month.",
            "The Team plan costs 10 euros a month.",
            "Kvist runs the site in Odense.",
            "Whales sing in the deep ocean at night.",
        ],
    )
    async def test_a_changed_number_or_name_is_unsupported(self, name: str, claim: str) -> None:
        (found,) = await make_verifier(SETTINGS, name).verify([(claim, EVIDENCE)])
        assert not found.supported

    async def test_a_close_paraphrase_scores_above_an_unrelated_claim(self, name: str) -> None:
        claims = [("Within five days refunds are paid.", EVIDENCE), ("Refunds need a printed form.", EVIDENCE)]
        close, far = await make_verifier(SETTINGS, name).verify(claims)
        assert close.supported
        assert close.score > far.score

    async def test_findings_come_in_order_and_nothing_supports_nothing(self, name: str) -> None:
        found = await make_verifier(SETTINGS, name).verify([("", EVIDENCE), ("Refunds", ""), ("five days", EVIDENCE)])
        assert [s.score for s in found] == [0.0, 0.0, 1.0]
        assert await make_verifier(SETTINGS, name).verify([]) == []


@given(st.text(max_size=80), st.text(max_size=80))
def test_scores_lie_between_zero_and_one(claim: str, evidence: str) -> None:
    assert 0 <= support_score(claim, evidence) <= 1


def test_thousands_separators_and_spelled_numbers_are_the_same_number() -> None:
    assert support_score("The limit is 1000 files, kept 5 days.", "The limit is 1,000 files, kept five days.") > 0.5


def test_an_unknown_verifier_names_the_known_ones() -> None:
    with pytest.raises(UnknownKeyError, match="lexical"):
        make_verifier(SETTINGS, "oracle")

import pytest

from rag.answer.claims import claim_features, is_verbatim, missing_names, missing_numbers, negates

EVIDENCE = "The kiln reaches 1,250 degrees within two hours. Only Orla Brandt may open kiln K-7 before 09:30."


@pytest.mark.parametrize(
    ("claim", "missing"),
    [
        ("It reaches 1250 degrees.", []),
        ("It reaches 1250.0 degrees in 2 hours.", []),
        ("It reaches 1,300 degrees.", ["1300"]),
        ("The 3rd kiln opens at 09:30.", ["3"]),
        ("It reaches its heat within three hours.", []),  # a number in words is no figure
    ],
)
def test_figures_that_the_evidence_lacks(claim: str, missing: list[str]) -> None:
    assert missing_numbers(claim, EVIDENCE) == missing


@pytest.mark.parametrize(
    ("claim", "missing"),
    [
        ("Brandt may open kiln K-7.", []),
        ("Kilns are opened by Orla Brandt.", []),  # a word that only opens the sentence is no name
        ("Ask Per Holm to open it with ERR-9.", ["Per", "Holm", "ERR-9"]),
    ],
)
def test_names_that_the_evidence_lacks(claim: str, missing: list[str]) -> None:
    assert missing_names(claim, EVIDENCE) == missing


def test_a_quote_is_verbatim_whatever_its_case_and_marks() -> None:
    assert is_verbatim("the KILN reaches 1,250 degrees", EVIDENCE)
    assert not is_verbatim("the kiln reaches degrees", EVIDENCE)
    assert not is_verbatim("", EVIDENCE) and not is_verbatim("…", EVIDENCE)


@pytest.mark.parametrize(
    ("claim", "evidence", "turned"),
    [
        ("Open the kiln above 90 degrees.", "Never open the kiln above 90 degrees.", True),
        ("Open the kiln above 90 degrees.", "Never hurry: open the kiln above 90 degrees.", False),
        ("The kiln is not vented.", "The kiln is vented every night.", True),
        ("The kiln is vented.", "The kiln is not vented. The kiln is vented on Sundays.", False),
        ("The kiln is vented.", "The kiln is vented every night.", False),
    ],
)
def test_a_negation_turns_the_sentence_that_it_stands_in(claim: str, evidence: str, turned: bool) -> None:
    assert negates(claim, evidence) is turned


def test_the_features_of_a_claim_are_shares_and_tell_what_is_wrong() -> None:
    good = claim_features("The kiln reaches 1250 degrees within two hours.", EVIDENCE)
    assert set(good) == set(claim_features("", "")) and all(0 <= value <= 1 for value in good.values())
    assert good["covered"] == good["covered_by_sentence"] == pytest.approx(5 / 6)  # "1250" is no word of "1,250"
    assert good["numbers_missing"] == good["names_missing"] == good["opposite"] == 0.0
    assert claim_features("Orla may open it after 09:30.", EVIDENCE)["opposite"] == 1.0
    assert claim_features("It takes 1250 hours.", EVIDENCE)["units_changed"] == 1.0
    mixed = claim_features("Brandt and Holm open K-7.", EVIDENCE)
    assert mixed["names_missing"] == pytest.approx(1 / 2)  # Holm of Holm and K-7


def test_the_order_of_words_is_the_longest_common_subsequence() -> None:
    # Of six content words in another order, "alder birch" and "elm" or "fir" go on in order: at most 4 of 6.
    evidence = "alder birch cedar dogwood elm fir"
    assert claim_features(evidence, evidence)["order"] == 1.0
    assert claim_features("fir elm dogwood cedar birch alder", evidence)["order"] == pytest.approx(1 / 6)
    assert claim_features("alder birch elm cedar dogwood fir", evidence)["order"] == pytest.approx(5 / 6)

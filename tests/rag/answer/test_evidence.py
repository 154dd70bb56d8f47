"""The evidence verifier: what the rules decide, what the model adds, and what is left to the lexical score."""

from __future__ import annotations

import pytest

from rag.answer.verifiers.evidence import MAX_EVIDENCE_CHARS, EvidenceVerifier, parts_to_read, ruled_score
from rag.answer.verifiers.lexical import support_score
from rag.models.evidence_model import PackagedReader
from rag.ports import Embedder

KILN = (
    "The kiln must rest for 30 minutes after a firing. All glazes increase the weight of a tile, "
    "and the workshop opens before noon. Kvist sold the mill to Lund in spring."
)


@pytest.fixture
def verifier(embedder: Embedder) -> EvidenceVerifier:
    return EvidenceVerifier(0.5, PackagedReader(lambda: embedder))


@pytest.mark.parametrize(
    "claim",
    [
        "The kiln must rest for 30 hours after a firing.",
        "All glazes decrease the weight of a tile.",
        "The workshop never opens before noon.",
    ],
)
async def test_a_changed_word_is_found_that_keeps_most_others(verifier: EvidenceVerifier, claim: str) -> None:
    (found,) = await verifier.verify([(claim, KILN)])
    assert not found.supported


@pytest.mark.parametrize(
    "claim",
    [
        "The kiln must rest for 30 minutes after a firing.",
        "After a firing the kiln must rest for 30 minutes.",
        "All glazes increase the weight of a tile.",
        "Kvist sold the mill to Lund.",
    ],
)
async def test_a_true_claim_is_supported(verifier: EvidenceVerifier, claim: str) -> None:
    (found,) = await verifier.verify([(claim, KILN)])
    assert found.supported


async def test_a_claim_of_two_sentences_is_as_strong_as_the_weaker_one(verifier: EvidenceVerifier) -> None:
    assert parts_to_read("Yes. The kiln rests. It opens at noon.") == ["The kiln rests.", "It opens at noon."]
    good, bad = "Kvist sold the mill.", "All glazes decrease the weight of a tile."
    alone, both = verifier.logits([(good, KILN), (f"{good} {bad}", KILN)])
    assert len(alone) == 1 and len(both) == 2 and min(both) < alone[0]


def test_long_evidence_and_rows_without_heads_are_left_to_the_lexical_score() -> None:
    long = KILN + " Nothing else is known of it." * 40
    assert len(long) > MAX_EVIDENCE_CHARS
    claim = "Glazes weigh tiles down, all of them."
    assert ruled_score(claim, long) == support_score(claim, long)
    row, said = "eu-1 | Aarhus | ISO 27001", "region: eu-1; city: Aarhus; certificate: ISO 27001."
    assert ruled_score(said, row) == support_score(said, row)
    assert ruled_score(claim, KILN) is None


async def test_scores_repeat_to_the_last_bit(verifier: EvidenceVerifier, embedder: Embedder) -> None:
    claims = [("Glazes make a tile heavier.", KILN), ("The mill went to Lund.", KILN)]
    again = EvidenceVerifier(0.5, PackagedReader(lambda: embedder))
    assert await verifier.verify(claims) == (await again.verify(claims[::-1]))[::-1]

from dataclasses import replace

from eval.evidence import excerpts, judge_support
from eval.observation import Range, SupportFinding
from rag.types import Sentence, Span, Support
from tests.contracts.test_metrics import CITED
from tests.fakes import FakeVerifier

TEXT = "".join(chr(97 + n % 26) for n in range(5000))


def test_ranges_stand_in_their_surroundings_and_those_that_meet_are_one() -> None:
    found = excerpts(
        [Range("a", 1000, 1010), Range("a", 1300, 1310), Range("a", 4000, 4001), Range("gone", 0, 9)], {"a": TEXT}.get
    )
    assert [(each.doc_id, each.start) for each in found] == [("a", 760), ("a", 3760)]
    assert found[0].text == TEXT[760 : 1310 + 240] and all(TEXT[e.start :].startswith(e.text) for e in found)


def test_an_excerpt_keeps_to_its_document_and_a_long_one_is_cut() -> None:
    (start,) = excerpts([Range("a", 5, 9)], {"a": TEXT[:100]}.get)
    assert (start.start, start.text) == (0, TEXT[:100])
    (long,) = excerpts([Range("a", 0, 4900)], {"a": TEXT}.get)
    assert len(long.text) == 3000


async def test_support_is_asked_together_alone_and_without_each() -> None:
    one, two = replace(CITED, quote="the pump leaks"), replace(CITED, tag=2, quote="at noon", span=Span(30, 37))
    sentences = (Sentence("the pump leaks [1][2]", 0, 21, (one, two), "the pump leaks"), Sentence("bare", 22, 26))
    found = await judge_support(sentences, FakeVerifier())
    assert found == (SupportFinding(True, (True, False), (False, True)), SupportFinding(False, (), ()))


async def test_without_a_verifier_the_answer_s_own_findings_stand_in() -> None:
    weak = replace(CITED, support=Support(0.1, False))
    (found,) = await judge_support((Sentence("s", 0, 1, (CITED, weak)),), None)
    assert found == SupportFinding(True, (True, False), (False, True))

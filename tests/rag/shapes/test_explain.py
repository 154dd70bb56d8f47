from rag.explain.values import Explanation, Suggestion, SupportChange, Target, Tried
from rag.shapes.explain import explain_json, options, reference
from rag.types import Dropped, Generation, Sentence, Span, StageScore, Support
from tests.fakes import make_chunk
from tests.rag.shapes.test_convert import answer

TARGET = Target("a folder/f#1.md", "T", Span(4, 9), "asked", (make_chunk("asked", start=4),))
WIDER = Suggestion({"context.keep": 0.8, "context.budget_tokens": 3000}, 1200, 345)


def explanation(**changes: object) -> Explanation:
    values = {
        "question": "why?",
        "generation": Generation(7, "kb", 1, "f00"),
        "settings": "f00",
        "target": TARGET,
        "chunk": TARGET.chunks[0],
        "stages": {"dense": StageScore(3, 0.5), "bm25": None},
        "rank": 3,
        "in_hits": True,
        "gate": "budget",
        "reason": "The budget went to better passages.",
        "share": 0.123456,
        "tags": (),
        "left_out": (Dropped("d", Span(4, 9), "budget"),),
        "suggestions": (WIDER,),
        "tried": (Tried("context.keep", (0.6, 0.9)),),
        "not_tried": (),
        "answer": None,
        "sentences": (),
        "timings_ms": {"total": 1.0},
    }
    return Explanation(**{**values, **changes})  # type: ignore[arg-type]


def test_a_passage_is_named_as_the_command_line_takes_it() -> None:
    assert reference(TARGET) == "a%20folder/f%231.md#4-9"


def test_a_suggestion_is_said_as_options() -> None:
    assert options(WIDER) == ["context.keep=0.8", "context.budget_tokens=3000"]


def test_what_was_left_out_has_its_gate_its_ranks_and_what_lets_it_in() -> None:
    shown = explain_json(explanation()).model_dump(mode="json")
    assert (shown["in_context"], shown["gate"], shown["share"], shown["rank"]) == (False, "budget", 0.1235, 3)
    assert shown["stages"] == {"dense": {"rank": 3, "score": 0.5}, "bm25": None}
    assert shown["chunk"]["start"] == 4 and shown["passage"]["ref"] == reference(TARGET)
    assert shown["suggestions"][0]["set"] == options(WIDER)
    assert shown["tried"] == [{"key": "context.keep", "values": [0.6, 0.9]}]
    assert shown["left_out"][0]["reason"] == "budget" and shown["answer"] is None


def test_a_passage_that_no_chunk_holds_has_none() -> None:
    shown = explain_json(explanation(chunk=None, gate="not_ingested", rank=None))
    assert shown.chunk is None and shown.rank is None and not shown.in_context


def test_the_answer_says_which_sentences_the_passage_carries() -> None:
    change = SupportChange(Sentence("Said. [1]", 0, 9), Support(0.9, True), Support(0.2, False))
    shown = explain_json(explanation(gate=None, answer=answer(), sentences=(change,)))
    assert shown.in_context and shown.answer and shown.answer.answer == "Said. [1]"
    (sentence,) = shown.answer.sentences
    assert (sentence.supported, sentence.supported_without, sentence.loses_support) == (True, False, True)
    assert (sentence.support_score, sentence.support_score_without) == (0.9, 0.2)

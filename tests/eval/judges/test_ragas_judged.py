import pytest

from eval.judges.ragas_judged import JUDGE_METRICS, aspect, judge_metrics
from rag.errors import UnknownKeyError


def test_all_metrics_and_every_aspect_unless_some_are_named() -> None:
    aspects = {"polite": "Is the response polite?"}
    assert set(judge_metrics(aspects)) == {*JUDGE_METRICS, "aspect.polite"}
    assert list(judge_metrics(aspects, ["aspect.polite"])) == ["aspect.polite"]
    with pytest.raises(UnknownKeyError, match="unknown judge metric 'aspect.rude'.*aspect.polite"):
        judge_metrics(aspects, ["aspect.rude"])


def test_every_metric_says_what_it_means_and_what_it_needs() -> None:
    for name, metric in JUDGE_METRICS.items():
        assert metric.meaning and set(metric.needs) <= {"answer", "contexts", "reference"}, name


def test_an_aspect_is_a_rate_whose_wording_is_its_version() -> None:
    found = aspect("Is the response polite?")
    assert found.rate and found.definition == found.meaning == "Is the response polite?" and found.needs == ("answer",)

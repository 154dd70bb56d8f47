from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.telemetry import Spans


def clock(*seconds: float) -> Callable[[], float]:
    return iter(seconds).__next__


def test_a_stage_has_the_sum_of_its_turns_and_the_total_all_of_it() -> None:
    spans = Spans(clock(10.0, 11.0, 11.5, 12.0, 12.25, 13.0))
    with spans.stage("pack"):
        pass
    with spans.stage("pack"):
        pass
    assert spans.timings_ms() == {"pack": 750.0, "total": 3000.0}


def test_stages_stand_in_the_order_of_their_first_turns() -> None:
    spans = Spans()
    for name in ("retrieve", "fuse", "retrieve"):
        with spans.stage(name):
            pass
    assert list(spans.timings_ms()) == ["retrieve", "fuse", "total"]


def test_a_stage_that_raises_is_counted() -> None:
    spans = Spans(clock(0.0, 1.0, 3.0, 4.0))
    with pytest.raises(KeyError), spans.stage("gate"):
        raise KeyError
    assert spans.timings_ms() == {"gate": 2000.0, "total": 4000.0}

"""Points: compared by their values, whatever the order they were named in, and the same after JSON."""

from __future__ import annotations

import json

from eval.tune.points import DEFAULT, Point, Task, point_of
from eval.tune.space import Range, Space


def test_a_point_is_its_values() -> None:
    one = Point.of({"retrieval.fusion": "rrf", "context.keep": 0.4})
    assert one == Point.of({"context.keep": 0.4, "retrieval.fusion": "rrf"}) and len({one, DEFAULT}) == 2
    assert one.text() == "context.keep=0.4 retrieval.fusion=rrf" and DEFAULT.text() == "the default"


def test_a_point_survives_json() -> None:
    one = Point.of({"retrieval.retrievers": ("dense", "bm25"), "bm25.k1": 1.2, "retrieval.exact": True})
    assert one.changes()["retrieval.retrievers"] == ["dense", "bm25"]
    assert point_of(json.loads(json.dumps(one.changes()))) == one and point_of({}) == DEFAULT
    assert one.text() == "bm25.k1=1.2 retrieval.exact=True retrieval.retrievers=[dense,bm25]"


def test_a_task_counts_its_questions() -> None:
    task = Task(Space((Range("context.keep"),)), (0, 0, 1), ("a", "b", "c"), 10)
    assert task.questions == 3 and task.seed == 0 and task.warm == ()

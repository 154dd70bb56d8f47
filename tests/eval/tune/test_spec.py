"""Specifications: what is read, and one clear line for what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.tune.spec import Sweep, check, known_specs, read_spec, spec_of
from rag.errors import ConfigError
from rag.settings import Settings

SPACE = {"context.keep": [0.3, 0.5], "context.packing": ["rank", "knapsack"]}


def checked(**changes: Any) -> Sweep:
    tree = {"sets": [{"set": "corpora/demo"}], "space": SPACE} | changes
    return check(spec_of(tree, "spec.yaml"), Settings(), "nDCG@10")


def test_a_specification_says_what_varies_and_what_decides() -> None:
    sweep = checked(constraints=["context_tokens <= 1500", "false_abstention<=0.05"], settings={"context.keep": 0.4})
    assert sweep.space.keys == ("context.keep", "context.packing") and sweep.space.most() == 4
    assert [item.name for item in sweep.objectives] == ["nDCG@10"] and sweep.objectives[0].sign == 1
    assert [item.text() for item in sweep.constraints] == ["context_tokens <= 1500", "false_abstention <= 0.05"]
    assert [metric.name for metric in sweep.metrics] == ["nDCG@10", "context_tokens", "false_abstention"]
    assert sweep.base.context.keep == 0.4 and sweep.builds == ()
    assert checked(objectives=["context_tokens"]).objectives[0].sign == -1


def test_a_list_in_a_list_is_one_value() -> None:
    sweep = checked(space={"retrieval.retrievers": [["dense", "bm25"], ["bm25"]]})
    assert [point.changes() for point in sweep.space.grid()] == [
        {"retrieval.retrievers": ["dense", "bm25"]},
        {"retrieval.retrievers": ["bm25"]},
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {}}, "space"),
        ({"space": {"context.keep": []}}, "has no value to try"),
        ({"space": {"context.kept": [0.3]}}, "kept"),
        ({"space": {"contxt.keep": [0.3]}}, "decides no result"),
        ({"space": {"serve.port": [1, 2]}}, "decides no result"),
        ({"space": {"context.keep": [0.3, 7]}}, r"context\.keep=7"),
        ({"space": {"context.keep": {"float": [0.6, 0.3]}}}, "low <= high"),
        ({"space": {"context.max_hits": {"int": [0, 9], "log": True}}}, "above 0 for log"),
        ({"space": {"context.keep": {"step": 0.1}}}, "list of values, or one of"),
        ({"space": {"retrieval.weights": [{"dense": 1.0}]}}, "inner keys with dots"),
        ({"space": {"context.keep": {"choice": [0.3], "when": {"context.kept": 1}}}}, "unknown setting"),
        ({"sets": []}, "sets"),
        ({"sets": [{"set": "x", "split": "dev"}]}, "split"),
        ({"sets": [{"set": "x", "search": "sealed"}]}, "never opens the sealed split"),
        ({"sets": [{"set": "x", "search": "dev", "confirm": "dev"}]}, "questions it never saw"),
        ({"sets": [{"set": "x", "search": None}]}, "none are left to confirm"),
        ({"sets": [{"set": "x", "corpus": "No Name"}]}, "corpus name"),
        ({"objectives": ["speed"]}, "unknown metric"),
        ({"objectives": ["nDCG@10", "nDCG@10"]}, "named twice"),
        ({"constraints": ["false_abstention < 0.1"]}, "METRIC<=NUMBER"),
        ({"constraints": ["speed<=1"]}, "unknown metric"),
        ({"constraints": ["context_tokens<=100", "context_tokens>=200"]}, "cannot both hold"),
        ({"budget": {"trials": 0}}, "trials"),
        ({"seed": -1}, "seed"),
        ({"name": "a\nanswer: {max_sentences: 1}"}, "name"),
        ({"space": {"context.keep": {"float": [0.1, 0.9], "step": 1e-12}}}, "more than 10000 steps"),
        ({"settings": {"context.kept": 1}}, "kept"),
    ],
)
def test_what_is_wrong_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        checked(**changes)
    assert "\n" not in str(raised.value)


def test_a_file_is_named_in_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"sets": [{"set": "x"}], "space": SPACE}))
    assert read_spec(str(path)).name == "mine"
    for text, message in (("- a\n", "must be a mapping"), ("a: [", "cannot read"), ("sets: 3\n", r"mine\.yaml: sets")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_spec(str(path))
    path.write_text("sets: [{set: x}]\nspace: {context.keep: [0.3]}\nspace: {context.keep: [0.5]}\n")
    with pytest.raises(ConfigError, match="line 3: the key 'space' stands twice"):
        read_spec(str(path))
    with pytest.raises(ConfigError, match=r"no sweep 'quik'.*quick"):
        read_spec("quik")


@pytest.mark.parametrize("name", known_specs())
def test_the_sweeps_that_come_with_ragwright_are_right(name: str) -> None:
    assert check(read_spec(name), Settings(), "nDCG@10").space.most() > 1

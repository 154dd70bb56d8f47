import json
from pathlib import Path
from typing import Any

import pytest

from eval.judges.labels import read_labels
from rag.errors import ConfigError


def labels(folder: Path, *rows: Any) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    (folder / "labels.jsonl").write_text("\ufeff" + "\n\n".join(lines), encoding="utf-8")
    return folder / "labels.jsonl"


def test_labels_of_several_people_and_of_every_form(tmp_path: Path) -> None:
    found = read_labels(labels(tmp_path, {"id": "a", "human": True}, {"id": "b", "human": [1, 0.5, False]}))
    assert [(item.id, item.labels) for item in found] == [("a", (1.0,)), ("b", (1.0, 0.5, 0.0))]
    assert found[1].label == 0.5


def test_a_scale_says_which_numbers_mean_worst_and_best(tmp_path: Path) -> None:
    found = read_labels(labels(tmp_path, {"id": "a", "human": [1, 3, 5, True]}), (1, 5))
    assert found[0].labels == (0.0, 0.5, 1.0, 1.0)


def test_what_the_judge_is_shown(tmp_path: Path) -> None:
    row = {"id": "a", "human": 1, "question": "q", "answer": "x", "contexts": ["c"], "reference": "r", "other": 1}
    material = read_labels(labels(tmp_path, row))[0].material
    assert (material.question, material.answer, material.contexts, material.reference) == ("q", "x", ("c",), "r")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a", "human": 7}], "labels.jsonl:1: human: 7.0 is not on the scale 0..1"),
        ([{"id": "a", "human": 1}, {"id": "a", "human": 0}], "labels.jsonl:3: id: 'a' was used before"),
        (["{"], "labels.jsonl:1: not a JSON object"),
        ([{"id": "", "human": 1}], "labels.jsonl:1: id:"),
        ([{"id": "a", "human": []}], "is not on the scale"),
        ([], "holds no label"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path, rows: list[Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_labels(labels(tmp_path, *rows))
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the labels"):
        read_labels(tmp_path / "none")

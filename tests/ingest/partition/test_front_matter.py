"""Front matter, sidecars and rows: values as they are written, and rules that are no front matter."""

import json

import pytest

from ingest.partition import partition_file
from ingest.sources import resolve
from ingest.sources.reading import read_document
from rag.settings import PartitionSettings
from tests.ingest.partition.test_containers import FAULTS

WRITTEN = {"country": "NO", "version": "1.10", "zip": "01234", "code": "0x1F", "start": "12:30", "active": "yes"}
MORE = {"octal": "0o17", "big": "1_000", "float": "1e5", "dot": ".5", "off": "Off", "sign": "+7", "hour": "1:02:03"}


def documents(folder):
    return {item.doc_id: read_document(item, PartitionSettings()) for item in resolve([str(folder)]).items}


def test_values_of_front_matter_stay_as_written():
    metadata = partition_file(FAULTS / "yaml_types" / "policy.md", "x").metadata
    assert {key: metadata[key] for key in WRITTEN} == WRITTEN
    assert (metadata["effective"], metadata["sku"], metadata["tags"]) == ("2024-03-05", "1e5", ("a", "b"))


def test_values_of_sidecars_and_folders_stay_as_written(tmp_path):
    (tmp_path / "a.txt").write_text("Words.")
    (tmp_path / "_meta.yaml").write_text("".join(f"{key}: {value}\n" for key, value in WRITTEN.items()))
    (tmp_path / "a.txt.meta.yaml").write_text(
        "".join(f"{k}: {v}\n" for k, v in MORE.items()) + "none: null\nl: [1.0]\n"
    )
    metadata = documents(tmp_path)["a.txt"].metadata
    assert {key: metadata[key] for key in WRITTEN | MORE} == WRITTEN | MORE
    assert "none" not in metadata and metadata["l"] == ("1.0",)


def test_values_of_rows_are_those_of_json(tmp_path):
    row = '{"doc_id": "r", "text": "Words.", "active": true, "old": false, "version": 1.10, "n": 7, "none": null}\n'
    (tmp_path / "documents.jsonl").write_text(row)
    metadata = documents(tmp_path)["r"].metadata
    assert metadata == {"active": "true", "old": "false", "version": "1.10", "n": "7"}


def test_dates_are_iso_and_broken_front_matter_is_told(tmp_path):
    (tmp_path / "a.md").write_text("---\nwhen: 2024-03-05 10:00:00\ntitle: A: B\n---\nWords.\n")
    document = partition_file(tmp_path / "a.md", "x")
    assert document.warnings and "front matter is no YAML" in document.warnings[0]
    (tmp_path / "b.md").write_text("---\nwhen: 2024-03-05 10:00:00\n---\nWords.\n")
    assert partition_file(tmp_path / "b.md", "x").metadata["when"] == "2024-03-05T10:00:00"


@pytest.mark.parametrize(
    "body",
    [
        "---\n\nThis page starts with a rule.\n\n# Real title\n\nText.\n\n---\n\nMore: here.\n",
        "---\n\nNote: the pump is hot.\n\n---\n\n# Real title\n\nMore words.\n",
        "---\nJust a sentence between two rules, and no field.\n---\n\n# Real title\n",
        "---\n- a list\n- of points\n---\n\n# Real title\n",
        "---\nA sentence: with a colon: and one more.\nAnother line.\n---\n\n# Real title\n",
    ],
)
@pytest.mark.parametrize("suffix", [".md", ".markdown"])
def test_a_leading_rule_is_no_front_matter(tmp_path, body, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text(body)
    document = partition_file(path, "x")
    assert not [block for block in document.blocks if block.kind == "front_matter"] and not document.warnings
    assert document.title == "Real title" and document.text == body


def test_the_rule_of_the_fault():
    document = partition_file(FAULTS / "md_leading_rule" / "rule.md", "x")
    words = [document.text[b.span.start : b.span.end] for b in document.blocks if b.kind in {"paragraph", "heading"}]
    assert "This page starts with a rule, not with front matter." in words and "# Real title" in words


def test_a_real_front_matter_still_is_one(tmp_path):
    for number, fields in enumerate(("a: 1\n", "", "# comment\na:\n  - x\n\nb: 2\n", "'quoted key': v\n")):
        path = tmp_path / f"{number}.md"
        path.write_text(f"---\n{fields}---\n\n# T\n")
        assert partition_file(path, "x").blocks[0].kind == "front_matter", fields
    assert json.dumps(dict(partition_file(tmp_path / "2.md", "x").metadata)) == '{"a": ["x"], "b": "2", "format": "md"}'


@pytest.mark.parametrize("suffix", [".md", ".markdown"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n  \n"])
def test_a_document_of_front_matter_alone_says_that_nothing_finds_it(tmp_path, suffix, end):
    path = tmp_path / f"a{suffix}"
    path.write_text(f"---\ntitle: A\nkind: note\n---{end}")
    (warning,) = partition_file(path, path.name).warnings
    assert "nothing in it but front matter" in warning and "put text below" in warning
    path.write_text("---\ntitle: A\n---\n\nText.\n")
    assert not partition_file(path, path.name).warnings

"""Sources of documentation trees: roles in headings, directives with their bodies, text that other files hold."""

import pytest

from ingest.partition import partition_file


@pytest.fixture
def read(tmp_path):
    def write_and_read(text, name="a.rst"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return partition_file(path, name)

    return write_and_read


def blocks(document, kind):
    return [document.text[b.span.start : b.span.end] for b in document.blocks if b.kind == kind]


def under(title, name):
    return f"{title}\n{'=' * len(title)}\n\nWords.\n" if name.endswith(".rst") else f"# {title}\n\nWords.\n"


@pytest.mark.parametrize(
    ("name", "title", "shown"),
    [
        ("a.rst", ":mod:`pump.ext` -- Drive a pump", "pump.ext -- Drive a pump"),
        ("a.rst", ":py:func:`~pump.start` and ``stop``", "start and stop"),
        ("a.rst", "The :ref:`winter rules <winter>`", "The winter rules"),
        ("a.rst", "The *very* **cold** `valve`_ of |maker|", "The very cold valve of maker"),
        ("a.rst", "See `the shop <https://shop.example>`__", "See the shop"),
        ("a.rst", "Use ``a * b * c`` and 2 * 3 * 4", "Use a * b * c and 2 * 3 * 4"),
        ("a.rst", "Names_ with_ under_scores and a\\*b", "Names with under_scores and a*b"),
        ("a.rst", "Time 10:30 `to` 11:30", "Time 10:30 to 11:30"),
        ("a.md", "{mod}`pump.ext` drives", "pump.ext drives"),
        ("a.md", "The {ref}`winter rules <winter>`", "The winter rules"),
        ("a.md", "{py:func}`~pump.start` and `{a: 1}`", "start and {a: 1}"),
        ("a.md", "A set {1, 2} and `code`", "A set {1, 2} and code"),
    ],
)
def test_names_of_headings_are_words(read, name, title, shown):
    document = read(under(title, name), name)
    assert document.title == shown
    assert [b.headings for b in document.blocks if b.kind == "paragraph"] == [(shown,)]
    assert title in document.text


def test_a_directive_stands_with_the_first_words_of_its_body(read):
    document = read(
        "Options\n=======\n\n.. option:: --dry\n\n   Changes nothing.\n\n   It prints what it would do.\n\n"
        ".. note:: Mind the gap.\n\n.. versionadded:: 2.1\n   The gap.\n\n.. tip::\n\n   * one\n   * two\n"
    )
    assert blocks(document, "paragraph") == [
        ".. option:: --dry\n\n   Changes nothing.",
        "It prints what it would do.",
        ".. note:: Mind the gap.",
        ".. versionadded:: 2.1\n   The gap.",
        ".. tip::",
    ]
    assert blocks(document, "list_item") == ["* one", "* two"]


@pytest.mark.parametrize("name", ["testcode", "testoutput", "doctest", "productionlist", "graphviz", "uml", "mermaid"])
def test_bodies_that_are_code_stay_whole(read, name):
    body = "   a = 1\n\n   - b\n\n   c"
    assert blocks(read(f"Say\n===\n\n.. {name}::\n\n{body}\n"), "code") == [f".. {name}::\n\n{body}"]


@pytest.mark.parametrize(
    ("name", "line", "target"),
    [
        ("a.rst", ".. include:: ../shared/prices.inc", "../shared/prices.inc"),
        ("a.rst", ".. literalinclude:: start.py\n   :lines: 3-9", "start.py"),
        ("a.rst", ".. csv-table:: Prices\n   :file: prices.csv\n   :header-rows: 1", "prices.csv"),
        ("a.rst", ".. note::\n\n   .. include:: gap.txt", "gap.txt"),
        ("a.md", "```{include} ../shared/prices.md\n```", "../shared/prices.md"),
        ("a.md", "```{literalinclude} start.py\n:lines: 3-9\n```", "start.py"),
        ("a.md", '--8<-- "shared/prices.md"', "shared/prices.md"),
        ("a.md", "{!shared/prices.md!}", "shared/prices.md"),
        ("a.md", "<!--@include: ./prices.md-->", "./prices.md"),
        ("a.md", "<<< @/snippets/start.js", "@/snippets/start.js"),
        ("a.md", "[!INCLUDE [prices](../shared/prices.md)]", "../shared/prices.md"),
        ("a.md", '{{< include "prices.md" >}}', "prices.md"),
    ],
)
def test_text_that_another_file_holds_is_named_in_a_warning(read, name, line, target):
    document = read(f"{under('Prices', name)}\n{line}\n\nMore words.\n", name)
    assert document.warnings == (f"it includes {target}, which is not read with it; ingest that file by itself",)
    assert line.split("\n")[0] in document.text


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a.rst", "::\n\n   .. include:: gap.txt"),
        ("a.rst", ".. code-block:: rst\n\n   .. include:: gap.txt"),
        ("a.rst", "Write ``.. include:: gap.txt`` there."),
        ("a.md", '```text\n--8<-- "gap.md"\n```'),
        ("a.md", "~~~md\n```{include} gap.md\n```\n~~~"),
        ("a.md", "Write `{!gap.md!}` there."),
    ],
)
def test_an_example_of_an_include_is_text(read, name, part):
    document = read(f"{under('Say', name)}\n{part}\n", name)
    assert document.warnings == ()
    assert "gap." in document.text


def test_many_includes_are_one_warning_each_and_named_once(read):
    document = read(".. include:: a.inc\n\n.. include:: b.inc\n\n.. include:: a.inc\n\nWords.\n")
    assert document.warnings == (
        "it includes a.inc and b.inc, which are not read with it; ingest those files by themselves",
    )


def test_fields_that_steer_the_builder_are_no_text(read):
    document = read(":orphan:\n:tocdepth: 2\n\nPumps\n=====\n\nWords.\n")
    assert blocks(document, "front_matter") == [":orphan:\n:tocdepth: 2"]
    assert blocks(document, "list_item") == []
    document = read(":Author: Ana\n:Date: 2024-05-01\n\nPumps\n=====\n\nWords.\n")
    assert blocks(document, "list_item") == [":Author: Ana", ":Date: 2024-05-01"]

from pathlib import Path

from ingest.partition.layout import Content
from ingest.partition.rst import partition_rst

PAGE = """=====
Pumps
=====

Oil them::

    run --oil
    run --wait

Parts
-----

- belt
- lamp

.. note:: Never alone.

   Two people.

.. code-block:: python

   print("x")

Size
~~~~

+-----+-----+
| a   | b   |
+=====+=====+
| 1   | 2   |
+-----+-----+

Notes
-----

End.
"""


def read(folder: Path, text: str) -> Content:
    (folder / "a.rst").write_text(text)
    return partition_rst(folder / "a.rst")


def test_levels_follow_the_order_in_which_styles_of_headings_appear(tmp_path: Path) -> None:
    content = read(tmp_path, PAGE)
    assert [(block.level, block.headings) for block in content.blocks if block.kind == "heading"] == [
        (1, ("Pumps",)),
        (2, ("Pumps", "Parts")),
        (3, ("Pumps", "Parts", "Size")),
        (2, ("Pumps", "Notes")),
    ]


def test_code_lists_and_tables_are_told_apart(tmp_path: Path) -> None:
    content = read(tmp_path, PAGE)
    found = {(block.kind, content.text[block.span.start : block.span.end]) for block in content.blocks}
    assert ("code", "run --oil\n    run --wait") in found
    assert ("list_item", "- belt") in found and ("list_item", "- lamp") in found
    assert ("table", "a | b\n1 | 2") in found
    assert any(kind == "code" and "print" in text for kind, text in found)
    assert any(kind == "paragraph" and "Two people." in text for kind, text in found)


def test_a_row_of_dashes_is_no_heading(tmp_path: Path) -> None:
    content = read(tmp_path, "First.\n\n----------\n\nSecond.\n")
    assert "heading" not in {block.kind for block in content.blocks}

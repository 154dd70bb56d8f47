"""Directives, admonitions, tabs, containers and attribute lists of Markdown dialects."""

import pytest

from ingest.partition import partition_file

PAGE = """# Install {#install .big}

:::note[Mind]
Close the valve first.
:::

!!! warning "Hot"
    The pipe is hot.

    - one

        deep code

After it.

```{note}
:class: x
MyST words here.
```

````{tab-set}
```{tab-item} Linux
Run setup.sh now.
```
````

```python
code = ":::"
!!! no
```

=== "Windows"

    Run setup.exe as admin.

    ```
    setup.exe
    ```

## Use it {: #use }

```{code-block} python
x = 1
```
"""


@pytest.fixture
def read(tmp_path):
    def reading(body):
        path = tmp_path / "a.md"
        path.write_text(body)
        document = partition_file(path, "x")
        assert document.text == body
        return [(b.kind, b.headings, body[b.span.start : b.span.end]) for b in document.blocks]

    return reading


def test_bodies_of_directives_are_text_and_code_is_code(read):
    blocks = read(PAGE)
    kinds = {text: kind for kind, _, text in blocks}
    for words in ("Close the valve first.", "The pipe is hot.", "MyST words here.", "Run setup.sh now."):
        assert kinds[words] == "paragraph"
    assert kinds["Run setup.exe as admin."] == kinds["After it."] == "paragraph"
    assert kinds['```python\ncode = ":::"\n!!! no\n```'] == kinds["```{code-block} python\nx = 1\n```"] == "code"
    assert kinds["```\n    setup.exe\n    ```"] == "code"


def test_attribute_lists_are_no_words_of_a_heading(read):
    paths = {headings for _, headings, _ in read(PAGE)}
    assert paths == {("Install",), ("Install", "Use it")}
    assert read("# Sets {1, 2}\n\n## Api {method}\n")[1][1] == ("Sets {1, 2}", "Api {method}")
    assert read("# Title { data-toc=yes }\n")[0][1] == ("Title",)


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_a_fence_ends_where_it_does(read, fence):
    blocks = read(f"{fence}{{tip}}\nWords.\n{fence}\n\n{fence}\ncode\n{fence}\n\nLast words.\n")
    assert [kind for kind, _, text in blocks if text in {"Words.", "Last words."}] == ["paragraph", "paragraph"]
    assert ("code", (), f"{fence}\ncode\n{fence}") in blocks


def test_plain_markdown_is_as_before(read):
    blocks = read("Set\n===\n\nText.\n\n    code\n\n- a\n\n      b\n")
    assert [kind for kind, _, _ in blocks] == ["heading", "paragraph", "code", "list_item"]

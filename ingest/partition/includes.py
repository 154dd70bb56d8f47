"""Text that a source takes from another file when it is built: it is not read here, so a warning names the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rag.types import Block

_RST = re.compile(r"\.\.\s+(?:include|literalinclude)::\s+(\S+)")
_RST_TABLE = re.compile(r"\.\.\s+[\w-]+::[^\n]*(?:\n\s+:[\w-]+:[^\n]*)*?\n\s+:(?:file|url):\s+(\S+)")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,}|:{3,})[ \t]*\{(?:include|literalinclude)\}[ \t]+(\S+)", re.MULTILINE)
_CODE = re.compile(r"(?:`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)\n?[ \t]*(?:`{3,}|~{3,})\s*\Z", re.DOTALL)
_LINE = re.compile(
    r"""^[ \t]*(?:-+8<-+[ \t]+["']([^"'\n]+)["']
    |\{!\s*([^!\n]+?)\s*!\}
    |<!--\s*@include:\s*(\S+?)\s*-->
    |<<<\s+(\S+).*
    |\[!(?:INCLUDE|code-[\w-]+)\s*\[[^\]\n]*\]\(([^)\s]+)[^)\n]*\)\]
    |\{\{[<%]\s*(?:include|readfile|code_sample)\s+(?:file=)?["']([^"'\n]+)["'].*?[%>]\}\}
    |\{%-?\s*include(?:_relative|-markdown)?\s+["']?([^"'\s%]+)["']?.*?%\})[ \t]*$""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_SIGNS = ("8<-", "{!", "<<<", "nclude", "NCLUDE", "[!code", "[!CODE", "readfile", "code_sample")
_EXAMPLES = frozenset({"", "text", "txt", "md", "markdown", "html", "rst"})
_SHOWN = 3
_SHOWS = re.compile(r"::\s*\Z")
_BEFORE = 40


def rst_includes(text: str, blocks: Iterable[Block]) -> tuple[str, ...]:
    """Return the warning about the files that reStructuredText includes, () where it includes none."""
    found = []
    for block in blocks:
        if block.kind == "code" and _SHOWS.search(text, max(0, block.span.start - _BEFORE), block.span.start):
            continue  # it shows how to include
        match = _RST.match(text, block.span.start, block.span.end) or (
            _RST_TABLE.match(text, block.span.start, block.span.end) if block.kind in {"table", "code"} else None
        )
        if match and not match.group(1).startswith("<"):  # files of docutils, which only name signs
            found.append(match.group(1))
    return _warning(found)


def markdown_includes(text: str, blocks: Iterable[Block]) -> tuple[str, ...]:
    """Return the warning about the files that Markdown of any dialect includes, () where it includes none."""
    # Most pages include nothing: one look over the text says so.
    if not any(sign in text for sign in _SIGNS) or not (_FENCE.search(text) or _LINE.search(text)):
        return ()
    return _warning(name for block in blocks for name in _of_block(block, text[block.span.start : block.span.end]))


def _of_block(block: Block, text: str) -> Iterator[str]:
    if block.kind in {"heading", "table", "front_matter"}:
        return
    fence = _FENCE.match(text)
    if fence:
        yield fence.group(1)
        return
    if block.kind == "code":
        code = _CODE.match(text)
        if code is None or code.group(1).lower() in _EXAMPLES:
            return
        text = code.group(2)
        # Code that shows how to include has other lines, or none of a language.
        if not all(_LINE.fullmatch(line) for line in text.split("\n")):
            return
    for match in _LINE.finditer(text):
        yield next(name for name in match.groups() if name)


def _warning(names: Iterable[str]) -> tuple[str, ...]:
    files = list(dict.fromkeys(names))
    if not files:
        return ()
    if len(files) == 1:
        return (f"it includes {files[0]}, which is not read with it; ingest that file by itself",)
    shown, more = files[:_SHOWN], len(files) - _SHOWN
    last = f"{more} more" if more > 0 else shown.pop()
    return (f"it includes {', '.join(shown)} and {last}, which are not read with it; ingest those files by themselves",)

"""What dialects of Markdown add to it: directives, admonitions, tabs, containers, attribute lists.

CommonMark takes the body of `!!! note` and of a `{note}` fence for code, and `:::` for a word of the paragraph below.
The parser is given the same lines with these marks blanked out, so that its line numbers stay those of the file.
"""

from __future__ import annotations

import re

_ANY = re.compile(r"^[ \t]*(?::{3,}|!!!|\?\?\?|===[ \t]|(?:`{3,}|~{3,})[ \t]*\{)", re.MULTILINE)
_CONTAINER = re.compile(r"[ \t]*:{3,}")
_INDENTED = re.compile(r"([ \t]*)(?:!!!|\?\?\?\+?|===[!+]?)[ \t]+\S")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*(.*)")
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}")
_OPTION = re.compile(r"[ \t]*:[\w-]+:")
_CODE = frozenset(
    """code code-block code-cell sourcecode eval-rst math mermaid literalinclude include raw highlight parsed-literal
    plot graphviz toctree figure image csv-table list-table automodule autoclass autofunction python bash sh""".split()
)
_BODY_INDENT = 4
_ATTRIBUTES = re.compile(r"[ \t]*\{:?[ \t]*[#.][^{}]*\}[ \t]*$|[ \t]*\{:?[ \t]*[\w-]+=[^{}]*\}[ \t]*$")


def without_attributes(heading: str) -> str:
    """Return the words of a heading without the attribute list behind them.

    >>> without_attributes("Install {#install .first}"), without_attributes("The set {1, 2}")
    ('Install', 'The set {1, 2}')
    """
    return _ATTRIBUTES.sub("", heading)


def plain_lines(source: str) -> str:
    """Return Markdown with the marks of dialects as blank lines and the bodies of admonitions at the margin."""
    if not _ANY.search(source):
        return source
    reader = _Dialect()
    return "\n".join(reader.line(line) for line in source.split("\n"))


class _Dialect:
    def __init__(self) -> None:
        self._fence = ""  # the fence of code that is open
        self._directives: list[str] = []  # the fences of directives that are open
        self._indent = -1  # of the admonition that is open
        self._in_options = False

    def line(self, line: str) -> str:
        if self._fence:
            match = _FENCE.match(line)
            if match and match.group(1).startswith(self._fence) and not match.group(2).strip():
                self._fence = ""
            return self._dedented(line)
        if self._in_options and _OPTION.match(line):
            return ""
        self._in_options = False
        if _CONTAINER.match(line):
            self._in_options = True
            return ""
        fence = _FENCE.match(self._dedented(line))
        if fence:
            return self._fenced(line, fence)
        begun = _INDENTED.match(line)
        if begun:
            self._indent = len(begun.group(1).expandtabs(_BODY_INDENT))
            return ""
        return self._dedented(line)

    def _fenced(self, line: str, fence: re.Match[str]) -> str:
        mark, info = fence.groups()
        if not info.strip() and self._directives and mark.startswith(self._directives[-1]):
            self._directives.pop()
            return ""
        directive = _DIRECTIVE.match(info)
        if directive and directive.group(1).rpartition(":")[2] not in _CODE:
            self._directives.append(mark)
            self._in_options = True
            return ""
        self._fence = mark
        return self._dedented(line)

    def _dedented(self, line: str) -> str:
        """Return a line of an open admonition at the margin; the first line that is not indented ends it."""
        if self._indent < 0 or not line.strip():
            return line
        own = len(line) - len(line.lstrip(" \t"))
        if len(line[:own].expandtabs(_BODY_INDENT)) < self._indent + _BODY_INDENT:
            self._indent = -1
            return line
        return line.expandtabs(_BODY_INDENT)[self._indent + _BODY_INDENT :]

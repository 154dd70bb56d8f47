"""Names without the markup of reStructuredText and of roles: what a reader sees of a heading."""

from __future__ import annotations

import re

_LINKED = re.compile(r"(.+?)\s*<[^<>]+>\s*\Z", re.DOTALL)
_BEFORE, _AFTER = r"(?:(?<=[\s'\"(\[{<\-/:])|^)", r"(?=[\s'\")\]}>\-/:.,;!?]|$)"
_MARKUP = re.compile(
    rf"""{_BEFORE}``(?P<code>.+?)``{_AFTER}
    |{_BEFORE}(?::[\w:.+-]+:)?`(?P<role>[^`\s](?:[^`]*[^`\s])?)`(?::[\w:.+-]+:)?_{{0,2}}{_AFTER}
    |{_BEFORE}\*\*(?P<strong>\S(?:.*?\S)?)\*\*{_AFTER}
    |{_BEFORE}\*(?P<emphasis>[^\s*](?:[^*]*[^\s*])?)\*{_AFTER}
    |{_BEFORE}\|(?P<substitution>[^\s|](?:[^|]*[^\s|])?)\|_{{0,2}}{_AFTER}
    |(?<!\w)(?P<name>[^\W_](?:[\w.+-]*[^\W_])?)__?(?!\w)
    |\\(?P<escaped>.)""",
    re.VERBOSE,
)


def plain_rst(text: str) -> str:
    r"""Return a line of reStructuredText as its readers see it.

    >>> plain_rst(":mod:`pump.ext` -- *all* of ``a*b``"), plain_rst("The `shop <https://a.example>`_ of 10\\*2")
    ('pump.ext -- all of a*b', 'The shop of 10*2')
    """
    return _MARKUP.sub(_seen, text)


def role_text(words: str) -> str:
    """Return what a role shows of its words: their title, the last name of a path with a tilde.

    >>> role_text("winter rules <winter>"), role_text("~pump.start"), role_text("!stop")
    ('winter rules', 'start', 'stop')
    """
    linked = _LINKED.match(words)
    if linked:
        return linked.group(1)
    return words[1:].rpartition(".")[2] if words.startswith("~") else words.removeprefix("!")


def _seen(match: re.Match[str]) -> str:
    return role_text(match["role"]) if match["role"] else match[match.lastgroup or 0]

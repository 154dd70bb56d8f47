"""Results are types: open JSON is named only where it is read or written."""

from __future__ import annotations

import re
from pathlib import Path

from eval import results

_OPEN = re.compile(
    r"\b(?:dict|Dict|Mapping|MutableMapping)\[\s*str\s*,\s*(?:Any|object)\s*\]|\bJson(?:Tree|Value|Dict|Object)?\b"
)
_AT_MOST = 40


def test_open_json_is_named_at_the_edges_only() -> None:
    """Each mention is a function or field of which the type checker knows nothing: `make` no more of them."""
    folder = Path(str(results.__file__)).parents[1]
    found = [
        f"{path.relative_to(folder)}:{number}: {line.strip()}"
        for path in sorted(folder.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if _OPEN.search(line)
    ]
    assert len(found) <= _AT_MOST, "\n".join(found)

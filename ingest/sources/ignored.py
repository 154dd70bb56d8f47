"""The ignore file in the root of a folder or an archive: names that are no documents, in the notation of .gitignore."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.sources.globs import fits
from rag.errors import SourceError

IGNORE_FILE = ".ragwrightignore"


@dataclass(frozen=True, slots=True)
class _Rule:
    glob: str
    keeps: bool
    folders_only: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules of an ignore file; of those that fit a name the last one decides."""

    rules: tuple[_Rule, ...] = ()

    def leaves_out(self, name: str, *, is_folder: bool) -> bool:
        r"""Say whether a file or folder is left out; what is below a folder that is left out is never asked about.

        >>> rules = parsed("*.log\n!keep.log\n/drafts/\n")
        >>> [rules.leaves_out(name, is_folder=False) for name in ("a/x.log", "a/keep.log", "drafts")]
        [True, False, False]
        """
        fitting = (rule for rule in reversed(self.rules) if is_folder or not rule.folders_only)
        last = next((rule for rule in fitting if fits(name, rule.glob)), None)
        return last is not None and not last.keeps

    def leaves_out_below(self, name: str) -> bool:
        """Say whether a file is left out, by its own name or by that of a folder above it."""
        parts = name.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return any(self.leaves_out(folder, is_folder=True) for folder in above) or self.leaves_out(
            name, is_folder=False
        )


def parsed(text: str) -> Ignored:
    """Return the rules that an ignore file holds, one a line; `#` starts a comment, `!` takes a rule back."""
    return Ignored(tuple(rule for line in text.splitlines() if (rule := _rule(line))))


def read_ignored(path: Path) -> Ignored:
    """Return the rules of a file, none if there is no such file.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return parsed(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Ignored()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SourceError(f"{path} cannot be read: {reason}; mend or remove it") from error


def _rule(line: str) -> _Rule | None:
    plain = line.strip()
    if not plain or plain.startswith("#"):
        return None
    keeps = plain.startswith("!")
    glob = plain.removeprefix("!").removeprefix("\\")  # a backslash makes a sign of `#` and `!`
    return _Rule(glob, keeps, glob.endswith("/")) if glob.strip("/") else None

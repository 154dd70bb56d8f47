"""Token counts and token offsets from a Hugging Face `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HfTokenizer


class JsonTokenizer:
    """`rag.ports.Tokenizer` over a `tokenizer.json` file; never truncates."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._path = path
        self._loaded: HfTokenizer | None = None

    def __reduce__(self) -> tuple[type[JsonTokenizer], tuple[Path, str]]:
        return JsonTokenizer, (self._path, self.name)

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, special tokens excluded."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the `[start, end)` code-point range of every token, in order."""
        offsets: list[tuple[int, int]] = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return offsets

    @property
    def _tokenizer(self) -> HfTokenizer:
        if self._loaded is None:
            self._loaded = load_tokenizer(self._path)
        return self._loaded


def load_tokenizer(path: Path, max_tokens: int | None = None) -> HfTokenizer:
    """Load a tokenizer that never pads and, if asked, truncates to `max_tokens` special tokens included."""
    from tokenizers import Tokenizer as HfTokenizer

    tokenizer = HfTokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if max_tokens is not None:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer

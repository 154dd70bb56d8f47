"""Which tokenizer a context budget is counted with."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rag.cache.recent import Recent
from rag.ports import Tokenizer

if TYPE_CHECKING:
    import tiktoken

_ENCODING = "o200k_base"
_URL = f"https://openaipublic.blob.core.windows.net/encodings/{_ENCODING}.tiktoken"


class TiktokenTokenizer:
    """OpenAI's byte-pair tokenizer `o200k_base`."""

    name = _ENCODING

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self._encoding = encoding

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        return len(self._encoding.encode_ordinary(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the code-point range of every token; tokens that split one character share its range."""
        tokens = self._encoding.encode_ordinary(text)
        lengths = [len(self._encoding.decode_single_token_bytes(token)) for token in tokens]
        character_of = [i for i, character in enumerate(text) for _ in range(len(character.encode()))]
        ranges = []
        position = 0
        for length in lengths:
            ranges.append((character_of[position], character_of[position + length - 1] + 1))
            position += length
        return ranges


class CountedTokenizer:
    """A tokenizer that keeps the counts of the texts it counted last."""

    def __init__(self, tokenizer: Tokenizer, size: int = 32_768) -> None:
        self.name = tokenizer.name
        self._tokenizer = tokenizer
        self._counts: Recent[str, int] = Recent(size)

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        return self._counts.of(text, lambda: self._tokenizer.count(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the code-point range of every token."""
        return self._tokenizer.offsets(text)


def budget_tokenizer(embedder: Tokenizer, cache_dir: Path | None = None) -> Tokenizer:
    """Return `o200k_base` when its file is in tiktoken's cache folder, else the embedder's tokenizer.

    Nothing is fetched. `cache_dir` is tiktoken's own (its `TIKTOKEN_CACHE_DIR`); None means the embedder's.
    """
    # tiktoken names a cached file by the sha1 of where it came from
    name = hashlib.sha1(_URL.encode(), usedforsecurity=False).hexdigest()
    if cache_dir is None or not (cache_dir / name).is_file():
        return embedder
    import tiktoken

    # It reads the same folder by itself (TIKTOKEN_CACHE_DIR) and finds the file there.
    return TiktokenTokenizer(tiktoken.get_encoding(_ENCODING))

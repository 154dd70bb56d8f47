"""Vectors of single texts, embedded one at a time, or in a thread of its own while their reader is still busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from rag.ports import Embedder, Embeddings
from rag.types import Vectors

_WINDOW = 64  # texts that are embedded at once, and so the most that are embedded for nothing when all stops


def one_at_a_time(embedder: Embedder) -> Callable[[str], Vectors]:
    """Return what embeds one text by itself, `(d,) float32`."""

    def vector(text: str) -> Vectors:
        found: Vectors = embedder.embed([text]).vectors[0]
        return found

    return vector


class EmbeddedAhead:
    """The vectors of `texts`, each embedded once, in their order; leaving the context drops what has not begun."""

    def __init__(self, embedder: Embedder, texts: Iterable[str]) -> None:
        self._embedder = embedder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed-ahead")
        self._found: dict[str, tuple[Future[Embeddings], int]] = {}
        unique = list(dict.fromkeys(texts))
        for start in range(0, len(unique), _WINDOW):
            window = unique[start : start + _WINDOW]
            future = self._pool.submit(embedder.embed, window)
            self._found |= {text: (future, row) for row, text in enumerate(window)}

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the window under way end and drop the rest."""
        self._pool.shutdown(cancel_futures=True)

    def vector(self, text: str) -> Vectors:
        """Return a text's vector as soon as it is there; a text that was not announced is embedded now.

        Raises:
            Exception: what the embedder raised for the texts embedded with this one.
        """
        if text not in self._found:
            return one_at_a_time(self._embedder)(text)
        future, row = self._found[text]
        vector: Vectors = future.result().vectors[row]
        return vector

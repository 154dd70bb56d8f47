"""Vectors of single texts, embedded one at a time, or in a thread of its own while their reader is still busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

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
    """The vectors of `texts`, each embedded once, in their order, until it is closed."""

    def __init__(self, embedder: Embedder, texts: Iterable[str]) -> None:
        self._embedder = embedder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed-ahead")
        self._found: dict[str, tuple[Future[Embeddings], int]] = {}
        unique = list(dict.fromkeys(texts))
        for start in range(0, len(unique), _WINDOW):
            window = unique[start : start + _WINDOW]
            future = self._pool.submit(embedder.embed, window)
            self._found |= {text: (future, row) for row, text in enumerate(window)}

    def close(self) -> None:
        """Let the window under way end and drop the rest."""
        self._pool.shutdown(cancel_futures=True)

    def vector(self, text: str) -> Vectors:
        """Return a text's vector as soon as it is there; a text that was not announced is embedded now.

        So is one whose neighbours' embedding failed, so that a text that cannot be embedded costs no other.

        Raises:
            Exception: what the embedder raises for this text.
        """
        if text not in self._found:
            return one_at_a_time(self._embedder)(text)
        future, row = self._found[text]
        if future.exception() is not None:
            return one_at_a_time(self._embedder)(text)
        found: Vectors = future.result().vectors[row]
        return found

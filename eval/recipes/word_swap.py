"""Words that stand in the same places as a word and mean another thing, read off the input vectors of an encoder."""

from __future__ import annotations

import random
import re
from functools import lru_cache
from pathlib import Path

import numpy as np

_SUFFIXES = ("ing", "ed", "ly", "tion", "s", "er", "al", "ive", "ous", "ity")
_NEAREST, _FARTHEST = 6, 45  # nearer ones mean the same, farther ones are strange in the sentence
_SHORTEST = 4


class WordSwap:
    """Changes one content word of a sentence into a neighbour of the same ending."""

    def __init__(self, folder: Path) -> None:
        from safetensors import safe_open

        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        with safe_open(str(folder / "model.safetensors"), "numpy") as weights:
            name = next(key for key in weights.keys() if key.endswith("word_embeddings.weight"))  # noqa: SIM118
            vectors = weights.get_tensor(name)
        kept = [i for i, word in enumerate(vocabulary) if re.fullmatch(rf"[a-z]{{{_SHORTEST},}}", word)]
        self._words = [vocabulary[i] for i in kept]
        self._place = {word: i for i, word in enumerate(self._words)}
        found = vectors[kept].astype(np.float32)
        self._vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
        self._neighbours = lru_cache(20_000)(self._find)

    def swap(self, text: str, rng: random.Random) -> str | None:
        """Return the sentence with one word changed, or None when it has none that can be."""
        found = [match for match in re.finditer(r"\b[a-z]{4,}\b", text) if match.group() in self._place]
        rng.shuffle(found)
        for match in found[:3]:
            others = [word for word in self._neighbours(match.group()) if word not in text.lower()]
            if others:
                return text[: match.start()] + rng.choice(others) + text[match.end() :]
        return None

    def _find(self, word: str) -> tuple[str, ...]:
        order = np.argsort(-(self._vectors @ self._vectors[self._place[word]]))[_NEAREST:_FARTHEST]
        ending = _ending(word)
        return tuple(other for i in order if _ending(other := self._words[int(i)]) == ending and other[:4] != word[:4])


def _ending(word: str) -> str:
    return next((suffix for suffix in _SUFFIXES if word.endswith(suffix)), "")

"""What RAGAS calls: our judge as its language model, our embedder as its embeddings. Importing this imports RAGAS."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

from pydantic import BaseModel
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM

from rag.errors import GeneratorError
from rag.types import Vectors

Model = TypeVar("Model", bound=BaseModel)


class Structured(Protocol):
    """Asks a language model for a reply of a given shape."""

    async def structured(self, prompt: str, shape: type[Model], take: tuple[int, int]) -> Model:
        """Return the reply. `take` is the repeat, and how often this prompt was sent in it."""
        ...


class RagasLlm(InstructorBaseRagasLLM):
    """One scoring of one case. `failure` is the first reason that a request failed, whatever RAGAS made of it."""

    def __init__(self, judge: Structured, repeat: int) -> None:
        self.failure: str | None = None
        self._judge = judge
        self._repeat = repeat
        self._asked: Counter[str] = Counter()

    async def agenerate(self, prompt: str, response_model: type[Model]) -> Model:
        """Return the judge's reply in the shape that RAGAS wants."""
        if self.failure is not None:  # RAGAS asks on after a failure; the case is lost already
            raise GeneratorError(self.failure)
        turn = self._asked[prompt]  # asking the same three times is three requests
        self._asked[prompt] += 1
        try:
            return await self._judge.structured(prompt, response_model, (self._repeat, turn))
        except GeneratorError as error:
            self.failure = str(error)
            raise

    def generate(self, prompt: str, response_model: type[Model]) -> Model:
        """Refuse: every metric that is called here is asynchronous."""
        raise NotImplementedError("judges are asked asynchronously")


class RagasEmbedding(BaseRagasEmbedding):
    """An embedder behind the interface of RAGAS, as what returns one text's vector."""

    def __init__(self, vector_of: Callable[[str], Vectors]) -> None:
        super().__init__()
        self._vector_of = vector_of

    def embed_text(self, text: str, **kwargs: object) -> list[float]:
        """Return the vector of one text."""
        return [float(x) for x in self._vector_of(text)]

    async def aembed_text(self, text: str, **kwargs: object) -> list[float]:
        """Return the vector of one text, embedded in a thread."""
        return await asyncio.to_thread(self.embed_text, text)

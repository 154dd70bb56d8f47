"""`answer`: how an answer is written and checked."""

from __future__ import annotations

from pydantic import Field

from rag.settings.models import CALLED, EndpointModel, ModelSettings
from rag.settings.section import Section


class AnswerSettings(Section):
    """Generation and verification. A model writes when `generator` is `openai`, or `auto` and a model can be asked.

    An entry of `models` says itself how it is called. Of another model the keys from `max_output_tokens` to `retries`
    and the prices say it.
    """

    generator: str = Field(
        default="auto", description="auto, extractive or openai; auto is openai where OPENAI_BASE_URL is set"
    )
    model: EndpointModel = Field(
        default="default", description="an entry of models, or a model's name at OPENAI_BASE_URL"
    )
    prompt: str = Field(default="grounded@1", description="NAME@VERSION of the prompt file")
    max_sentences: int = Field(default=3, ge=1, description="of an extractive answer")
    max_output_tokens: int = Field(default=512, ge=1, description="most tokens of a written answer")
    temperature: float = Field(default=0.0, ge=0, description="of the language model; 0 repeats itself best")
    timeout_s: float = Field(default=60.0, gt=0, description="for a whole call to the endpoint, retries included")
    retries: int = Field(default=2, ge=0, description="of a call to the endpoint that may succeed later")
    abstain_below: float = Field(default=0.5, ge=0, le=1, description="answerability under which nothing is answered")
    support_threshold: float = Field(
        default=0.5, ge=0, le=1, description="support from which a citation counts as supported"
    )
    verifier: str = Field(
        default="evidence",
        description="what says whether a quote supports a sentence: evidence, lexical, coverage, cross-encoder or llm",
    )
    verifier_model: str | None = Field(default=None, description="folder or hub id of the verifier cross-encoder")
    usd_per_million_input: float | None = Field(
        default=None, description="price of input tokens; none: no cost is shown"
    )
    usd_per_million_output: float | None = Field(default=None, description="price of output tokens")

    def own_model(self, name: str | None = None) -> ModelSettings:
        """Return a model that is no entry of `models`, called as these keys say; by default the one that answers."""
        return ModelSettings.model_construct(model=name or self.model, **self.model_dump(include=CALLED))

"""`models`: the language models that answers, query steps and judges may name."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from rag.settings.section import Section

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""A name in `models` or `judge.models`."""


def address_problem(url: str) -> str | None:
    """Return what is wrong with an endpoint's address, None where nothing is; it does not repeat the address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "a base_url begins with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "a key does not belong into an address; name its variable in api_key_env"
    if parts.query or parts.fragment or url.rstrip()[-1:] in "?#":
        return "a base_url ends before the ? or #: /chat/completions is appended to it; name a key in api_key_env"
    return None


def _address(value: str) -> str:
    problem = address_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _named(value: str) -> str:
    if not value.strip():
        raise ValueError("a model needs a name; it is empty")
    return value


Address = Annotated[str, AfterValidator(_address)]
"""Of an OpenAI-compatible endpoint."""
EndpointModel = Annotated[str, AfterValidator(_named)]
"""The name of a model, never blank."""

_PRICES = {"usd_per_million_input", "usd_per_million_output"}
CALLED = {"temperature", "max_output_tokens", "timeout_s", "retries", *_PRICES}
"""Keys that say how a model is called; answers and judges have them too, for a model that is no entry."""


class ModelSettings(Section):
    """A language model at an OpenAI-compatible endpoint, as an entry of `models`.

    `temperature` and `max_output_tokens` are left out of requests where they are null.
    """

    model: EndpointModel = Field(description="its name at the endpoint")
    base_url: Address | None = Field(
        default=None, description="what /chat/completions is appended to; default OPENAI_BASE_URL"
    )
    api_key_env: str | None = Field(
        default=None,
        description="environment variable that holds the key; default OPENAI_API_KEY without a base_url, else no key",
    )
    temperature: float | None = Field(default=0.0, ge=0, description="randomness of what it writes")
    max_output_tokens: int | None = Field(default=1024, ge=1, description="longest reply")
    timeout_s: float = Field(default=60.0, gt=0, description="for an answer, tries included; each try of a judge's")
    retries: int = Field(default=2, ge=0, description="of a call that may succeed later")
    usd_per_million_input: float | None = Field(default=None, ge=0, description="price of a million tokens it reads")
    usd_per_million_output: float | None = Field(default=None, ge=0, description="price of a million tokens it writes")

    def relevant(self) -> dict[str, Any]:
        """Return what decides the replies."""
        return self.model_dump(mode="json", include={"model", "base_url", "temperature", "max_output_tokens"})

"""Versioned prompts: Dotprompt files named `NAME@VERSION.prompt` beside this loader.

A file is YAML front matter and a Handlebars template; of Handlebars we read `{{name}}`, `{{this.field}}`,
`{{#each list}}`, `{{#if name}}` and Dotprompt's `{{role "…"}}`. https://google.github.io/dotprompt/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, cast

import yaml

from rag.context.tags import source_brackets, untagged
from rag.errors import ConfigError, UnknownKeyError
from rag.prompts.fence import attribute, fenced
from rag.prompts.template import render_template
from rag.types import Context, Message, Prompt, Turn

REFUSAL = "The passages do not answer this question."
"""What a model is told to reply, word for word, when the passages hold no answer."""

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as it stands in its file; `inputs` are the values that its front matter says it shows."""

    name: str
    version: str
    description: str
    template: str
    inputs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class PromptFiles:
    """The prompts of a folder, read when first asked for; None means those that ship with Ragwright."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder

    def keys(self) -> list[str]:
        """Return every `name@version`, sorted."""
        return sorted(self._files)

    def get(self, key: str) -> PromptFile:
        """Return a prompt by `name@version`.

        Raises:
            UnknownKeyError: there is no such prompt.
        """
        if key not in self._files:
            raise UnknownKeyError("prompt", key, self._files)
        return self._files[key]

    def render(self, key: str, question: str, context: Context, history: Sequence[Turn] = ()) -> Prompt:
        """Fill a prompt with a question, its tagged passages and the turns before it.

        Text from documents cannot close its `<passage>` element, and template marks in it stay text. Its brackets are
        written as `[^2]`, and the tags of earlier answers are left out: neither are tags of these passages.
        """
        prompt = self.get(key)
        passages = [
            {"tag": p.tag, "title": attribute(source_brackets(p.title or p.doc_id)), "text": _quoted(p.text)}
            for p in context.passages
        ]
        turns = [{"role": turn.role, "text": _said(turn)} for turn in history]
        values = {"question": _quoted(question), "passages": passages, "history": turns, "refusal": REFUSAL}
        rendered = render_template(prompt.template, values)
        return Prompt(prompt.name, prompt.version, tuple(_message(role, text) for role, text in rendered))

    @cached_property
    def _files(self) -> Mapping[str, PromptFile]:
        folder = self._folder or files(__package__)
        found = [item for item in folder.iterdir() if item.name.endswith(".prompt")]
        prompts = [parse_prompt(item.name, item.read_text(encoding="utf-8")) for item in found]
        return {prompt.key: prompt for prompt in prompts}


def parse_prompt(file_name: str, source: str) -> PromptFile:
    """Read the text of a prompt file.

    Raises:
        ConfigError: the file's name has no version or its front matter is unreadable.
    """
    name, at, version = file_name.removesuffix(".prompt").partition("@")
    match = _FRONT_MATTER.match(source)
    if not (name and at and version and match):
        raise ConfigError(f"the prompt {file_name} must be named NAME@VERSION.prompt and start with YAML between '---'")
    try:
        front: Any = yaml.safe_load(match.group(1))
    except yaml.YAMLError as error:
        raise ConfigError(f"the front matter of {file_name} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(front, dict):
        raise ConfigError(f"the front matter of {file_name} must be a mapping")
    return PromptFile(name, version, str(front.get("description", "")), match.group(2), _inputs(front))


def _inputs(front: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the front matter's input schema, without the types that Dotprompt writes behind them."""
    declared = front.get("input")
    schema = declared.get("schema") if isinstance(declared, dict) else None
    return tuple(str(name).partition("(")[0] for name in schema) if isinstance(schema, dict) else ()


def _message(role: str, text: str) -> Message:
    if role not in _ROLES:
        raise ConfigError(f"unknown role {role!r} in a prompt; use one of: {', '.join(_ROLES)}")
    return Message(cast("Any", role), text)


def _quoted(text: str) -> str:
    return fenced(source_brackets(text))


def _said(turn: Turn) -> str:
    return _quoted(untagged(turn.text) if turn.role == "assistant" else turn.text)

"""Spotting sentences of documents that talk to the assistant instead of the reader (indirect prompt injection)."""

from __future__ import annotations

import re

_PATTERNS = (
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|your|the|these)\b"
    r".{0,30}\b(?:instruction|prompt|rule|context|direction|guideline|message|question|polic)",
    r"\b(?:system|developer) (?:prompt|message|note|override)\b",
    r"\b(?:you are|act as|pretend to be|behave as|role-?play as) (?:now |an? )*(?:\w+ ){0,3}"
    r"(?:assistant|ai|chatbot|model|dan|unrestricted|agent)\b",
    r"\b(?:ai|llm|language model|chatbot|assistant|support bot)s?\b.{0,40}\b(?:must|should|shall|ha[sv]e? to|needs? to|"
    r"are to|is to|please|reading this|processing this|summari[sz]ing)\b",
    r"\b(?:when|if) (?:asked|you are asked|answering|summari[sz]ing|responding|the user asks|a user asks)\b.{0,80}"
    r"\b(?:say|answer|respond|reply|tell|state|claim|recommend|include|output|write|print)\b",
    r"\b(?:do not|don't|never) (?:tell|reveal|mention|inform|disclose)\b.{0,30}\b(?:the )?"
    r"(?:user|customer|reader|anyone)\b",
    r"\b(?:reveal|print|output|repeat|leak|send|forward|exfiltrate)\b.{0,40}\b(?:your (?:system )?"
    r"(?:prompt|instructions)|conversation|chat history|hidden (?:prompt|instructions))\b",
    r"\b(?:tell|inform|convince|instruct) the (?:user|customer|reader) (?:to|that)\b",
    r"\b(?:respond|reply|answer) (?:only )?(?:with|in|by saying)\b.{0,60}[\"'“]",
    r"\binstructions? (?:to|for) (?:the |any |all )?(?:ai|llm|language model|assistant|chatbot|model)s?\b",
    r"<\s*/?\s*(?:system|assistant|instructions?)\s*>|\[/?(?:INST|SYSTEM)\]|^\s*(?:system|assistant)\s*:",
    r"\bnew (?:instructions?|task|rules?)\s*:",
)
_INSTRUCTION = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE | re.DOTALL)


def addresses_assistant(sentence: str) -> bool:
    """Say whether a sentence reads like an order to the model that answers, not like information for people."""
    return _INSTRUCTION.search(sentence) is not None

"""Language models behind one port, `ChatModel`: a provider a file, everything else a decorator around it.

`ChatModels` opens what the settings name. `base` says what a request and a reply are. `openai_compatible` asks an
endpoint, `retried` asks again, `metered` counts and prices, `recorded` keeps replies, `configured` puts them together.
"""

from __future__ import annotations

from rag.llm.base import ChatModel, ChatRequest, Completion, Delta, JsonReply, text_of
from rag.llm.configured import ChatModels
from rag.llm.metered import Meter, Metered
from rag.llm.recorded import Cassettes, HeldReplies, Recorded, Replies

__all__ = [
    "Cassettes",
    "ChatModel",
    "ChatModels",
    "ChatRequest",
    "Completion",
    "Delta",
    "HeldReplies",
    "JsonReply",
    "Meter",
    "Metered",
    "Recorded",
    "Replies",
    "text_of",
]

"""What an explanation says: frozen values, ranks from 1, offsets in the document's clean text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rag.types import Answer, Chunk, Context, Dropped, Generation, Hit, Metadata, Sentence, Span, StageScore, Support
from rag.types.loss import Gate

SettingValue = str | int | float


@dataclass(frozen=True, slots=True)
class PassageRef:
    """A passage that is asked about; without a range it is the whole document."""

    doc_id: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A passage as the generation has it, and the chunks through which it can reach a context.

    `span` neither starts nor ends with white space. `chunks` share a character with it, or their parent does.
    `metadata` is its document's, `left_out` the conditions of the settings for which it is not searched.
    """

    doc_id: str
    title: str
    span: Span
    text: str
    chunks: tuple[Chunk, ...]
    metadata: Metadata = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def chunk_ids(self) -> frozenset[str]:
        """The ids of its chunks."""
        return frozenset(chunk.chunk_id for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a passage in one run: `gate` removed it, or is None because the context holds part of it.

    `hit` is its best ranked chunk (None: no first stage brought one); `held` are the parts of it that the context
    holds, `left_out` the entries of the context's ledger that touch it. `context` is None where the ranking alone
    showed that it cannot be there.
    """

    gate: Gate | None
    hit: Hit | None
    held: tuple[Span, ...]
    left_out: tuple[Dropped, ...]
    context: Context | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of settings that was run and admits the passage.

    `tokens` is the size of the context that it gives; `changed_chars` counts the characters that this context holds
    and the present one does not, or the other way round.
    """

    settings: Mapping[str, SettingValue]
    tokens: int
    changed_chars: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that was changed alone, and the values with which the passage stayed out."""

    key: str
    values: tuple[SettingValue, ...]


@dataclass(frozen=True, slots=True)
class SupportChange:
    """How well a sentence's best citation supports it, with the passage in the context and without it."""

    sentence: Sentence
    before: Support
    after: Support

    @property
    def loses_support(self) -> bool:
        """Whether the sentence is supported only as long as the passage is there."""
        return self.before.supported and not self.after.supported


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a passage is in the context of a question, or why not.

    `stages` holds rank and score of the passage's best chunk, None where a stage gave it none. `tags` are the passages
    of the context that hold part of it, `share` (0..1) is how much of it they hold. `suggestions` come with the least
    disturbing first; `not_tried` are the settings that were not tried to the end, because it would have taken too many
    runs. `answer` and `sentences` are there when the passage is in the context.
    """

    question: str
    generation: Generation
    settings: str
    target: Target
    chunk: Chunk | None
    stages: Mapping[str, StageScore | None]
    rank: int | None
    in_hits: bool
    gate: Gate | None
    reason: str
    share: float
    tags: tuple[int, ...]
    left_out: tuple[Dropped, ...]
    suggestions: tuple[Suggestion, ...]
    tried: tuple[Tried, ...]
    not_tried: tuple[str, ...]
    answer: Answer | None
    sentences: tuple[SupportChange, ...]
    timings_ms: Mapping[str, float]

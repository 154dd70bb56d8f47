"""The judges that settings name; none named, none opened, nothing imported."""

from __future__ import annotations

from pathlib import Path

from eval.judges.base import Judge
from eval.judges.language import LanguageJudge
from eval.judges.lexical import NAME as LEXICAL
from eval.judges.lexical import LexicalJudge
from eval.judges.ragas_judged import judge_metrics
from rag.errors import ConfigError, UnknownKeyError
from rag.llm import Cassettes, ChatModels, HeldReplies, Replies
from rag.ports import Embedder
from rag.settings import JudgeSettings, Settings
from rag.state.home import Home


def open_judges(settings: Settings, embedder: Embedder) -> tuple[Judge, ...]:
    """Return a judge for every entry of `judge.models`.

    Raises:
        ConfigError: one has no endpoint, a metric is unknown, or a replay has no cassettes.
    """
    models = _models(settings)
    return tuple(open_judge(name, settings, embedder, models) for name in settings.judge.models)


def open_judge(name: str, settings: Settings, embedder: Embedder, models: ChatModels | None = None) -> Judge:
    """Return one judge; `lexical` is always there. `models` opens its model, None for what the settings say.

    Raises:
        UnknownKeyError: the settings name no such judge.
        ConfigError: it has no endpoint, a metric is unknown, or a replay has no cassettes.
    """
    judging = settings.judge
    if name in judging.models:
        metrics, models = judge_metrics(judging.aspects, judging.metrics), models or _models(settings)
        chat = None if _check_replay(judging) else models.judging(name, judging.models[name])
        judge = models.resolved(judging.models[name])
        return LanguageJudge(name, judge, metrics, chat, _replies(judging), embedder)
    if name == LEXICAL:
        return LexicalJudge()
    raise UnknownKeyError("judge", name, [*judging.models, LEXICAL])


def conflicts(settings: Settings) -> list[str]:
    """Return a line for every judge that would judge its own work: the model that reranks or that answers."""
    found = []
    models, writers = _models(settings), settings.answer.generator
    answering = writers == "openai" or (writers == "auto" and models.can_answer(settings.answer))
    answerer = models.called(settings.answer)
    for name, judge in settings.judge.models.items():
        model = models.resolved(judge).model
        if model == settings.rerank.model:
            found.append(f"judge {name!r} is the model that reranks ({model}); it would judge its own choice")
        elif answering and model == answerer:
            found.append(f"judge {name!r} is the model that answers ({model}); models favour their own answers")
    return found


def calibrations_file(settings: Settings) -> Path:
    """Return where calibrations are kept."""
    home = Home(Path(settings.environment.home).expanduser().resolve())
    return settings.judge.calibrations or home.calibrations


def _check_replay(judging: JudgeSettings) -> bool:
    if judging.replay and judging.cassettes is None:
        raise ConfigError("judge.replay needs judge.cassettes, the folder of recorded replies")
    return judging.replay


def _replies(judging: JudgeSettings) -> Replies:
    return HeldReplies() if judging.cassettes is None else Cassettes(judging.cassettes)


def _models(settings: Settings) -> ChatModels:
    return ChatModels(settings.models, settings.environment)

from __future__ import annotations

from dataclasses import replace

from rag.explain.gates import depth
from rag.explain.levers import LEVERS
from rag.explain.values import Fate
from rag.settings import Settings
from rag.types import Context, StageScore
from rag.types.loss import LOSSES
from tests.fakes import make_hit

HIT = make_hit("text", rank=60)
RANKED = replace(HIT, stages={**HIT.stages, "reranked": StageScore(60, 0.1)})
NOW = Fate("rerank", RANKED, (), (), Context((), 0, 1500, "fake"))


def test_every_value_of_every_lever_fits_its_setting_and_differs_from_it() -> None:
    settings = Settings().changed({"context.max_per_document": 2})
    for lever in LEVERS:
        values = list(lever.values(settings, NOW))
        assert values and len(set(values)) == len(values), lever.key
        for value in (values[0], values[-1]):
            changed = settings.changed({lever.key: value})
            assert changed != settings, lever.key


def test_a_limit_that_is_open_offers_nothing() -> None:
    open_wide = {"context.keep": 1.0, "context.near_duplicate": 1.0, "retrieval.candidates": 5000}
    settings = Settings().changed({**open_wide, "context.budget_tokens": 40_000, "context.max_passages": 2000})
    closed = {lever.key for lever in LEVERS if lever.cut and not lever.values(settings, NOW)}
    assert closed == {*open_wide, "context.budget_tokens", "context.max_passages", "context.max_per_document"}


def test_every_gate_that_a_limit_makes_has_its_limit() -> None:
    limits = {loss.depth for loss in LOSSES if loss.gate not in ("not_ingested", "left_out")}
    assert {depth(lever.gate) for lever in LEVERS if lever.cut} == limits

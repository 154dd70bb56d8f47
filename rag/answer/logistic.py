"""Logistic regression at prediction time; coefficients are fitted by the recipes in `eval/recipes`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Logistic:
    """`P(yes) = 1 / (1 + exp(-(intercept + sum of weight * feature)))`; a feature that is not given counts 0."""

    intercept: float
    weights: Mapping[str, float]

    def probability(self, features: Mapping[str, float]) -> float:
        """Return the probability, 0..1."""
        z = self.intercept + math.fsum(weight * features.get(name, 0.0) for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))

"""Plain successive halving: points drawn at random, half of them dropped after each block of questions."""

from __future__ import annotations

import math

import numpy as np

from eval.tune.fronts import ranking
from eval.tune.points import DEFAULT, Dropped, Found, Search, Task
from eval.tune.searches.asked import Asked, question_order
from eval.tune.searches.random import drawn

_FIRST_BLOCK = 12  # questions of the first round, if the budget has them


def halving(task: Task) -> Search:
    """Ask many points few questions and ever fewer points ever more (Karnin, Koren & Somekh 2013).

    Every round after the first costs the same. As many points begin as the budget carries through all rounds.
    """
    rng, asked = np.random.default_rng(task.seed), Asked(task)
    order = question_order(task.strata, rng).tolist()
    block = min(_FIRST_BLOCK, task.questions)
    rounds = max(1, round(math.log2(task.questions / block)) + 1)
    wanted = max(2, int(task.budget / (block * (1 + (rounds - 1) / 2))))  # later rounds cost half of the first
    known = dict.fromkeys((DEFAULT, *task.warm))
    running = [DEFAULT, *drawn(task, rng, min(wanted, task.trials or wanted), known)]
    dropped: list[Dropped] = []
    for turn in range(rounds):
        reach = task.questions if turn == rounds - 1 else min(task.questions, block * 2**turn)
        yield from asked.ask((point, order[:reach]) for point in running)
        places = ranking([asked.means(point) for point in running if point in asked.points])
        running = [running[i] for i in places]
        if turn < rounds - 1 and len(running) > 2:
            half = math.ceil(len(running) / 2)
            best = asked.means(running[0])[0]
            for point in running[half:]:
                behind = float(best - asked.means(point)[0])
                dropped.append(Dropped(point, int(asked.seen(point).sum()), behind, running[0], None))
            running = running[:half]
    rest = [item.point for item in reversed(dropped)]
    return Found((*running, *rest), tuple(dropped), asked.spent)

"""`make bench-sweep`: how near each search comes to the best of a grid, at what share of the grid's cost.

    python -m eval.bench sweep --out out/bench

The scores of all points of `SPACE` on all questions of two sets (one split) are computed once and kept in
`sweep-table.npz`. Then every search is replayed from them with several seeds. Its cost is counted in question
evaluations: one point scored on one question. Its regret is how far the point that it likes best lies below the best
of the grid, over all questions, in points of the metric (hundredths). Every set weighs the same.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from eval.bench.figures import Figure, Figures, machine, mean_of, single, table, write_figures
from eval.bench.own import settings_of
from eval.metrics import choose_metrics
from eval.tune.board import Board, Places, open_board
from eval.tune.measure import Measurer
from eval.tune.points import DEFAULT, Floats, Point, Task
from eval.tune.replay import Table, drive
from eval.tune.searches import SEARCHES
from eval.tune.searches.asked import question_weights
from eval.tune.space import Choice, Space
from eval.tune.spec import SetSpec
from eval.tune.store import open_store
from rag.errors import ConfigError, RagwrightError
from rag.runtime import open_runtime
from rag.settings import load_settings

log = logging.getLogger(__name__)

METRIC = "context_recall@4000ch"
SETS = ("chroma_chunking", "doc2dial")
SPACE = Space(
    (
        Choice("retrieval.fusion", options=("weighted", "rrf", "weighted-z")),
        Choice("retrieval.weights.bm25", options=(0.5, 1.0, 2.0)),
        Choice("rerank.weight", options=(0.5, 1.0)),
        Choice("rerank.top_n", options=(10, 30)),
        Choice("context.keep", options=(0.25, 0.5, 0.8)),
        Choice("context.packing", options=("knapsack", "rank")),
    )
)
"""216 points; the default is one of them."""

SHARES = (0.04, 0.08, 0.15, 0.20)
SEEDS = 20
_BLOCK = 8  # questions that all points are asked before the next ones: what they share stays in the stage cache
_TABLE = "sweep-table.npz"
_POINTS = 100.0


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """The score of every point of the space, the default first, on every question: `scores` `(points, questions)`."""

    points: tuple[Point, ...]
    scores: Floats
    strata: tuple[int, ...]
    clusters: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Keep the table in a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        points = json.dumps([point.changes() for point in self.points])
        with path.open("wb") as file:
            np.savez_compressed(
                file, scores=self.scores, strata=np.array(self.strata), clusters=np.array(self.clusters), points=points
            )

    @staticmethod
    def read(path: Path) -> ScoreTable:
        """Read what `write` kept.

        Raises:
            ConfigError: the file is no such table.
        """
        try:
            with np.load(path) as found:
                points = tuple(Point.of(values) for values in json.loads(str(found["points"])))
                clusters = tuple(map(str, found["clusters"].tolist()))
                return ScoreTable(points, found["scores"], tuple(found["strata"].tolist()), clusters)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"cannot read {path} ({error}); delete it, it will be computed again") from error

    def means(self) -> Floats:
        """Return the mean of every point, every set weighing the same."""
        return self.scores @ question_weights(self.strata)


def computed_table(data: Path, sets: Sequence[str], home: Path, space: Space = SPACE) -> ScoreTable:
    """Score all points of the space on the `dev` questions of the sets that have gold spans, nothing answered."""
    specs = [SetSpec(set=data / name, search="dev", confirm=None) for name in sets]
    base = settings_of(home)
    with open_runtime(base) as runtime:
        board = open_board(specs, home, datetime.now(UTC))
        places = Places(runtime, board, log.info)
        try:
            measurer = Measurer(base, choose_metrics([METRIC]), places, open_store(home / "tune", None))
            return _scored(board, measurer, (DEFAULT, *space.grid()))
        finally:
            places.close()


def _scored(board: Board, measurer: Measurer, points: tuple[Point, ...]) -> ScoreTable:
    asked = [item for item in board.search if item.case.spans]
    scores = np.full((len(points), len(asked)), np.nan)
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        for i, point in enumerate(points):
            values = [row.values[METRIC] for row in measurer.rows(point, block)]
            scores[i, start : start + len(block)] = [np.nan if value is None else value for value in values]
        log.info("%d of %d questions", start + len(block), len(asked))
    clusters = tuple(item.case.cluster or item.case.id for item in asked)
    return ScoreTable(points, scores, tuple(item.set for item in asked), clusters)


def bench_sweep(
    scores: ScoreTable, searches: Sequence[str] = (), shares: Sequence[float] = SHARES, seeds: int = SEEDS
) -> Figures:
    """Replay the searches from a table; return their regret by share of the grid's cost, mean and worst."""
    names = searches or [name for name in SEARCHES if name != "grid"]
    regret: dict[str, Mapping[str, Figure]] = {}
    worst: dict[str, Mapping[str, Figure]] = {}
    for name in names:
        found = {f"{share:.0%}": [regret_of(scores, name, share, seed) for seed in range(seeds)] for share in shares}
        regret[name] = {share: mean_of(values) for share, values in found.items()}
        worst[name] = {share: Figure(max(values), len(values)) for share, values in found.items()}
        log.info("%s: %s", name, ", ".join(f"{share} {figure.shown()}" for share, figure in regret[name].items()))
    means = scores.means()[1:]
    space = {
        "points": single(len(means)),
        "questions": single(scores.scores.shape[1]),
        "best_of_grid": single(_POINTS * float(means.max())),
        "regret_of_default": single(_POINTS * float(means.max() - scores.means()[0])),
        "points_within_0.3": single(int(np.sum(means >= means.max() - 0.003))),
        "questions_that_tell": single(int(np.sum(np.ptp(scores.scores, axis=0) > 0))),
    }
    return {"space": space, "regret": regret, "worst": worst, "about": {**machine(), "metric": METRIC, "split": "dev"}}


def regret_of(scores: ScoreTable, name: str, share: float, seed: int) -> float:
    """Return how far the search's favourite lies below the best of the grid, in points of the metric."""
    rows = dict(zip(scores.points, scores.scores, strict=True))
    answers = Table({point: row[:, None] for point, row in rows.items()})
    budget = int(share * len(SPACE.grid()) * len(scores.strata))
    task = Task(SPACE, scores.strata, scores.clusters, budget, seed)
    best = drive(SEARCHES[name](task), answers.answer).ranked[0]
    weights = question_weights(scores.strata)
    return _POINTS * float(scores.means()[1:].max() - rows[best] @ weights)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="eval.bench sweep", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of sweep.json and of the table")
    parser.add_argument("--home", type=Path, help="where the corpora are kept (default: home beside sweep.json)")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="two folders below RAGWRIGHT_DATA")
    parser.add_argument("--searches", nargs="+", default=[], choices=sorted(SEARCHES), help="default: all but the grid")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--fresh", action="store_true", help="compute the table again")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("eval").setLevel(logging.INFO)
    chosen = parser.parse_args(argv)
    try:
        path = chosen.out / _TABLE
        if chosen.fresh or not path.is_file():
            data = load_settings().environment.data
            if data is None:
                raise ConfigError("set RAGWRIGHT_DATA to the folder of the golden sets")
            computed_table(data, chosen.sets, (chosen.home or chosen.out / "home").resolve()).write(path)
        scores = ScoreTable.read(path)
    except RagwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    figures = bench_sweep(scores, chosen.searches, seeds=chosen.seeds)
    written = write_figures(chosen.out, "sweep", figures)
    print(table("sweep", figures))
    print(f"written: {written}")
    return 0

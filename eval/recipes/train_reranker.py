"""Train a cross-encoder from the packaged encoder.

    python -m eval.recipes.train_reranker --data $RAGWRIGHT_DATA --out F [--hold-out SET] [--steps N] [--device auto]

Ingests the golden sets and the files of `train/ranking` into corpora of their own (in RAGWRIGHT_HOME), mines hard
negatives from what both first stages find for their questions, trains, and writes `F/model.onnx` (int8, below 30 MB)
with its tokenizer: name `F` as `rerank.model` of the `cross-encoder`. Killed, it goes on when it is started again.

With `--hold-out SET` nothing of that set is trained on, and the reranker is compared with the default on its `dev`
questions: once for every set, that is leave-one-dataset-out. `--hold-out all` leaves out every golden set, so that one
training is judged on each: on less data than leave-one-dataset-out would have. A ranking file whose name begins with
that of a set which is held out is left out as well. Hours on two cores, minutes on a GPU; `--bf16` halves them on CPUs
that multiply in bfloat16 (avx512_bf16 or amx_bf16 among the flags of /proc/cpuinfo; elsewhere it is far slower).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from eval.bench.ranking_data import UNTRAINED, Pool, comparison, golden_folders, paired, pool_set
from eval.recipes.cross_encoder import Plan, train
from eval.recipes.hard_negatives import Group, asked_in, groups_of, write_ranking_sets
from eval.recipes.training import Progress
from rag.bridge import run_sync
from rag.errors import ConfigError, RagwrightError
from rag.models.cross_encoder import MODEL, TOKENIZER
from rag.models.embedders import PACKAGED
from rag.models.export import export_cross_encoder
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.models.weights import check_folder, packaged_folder
from rag.rerank.rerankers import reranker
from rag.runtime import Runtime, open_runtime
from rag.settings import RerankSettings, Settings, load_settings
from rag.types import Hit

MAX_MB = 30.0
ALL = "all"
_BASE = "minilm"
_PER_FILE = 2000
_JUDGED_HITS = 20


@dataclass(frozen=True, slots=True)
class Options:
    """What to train on and where to write; `hold_out` names the set that is kept for judging, or ALL of them."""

    data: Path
    out: Path
    hold_out: str | None = None
    per_file: int = _PER_FILE
    device: str = "auto"
    weight: float = 0.5

    def holds_out(self, name: str) -> bool:
        """Return whether a golden set is kept for judging."""
        return self.hold_out in (name, ALL)


def main(options: Options, plan: Plan, base: Path, settings: Settings, progress: Progress) -> str:
    """Return the report.

    Raises:
        ConfigError: there is no such set to hold out, or nothing to train on.
        RagwrightError: the exported model is too large, or a document cannot be ingested.
    """
    folders = list(golden_folders(options.data))
    if options.hold_out not in {None, ALL, *(folder.name for folder in folders)}:
        raise ConfigError(f"no set {options.hold_out!r} to hold out; choose {ALL} or one of: {_names(folders)}")
    with open_runtime(settings) as runtime:
        groups = _kept(options, folders, runtime)
        last = train(base, groups, options.out / "training", plan, _device(options.device), progress)
        size_mb = _export(last, options.out)
        report = [f"{len(groups)} groups, {plan.steps} steps; {options.out / MODEL}: {size_mb:.1f} MB"]
        held = [folder for folder in folders if options.holds_out(folder.name)]
        report += [_judged(held, options, runtime)] if held else []
    return "\n".join(report)


def _kept(options: Options, folders: Sequence[Path], runtime: Runtime) -> list[Group]:
    """Return the training groups: mined once, then read from where they were kept."""
    place = options.out / "groups.jsonl"
    if not place.exists():
        options.out.mkdir(parents=True, exist_ok=True)
        mined = place.with_suffix(".new")
        with mined.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(group)) + "\n" for group in _mined(options, folders, runtime))
        mined.rename(place)
    rows = (json.loads(line) for line in place.read_text(encoding="utf-8").splitlines())
    return [Group(row["question"], tuple(row["positives"]), tuple(row["negatives"])) for row in rows]


def _mined(options: Options, folders: Sequence[Path], runtime: Runtime) -> Iterator[Group]:
    asked = asked_in(options.data)
    ranking = options.data / "train" / "ranking"
    held = tuple(folder.name for folder in folders if options.holds_out(folder.name))
    more = write_ranking_sets(ranking, options.out / "ranking", options.per_file, asked, held)
    for folder in (*(folder for folder in folders if folder.name not in held), *more):
        yield from groups_of(asyncio.run(pool_set(folder, "dev", runtime, datetime.now(UTC))).pools)


def _export(checkpoint: Path, out: Path) -> float:
    """Write the ONNX file and its tokenizer; return its size in MB."""
    export_cross_encoder(checkpoint, out / MODEL)
    shutil.copy(checkpoint / TOKENIZER, out / TOKENIZER)
    size_mb = (out / MODEL).stat().st_size / 1e6
    if size_mb > MAX_MB:
        raise RagwrightError(f"{out / MODEL} has {size_mb:.0f} MB, more than {MAX_MB:.0f}; train a smaller model")
    return size_mb


def _judged(folders: Sequence[Path], options: Options, runtime: Runtime) -> str:
    """Return how the model ranks sets that it has not seen, beside late interaction."""
    interaction = LateInteraction(runtime.indexes, QueryEncoder(runtime.indexes))
    ours = RerankSettings(name="cross-encoder", model=str(options.out), top_n=_JUDGED_HITS, weight=options.weight)
    trained, untrained = reranker(ours, interaction), reranker(UNTRAINED, interaction)

    def rank(pool: Pool) -> Sequence[Hit]:
        return run_sync(trained.rerank(pool.query, pool.hits))

    def baseline(pool: Pool) -> Sequence[Hit]:
        return run_sync(untrained.rerank(pool.query, pool.hits))

    sets = [asyncio.run(pool_set(folder, "dev", runtime, datetime.now(UTC))) for folder in folders]
    return comparison(
        {held.name: paired(held, baseline, rank) for held in sets}, {held.name: held.primary for held in sets}
    )


def _device(name: str) -> str:
    import torch

    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _names(folders: Sequence[Path]) -> str:
    return ", ".join(folder.name for folder in folders)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="eval.recipes.train_reranker", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the golden sets and of train/ranking")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model; what is there is gone on with")
    parser.add_argument("--hold-out", help="golden set to judge by and not to train on, or all")
    plan = Plan()
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--negatives", type=int, default=plan.negatives, help="beside one positive")
    parser.add_argument("--max-tokens", type=int, default=plan.max_tokens, help="of a pair")
    parser.add_argument("--learning-rate", type=float, default=plan.learning_rate)
    parser.add_argument("--per-file", type=int, default=_PER_FILE, help="rows taken of each ranking file")
    parser.add_argument("--device", default="auto", help="of torch: auto, cpu, cuda")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16")
    return parser.parse_args(argv)


def _show(step: int, loss: float, seconds: float) -> None:
    sys.stderr.write(f"step {step}: loss {loss:.3f}, {seconds:.2f} s\n")


if __name__ == "__main__":
    chosen = _arguments(None)
    packaged = packaged_folder(PACKAGED[_BASE])
    check_folder(packaged, PACKAGED[_BASE].sha256)
    wanted = Options(chosen.data, chosen.out, chosen.hold_out, chosen.per_file, chosen.device)
    without = load_settings(overrides=["rerank.name=none"])
    chosen_plan = Plan(
        steps=chosen.steps,
        negatives=chosen.negatives,
        max_tokens=chosen.max_tokens,
        learning_rate=chosen.learning_rate,
        bf16=chosen.bf16,
    )
    sys.stdout.write(main(wanted, chosen_plan, packaged, without, _show) + "\n")

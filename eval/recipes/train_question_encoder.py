"""Train the question encoder: `python -m eval.recipes.train_question_encoder --data $RAGWRIGHT_DATA --out F`.

Ingests the files of `train/ranking` into corpora of their own (in RAGWRIGHT_HOME), takes what both first stages find
for their questions as passages that only look as if they answered, trains an adapter of the packaged model
(`eval.recipes.question_encoder`) against the token vectors that ingestion stored, and writes it as
`F/questions.safetensors`, about 1.3 MB: copied to `rag/models/questions.safetensors` it is what the reranker
`evidence` reads questions with. Killed, it goes on when it is started again. Half an hour on two cores.

No golden set is trained on, no question of theirs, and no ranking file that is named after one. So the comparison with
the default on each of them, which it prints, is leave-one-dataset-out, and more than that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from eval.bench.ranking_data import UNTRAINED, Pool, comparison, golden_folders, paired, pool_set
from eval.recipes.hard_negatives import asked_in, sides_of, write_ranking_sets
from eval.recipes.question_encoder import Example, Plan, adapter_tensors, train
from eval.recipes.training import Progress
from rag.bridge import run_sync
from rag.models.adapter import ADAPTER, write_adapter
from rag.models.embedders import PACKAGED, question_encoder
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.models.weights import check_folder, packaged_folder
from rag.ports import Index
from rag.rerank.rerankers import reranker
from rag.runtime import Runtime, open_runtime
from rag.settings import RerankSettings, Settings, load_settings
from rag.types import Hit, Vectors

_BASE = "minilm"
_PER_FILE = 2000


@dataclass(frozen=True, slots=True)
class Options:
    """What to train on and where to write; `judged` are the splits of the golden sets that are scored at the end."""

    data: Path
    out: Path
    per_file: int = _PER_FILE
    judged: tuple[str, ...] = ("dev",)
    ranking: RerankSettings = RerankSettings(name="evidence", top_n=30, weight=0.5)
    baseline: RerankSettings = UNTRAINED


def main(options: Options, plan: Plan, base: Path, settings: Settings, progress: Progress) -> str:
    """Return the report.

    Raises:
        ConfigError: there is nothing to train on.
        RagwrightError: a document cannot be ingested.
    """
    with open_runtime(settings) as runtime:
        examples = _kept(options, runtime)
        checkpoint = train(base, examples, StoredTokens(runtime), options.out / "training", plan, progress)
        adapter = options.out / ADAPTER.name
        write_adapter(adapter, adapter_tensors(checkpoint))
        report = [f"{len(examples)} examples, {plan.steps} steps; {adapter}: {adapter.stat().st_size / 1e6:.1f} MB"]
        report += [_judged(split, options, runtime, adapter) for split in options.judged]
    return "\n\n".join(report)


def _kept(options: Options, runtime: Runtime) -> list[Example]:
    """Return the examples: mined once, then read from where they were kept."""
    place = options.out / "examples.jsonl"
    if not place.exists():
        options.out.mkdir(parents=True, exist_ok=True)
        mined = place.with_suffix(".new")
        with mined.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(example)) + "\n" for example in _mined(options, runtime))
        mined.rename(place)
    rows = (json.loads(line) for line in place.read_text(encoding="utf-8").splitlines())
    return [Example(row["question"], row["corpus"], tuple(row["positives"]), tuple(row["negatives"])) for row in rows]


def _mined(options: Options, runtime: Runtime) -> Iterator[Example]:
    held = tuple(folder.name for folder in golden_folders(options.data))
    ranking = options.data / "train" / "ranking"
    asked = asked_in(options.data)
    for folder in write_ranking_sets(ranking, options.out / "ranking", options.per_file, asked, held):
        for pool in asyncio.run(pool_set(folder, "dev", runtime, datetime.now(UTC))).pools:
            positives, negatives = sides_of(pool)
            if positives and negatives:
                pks = tuple(hit.chunk.pk for hit in positives), tuple(hit.chunk.pk for hit in negatives)
                yield Example(pool.query.text, folder.name, *pks)


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """Reads the token vectors that ingestion stored."""

    runtime: Runtime

    def __call__(self, corpus: str, pks: Sequence[int]) -> Mapping[int, Vectors]:
        """Return the token vectors `(t, d)` of chunks of a corpus, by pk."""
        live = self.runtime.catalogue.live(corpus)
        return self.runtime.indexes(live.index_id).token_vectors.get(pks)


def _judged(split: str, options: Options, runtime: Runtime, adapter: Path) -> str:
    """Return how the tuned reranker ranks each golden set, beside the baseline."""
    encoder = question_encoder(runtime.settings.embedder, runtime.home.models, adapter)

    def indexes(index_id: int) -> Index:
        return replace(runtime.indexes(index_id), questions=encoder)

    interaction = LateInteraction(indexes, QueryEncoder(indexes))
    tuned, shipped = (reranker(settings, interaction) for settings in (options.ranking, options.baseline))

    def rank(pool: Pool) -> Sequence[Hit]:
        return run_sync(tuned.rerank(pool.query, pool.hits))

    def default(pool: Pool) -> Sequence[Hit]:
        return run_sync(shipped.rerank(pool.query, pool.hits))

    folders = golden_folders(options.data)
    sets = [asyncio.run(pool_set(folder, split, runtime, datetime.now(UTC))) for folder in folders]
    strata = {held.name: paired(held, default, rank) for held in sets}
    return f"{split}:\n" + comparison(strata, {held.name: held.primary for held in sets})


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="eval.recipes.train_question_encoder", description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of the golden sets and of train/ranking")
    parser.add_argument("--out", type=Path, required=True, help="folder of the adapter; what is there is gone on with")
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--per-file", type=int, default=_PER_FILE, help="rows taken of each ranking file")
    parser.add_argument(
        "--judge", nargs="+", default=["dev"], choices=("dev", "select", "sealed"), help="splits scored"
    )
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16")
    return parser.parse_args(argv)


def _show(step: int, loss: float, seconds: float) -> None:
    sys.stderr.write(f"step {step}: loss {loss:.3f}, {seconds:.2f} s\n")


if __name__ == "__main__":
    chosen = _arguments(None)
    packaged = packaged_folder(PACKAGED[_BASE])
    check_folder(packaged, PACKAGED[_BASE].sha256)
    wanted = Options(chosen.data, chosen.out, chosen.per_file, tuple(chosen.judge))
    without = load_settings(overrides=["rerank.name=none"])
    plan = Plan(steps=chosen.steps, bf16=chosen.bf16)
    sys.stdout.write(main(wanted, plan, packaged, without, _show) + "\n")

"""docs/results.md from files as the benchmarks write them: every figure with its interval and n, nothing made up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from eval.bench.figures import machine, mean_of, single, unmeasured, write_figures
from eval.bench.results import main, results_page

REPOSITORY = Path(__file__).parent.parent.parent.parent
LATENCY: dict[str, Any] = {
    "sizes": {
        "10k": {
            "chunks": 10_000,
            "p95_ms": mean_of([16.0, 17.0, 18.0]),
            "dense_ms": {"p50": single(3.5), "p95": single(4.5)},
            "bm25_ms": {"p50": single(1.5), "p95": single(2.5)},
            "speedup_vs_llamaindex": unmeasured("rivals are asked up to 100 chunks"),
        }
    },
    "about": {"golden": "demo", "notes": ["one client"]},
}
RETRIEVAL: dict[str, Any] = {
    "sets": {
        "legal": {
            "default": {"MRR@10": mean_of([1.0, 0.5]), "Recall@5": single(0.25)},
            "bm25": {"MRR@10": single(0.75)},
        }
    },
    "primary": {"legal": "MRR@10"},
    "about": machine() | {"split": "dev"},
}


def written(folder: Path, **benchmarks: dict[str, Any]) -> str:
    for name, figures in benchmarks.items():
        write_figures(folder, name, figures)
    return results_page(folder)


def test_a_figure_stands_with_interval_and_n(tmp_path: Path) -> None:
    page = written(tmp_path, latency=LATENCY)
    assert re.search(r"^\| `p95_ms` \| 17 \[\d+\.?\d*, \d+\.?\d*\] n 3 \|  \|$", page, re.MULTILINE)
    assert "| `chunks` | 10000 |" in page and "- one client\n" in page
    assert "`make bench-latency`, without a date; golden demo." in page


def test_what_was_not_measured_says_why(tmp_path: Path) -> None:
    page = written(tmp_path, latency=LATENCY)
    assert "| `speedup_vs_llamaindex` | unmeasured | rivals are asked up to 100 chunks |" in page


def test_systems_of_a_set_are_rows_of_one_table(tmp_path: Path) -> None:
    page = written(tmp_path, retrieval=RETRIEVAL)
    assert "### sets, legal\n\n| | `MRR@10` | `Recall@5` |\n|---|---|---|\n" in page
    assert "| `bm25` | 0.75 n 1 |  |\n" in page and "| `legal` | MRR@10 |" in page
    assert RETRIEVAL["about"]["date"] in page and "split dev" in page


def test_nested_figures_stand_below_their_names(tmp_path: Path) -> None:
    page = written(tmp_path, latency=LATENCY)
    assert "### sizes, 10k, dense_ms\n" in page and "| `p50` | 3.5 n 1 |" in page


def test_every_file_of_the_folder_is_on_the_page_and_nothing_else(tmp_path: Path) -> None:
    page = written(tmp_path, retrieval=RETRIEVAL, latency=LATENCY, safety={"found": single(1.0)})
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["latency", "retrieval", "safety"]


def test_no_benchmark_no_figure(tmp_path: Path) -> None:
    assert "No benchmark was run" in results_page(tmp_path) and "|" not in results_page(tmp_path)


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    page = written(tmp_path / "bench", latency=LATENCY)
    assert main(["--bench", str(tmp_path / "bench"), "--page", str(tmp_path / "results.md")]) == 0
    assert (tmp_path / "results.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("text", ["[1]", "{", '"figure"'])
def test_a_file_that_no_benchmark_wrote_is_one_line_of_error(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latency.json").write_text(text)
    assert main(["--bench", str(tmp_path), "--page", str(tmp_path / "results.md")]) == 1
    assert capsys.readouterr().err.startswith("error: ") and not (tmp_path / "results.md").exists()


def test_the_page_of_the_repository_was_written_by_this_program(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.startswith(results_page(tmp_path).partition("\nNo benchmark")[0])

# Ragwright: every command a user needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := torch==2.13.0
LLAMA_BM25 := llama-index-retrievers-bm25==0.8.0 bm25s==0.3.16
HOMEDIR := $(or $(RAGWRIGHT_HOME),.ragwright)
CORPUS ?= demo
SET ?= corpora/demo
OUT ?= out/$(notdir $(patsubst %/,%,$(SET)))
# Silent packages: nothing is reported to anybody.
export DO_NOT_TRACK := 1
export SCARF_NO_ANALYTICS := 1
export RAGAS_DO_NOT_TRACK := true

.DEFAULT_GOAL := help
SPEC ?= quick
TUNED = $(if $(filter command line environment,$(origin OUT)),$(OUT),out/tune)
.PHONY: help install demo test accept lint format ingest serve eval tune gate aa bench bench-ingest bench-latency bench-vectors bench-tokens bench-retrieval bench-answers bench-sweep bench-eval docs up down lock clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## build the environment in .venv (once)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ragwright needs Python 3.11 or newer; name it with: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL)) $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps unstructured-inference opencv-python-headless
	@touch $@

demo: install  ## ingest corpora/demo, answer three questions, refuse one, evaluate
	@RAGWRIGHT=$(BIN)/ragwright bash corpora/demo.sh

test: install  ## run the test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

# A failed check must not keep the summary from being written; the summary's exit code tells of it.
accept: install  ## run the long checks at full count and append a summary to docs/acceptance.md (ONLY=NAME for some)
	@mkdir -p out && rm -f out/accept.xml
	-nice $(BIN)/python -m pytest -n 2 --dist worksteal -m accept $(if $(ONLY),-k '$(ONLY)') --junitxml out/accept.xml $(PYTEST_ARGS)
	$(BIN)/python -m tests.proofs.record out/accept.xml docs/acceptance.md

lint: install  ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ingest: install  ## make ingest SOURCE=folder CORPUS=name
	$(BIN)/ragwright ingest $(SOURCE) --corpus $(CORPUS)

serve: install  ## the HTTP service on 127.0.0.1:8484
	$(BIN)/ragwright serve

eval: install  ## make eval SET=folder CORPUS=name
	$(BIN)/ragwright eval $(SET) --corpus $(CORPUS) --out $(OUT)

# The sweep `quick` asks the demo corpus; the others that come with Ragwright say what they need.
tune: install  ## make tune SPEC=quick (or a YAML file): search settings on one split, confirm the best on another
	$(if $(filter quick retrieval compression,$(SPEC)),$(BIN)/ragwright ingest corpora/demo --corpus demo --prune)
	$(BIN)/ragwright tune $(SPEC) --out $(TUNED) $(TUNE_ARGS)

gate: install  ## make gate BASELINE=run CANDIDATE=run
	$(BIN)/ragwright gate --baseline $(BASELINE) --candidate $(CANDIDATE)

aa: install  ## how often the gate errs on SET: the same questions under two near settings, shuffled
	$(BIN)/ragwright eval $(SET) --corpus $(CORPUS) --split dev --out $(OUT)-aa/first
	$(BIN)/ragwright eval $(SET) --corpus $(CORPUS) --split dev --out $(OUT)-aa/second --set rerank.weight=0.8
	$(BIN)/ragwright gate --baseline $(OUT)-aa/first --candidate $(OUT)-aa/second --error-rates

bench: bench-ingest bench-latency bench-retrieval bench-answers bench-eval bench-sweep  ## run every benchmark; figures go to out/bench and docs/results.md
	$(BIN)/python -m eval.bench results

# Its PyStemmer is pinned below ours, so it is no dependency; it lies aside, where only these benchmarks see it.
ASIDE := out/bench/llama-bm25
WITH_BM25 = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(ASIDE) $(LLAMA_BM25)

bench-ingest: install  ## speed, memory and the cost of edits, beside LlamaIndex (BENCH_ARGS="--chunks 2000", or "--only volume --gigabytes 1")
	@$(WITH_BM25)
	PYTHONPATH=$(ASIDE) $(BIN)/python -m eval.bench ingest $(BENCH_ARGS)

bench-latency: install  ## retrieval at 10k and 100k chunks, beside LlamaIndex and rank_bm25 (BENCH_ARGS="--sizes 1000000")
	@$(WITH_BM25)
	PYTHONPATH=$(ASIDE) $(BIN)/python -m eval.bench latency $(BENCH_ARGS)

bench-vectors: install  ## codes and graphs of the embedded vector engine against exact search (BENCH_ARGS="--size 50000")
	$(BIN)/python -m eval.bench vectors $(BENCH_ARGS)

bench-tokens: install  ## token vectors in few bits, and computed at query time, against float32, on the sets of RAGWRIGHT_DATA
	$(BIN)/python -m eval.bench tokens $(BENCH_ARGS)

bench-retrieval: install  ## what the default finds on the sets of RAGWRIGHT_DATA, beside BM25, dense and plain fusion
	$(BIN)/python -m eval.bench retrieval $(BENCH_ARGS)

bench-answers: install  ## how well verifiers tell supported claims from lies, on the sets of RAGWRIGHT_DATA (BENCH_ARGS="--set begin_wow")
	$(BIN)/python -m eval.bench answers $(BENCH_ARGS)

bench-eval: install  ## what an evaluation adds to answering its cases (BENCH_ARGS="--cases 300")
	$(BIN)/python -m eval.bench eval $(BENCH_ARGS)

bench-sweep: install  ## regret of every search of a tuning sweep against its cost, replayed from one score table
	$(BIN)/python -m eval.bench sweep $(BENCH_ARGS)

docs: install  ## write the pages that are made from the code: docs/configuration.md and docs/cli.md
	$(BIN)/python -m api.reference docs

up:  ## the service with a Qdrant server, in containers
	docker compose up --build --detach --wait

down:  ## stop the containers
	docker compose down

lock: install  ## write the tested versions to constraints.txt
	@head -2 constraints.txt > constraints.tmp
	@$(BIN)/python -m pip freeze --exclude-editable | sed -E 's/^(torch==[0-9.]+)\+.*/\1/' | sort -f >> constraints.tmp
	@mv constraints.tmp constraints.txt

clean:  ## remove what runs wrote (keeps .venv)
	rm -rf out $(HOMEDIR)

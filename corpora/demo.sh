#!/usr/bin/env bash
# The tour behind `make demo`: ingest, three answered questions, one refusal, an evaluation. Safe to run again.
set -euo pipefail
ragwright=${RAGWRIGHT:-ragwright}
step() { printf '\n== %s\n' "$*"; }

step "Ingest corpora/demo into the corpus 'demo' (unchanged documents cost nothing)"
"$ragwright" ingest corpora/demo --corpus demo --prune

for question in \
    "How many second factors may I register on one account?" \
    "Within what time must we ask for an SLA credit?" \
    "Which company shreds your broken drives?"; do
    step "$question"
    "$ragwright" ask "$question" --corpus demo
done

refused="Who won the football World Cup in 2022?"
step "$refused (the corpus cannot answer this)"
"$ragwright" ask "$refused" --corpus demo

step "Evaluate on the golden set (development split)"
"$ragwright" eval corpora/demo --corpus demo --split dev --out out/demo

cat <<'TXT'

== Where to look next
  out/demo/report.html   the evaluation, case by case, in a browser (works offline)
  out/demo/summary.md    the same as a pull-request comment
  .venv/bin/ragwright ask "your question" --corpus demo --json
  .venv/bin/ragwright serve            then POST to http://127.0.0.1:8484/v1/answer
  README.md              ingest your own documents
TXT

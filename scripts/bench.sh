#!/usr/bin/env bash
# The numbers the project promises, measured on this machine: correctness is
# tested elsewhere and first; here only time and memory are printed.
set -euo pipefail
cd "$(dirname "$0")/.."
shared="${LUMBAR_SHARED:-../shared}"
tags=()
if [ -d "$shared/data" ]; then
  tags=(-tags shared)
else
  echo "not measured: import of the NHS PROMs files and outcomes by provider ($shared/data is not there; set LUMBAR_SHARED)"
fi
echo "== import and outcomes of the NHS PROMs files 2016/17; fresh demo to a served page"
LUMBAR_BIN="$PWD/bin/lumbar" go test "${tags[@]}" -run '^$' -bench '^BenchmarkProgram' -benchtime 1x -timeout 30m ./cmd/lumbar
echo "== scoring"
go test -run '^$' -bench . -benchmem ./instruments
echo "== moments of 15 columns over 10 million episodes, none and 1 % of them replaced (promise: at most 1.3)"
go test -run '^$' -bench '^BenchmarkReplaced' -benchtime 1x -timeout 60m ./internal/bench/...
echo "== a re-score of a million stored responses, to the switch (promise: at most 20 s)"
go test -run '^$' -bench '^BenchmarkRescoreMillion' -benchtime 1x -timeout 30m ./internal/bench/rescore
if [ ${#tags[@]} -eq 0 ]; then exit 1; fi

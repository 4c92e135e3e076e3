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
echo "== a batch of answers, to outcome (promise: one within 120 ms, a thousand within 450 ms); outcome of an import (promise: 130,000 episodes a second)"
go test -run '^$' -bench '^Benchmark(Batch|Derive)$' -benchtime 1x -timeout 60m ./internal/bench/latency
echo "== a re-score of a million stored responses, to the switch (promise: at most 20 s)"
go test -run '^$' -bench '^BenchmarkRescoreMillion' -benchtime 1x -timeout 30m ./internal/bench/rescore
echo "== HTTP posts of single answers, durable, and from answer to visible (promise: at least 5,000 a second, p99 at most 50 ms; at 2,000 a second visible with p99 at most 1 s)"
if [ "$(uname)" = Linux ]; then
  LUMBAR_BIN="$PWD/bin/lumbar" go test -run '^$' -bench '^BenchmarkLoad$' -benchtime 1x -timeout 30m ./cmd/lumbar
else
  echo "not measured: the load bench needs Linux"
fi
echo "== import of 10 million ODI answers with scoring (promise: at least 150,000 responses/s end to end and 30 %-of-prepared, at most 500 MB-resident), beside the engine's own rate and PostgreSQL's COPY"
LUMBAR_BIN="$PWD/bin/lumbar" go test -run '^$' -bench '^Benchmark(SmallImport|Import)$' -benchtime 1x -timeout 60m ./internal/bench/bulk
echo "== import of 2 GB of FHIR QuestionnaireResponses (promise: at least 25,000 responses/s, memory that does not grow with the file); a million duplicates"
LUMBAR_BIN="$PWD/bin/lumbar" go test -run '^$' -bench '^Benchmark(FHIR|Duplicates)$' -benchtime 1x -timeout 60m ./internal/bench/bulk
echo "== statistics over 10 million episodes, beside R, statsmodels and DuckDB on the same rows"
if ! command -v Rscript >/dev/null || ! Rscript -e 'for (p in c("data.table", "sandwich", "survival", "mice")) library(p, character.only = TRUE)' >/dev/null 2>&1 ||
  ! /usr/bin/python3 -c 'import statsmodels.api, pandas' >/dev/null 2>&1; then
  apt-get install -y -qq r-base-core r-cran-data.table r-cran-sandwich r-cran-survival r-cran-mice python3-statsmodels python3-pandas >/dev/null ||
    echo "not installed: R and statsmodels need Debian's packages and the right to install them"
fi
# Not npm ci: it wants the bindings of every platform.
(cd internal/bench/statistics/peers && npm install --no-save --no-audit --no-fund --loglevel=error >/dev/null) ||
  echo "not installed: DuckDB comes from npm"
statistics=0
go test -run '^$' -bench '^BenchmarkStatistics$' -benchtime 1x -timeout 120m ./internal/bench/statistics || statistics=1
if [ ${#tags[@]} -eq 0 ] || [ $statistics -ne 0 ]; then exit 1; fi

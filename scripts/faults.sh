#!/usr/bin/env bash
# The long form of the fault tests: fifty rounds of kill -9 under load, an engine
# that stands still for half a minute, a million answers that come again. What is
# set in the environment goes before: LUMBAR_FAULT_ROUNDS, LUMBAR_FAULT_PAUSE
# (seconds), LUMBAR_FAULT_DUPLICATES, LUMBAR_FAULT_SEED (to repeat a run).
set -euo pipefail
cd "$(dirname "$0")/.."
export LUMBAR_FAULT_ROUNDS="${LUMBAR_FAULT_ROUNDS:-50}"
export LUMBAR_FAULT_PAUSE="${LUMBAR_FAULT_PAUSE:-30}"
export LUMBAR_FAULT_DUPLICATES="${LUMBAR_FAULT_DUPLICATES:-1000000}"
if [ "$(uname)" != Linux ]; then
  echo "not run: the fault tests find the engine's process in /proc and need Linux" >&2
  exit 1
fi
go test -count=1 -timeout 60m -parallel 1 -v -run '^(TestFault|TestReconciliationSees)' ./cmd/lumbar
go test -count=1 -timeout 10m -v -run '^TestClockSteppedBack$' ./internal/load

#!/usr/bin/env bash
# Runs every fuzzer of the module for the given time each.
set -euo pipefail
cd "$(dirname "$0")/.."
time="${1:?how long each, for example 5s}"
grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do
  grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | awk '{print $2}' | while read -r name; do
    echo "fuzz $(dirname "$file") $name"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 2x "$(dirname "$file")"
  done
done

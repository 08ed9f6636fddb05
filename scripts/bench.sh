#!/usr/bin/env bash
# Runs every benchmark; each prints one JSON object a line. Usage: bench.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")/.."
for script in benchmarks/*.py; do
  .venv/bin/python "$script" "$@"
done

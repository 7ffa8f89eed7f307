# Sourced by the commands of this folder. Sets ROOT, BIN and PY; `prepare_env` makes the environment of these, with the wheel of
# this checkout in it, so that what is tested is what would be released.
#
#   PYTHON        the interpreter to start from (default: the first of python3, python3.14 … python3.11 that is 3.11 or newer)
#   S2SAUTH_VENV  another place for the environment (default: .venv)
#   S2SAUTH_NEWEST=1  the newest release of everything that requirements/dev.in allows, instead of the pinned ones
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
BIN="${S2SAUTH_VENV:-$ROOT/.venv}/bin"
case "$OSTYPE" in
    msys* | cygwin*) BIN="${BIN%bin}Scripts" ;; # Windows
esac
PY="$BIN/python"

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "No Python 3.11 or newer: install one, or name it: PYTHON=/path/to/python3.13 ${0##*/}" >&2
    return 1
}

prepare_env() {
    local python
    python="$(find_python)" && "$python" "$ROOT/scripts/parts/install.py" >/dev/null
}

# environment NAME: makes `.venv-NAME`, beside the checkout's own, if it is needed; prints its folder of commands. With a second
# word, s2sauth, it holds what `prepare_env` has built.
environment() {
    local python="$PY"
    [ $# -gt 1 ] || python="$(find_python)" || return
    "$python" "$ROOT/scripts/parts/install.py" "$@"
}

# usage WORD: prints what stands at the top of the command, and ends it: well if WORD asked for that.
usage() {
    local status=2
    [[ $1 != -h && $1 != --help ]] || status=0
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$ROOT/scripts/${0##*/}" >&$((status ? 2 : 1))
    exit "$status"
}

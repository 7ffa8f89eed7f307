# Sourced by the commands of this folder. Sets ROOT, VENV, BIN and PY; `prepare_env` makes VENV fit the requirement files and
# installs the wheel of this checkout into it, so that what is tested is what would be released.
#
#   PYTHON        the interpreter to start from (default: the first of python3, python3.14 … python3.11 that is 3.11 or newer)
#   S2SAUTH_VENV  another place for the environment (default: .venv)
#   S2SAUTH_NEWEST=1  the newest release of everything that requirements/dev.in allows, instead of the pinned ones
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${S2SAUTH_VENV:-$ROOT/.venv}"
case "$OSTYPE" in
    msys* | cygwin*) BIN="$VENV/Scripts" ;; # Windows
    *) BIN="$VENV/bin" ;;
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

# pip_install PYTHON ARGUMENTS...: with uv where there is one, because it is faster; the hashes make both install the same.
pip_install() {
    local python="$1"
    shift
    if command -v uv >/dev/null; then
        uv pip install --quiet --python "$python" "$@"
    else
        "$python" -m pip --disable-pip-version-check install -qq "$@"
    fi
}

# environment NAME: makes `.venv-NAME`, beside the checkout's own, if it is needed; prints its folder of commands.
environment() {
    local python
    python="$(find_python)" && "$python" "$ROOT/scripts/parts/install.py" "$1"
}

# make_venv: VENV, with exactly the packages of requirements/dev.txt; kept while these stay the same.
make_venv() {
    local requirements="$ROOT/requirements/dev.txt" pins=(--require-hashes) python stamp
    python="$(find_python)" || return
    if [ -n "${S2SAUTH_NEWEST:-}" ]; then
        requirements="$ROOT/requirements/dev.in"
        pins=(--upgrade)
    fi
    stamp="$("$python" -V) $(cksum <"$requirements")" || return
    if [ "$(cat "$VENV/.requirements" 2>/dev/null)" = "$stamp" ] && "$PY" -c '' 2>/dev/null; then
        return
    fi
    if [ -e "$VENV" ] && [ ! -e "$VENV/pyvenv.cfg" ]; then
        echo "$VENV is there and no virtual environment: it is not touched" >&2
        return 1
    fi
    echo "Installing ${requirements#"$ROOT/"} into ${VENV#"$ROOT/"}"
    "$python" -m venv --clear "$VENV" || return
    pip_install "$PY" "${pins[@]}" -r "$requirements" || return
    printf '%s' "$stamp" >"$VENV/.requirements"
}

# install_wheel: builds the checkout's wheel into VENV/wheel and installs it there; kept while what it is made of stays the same.
install_wheel() {
    local stamp
    stamp="$(cd "$ROOT" && find src pyproject.toml docs/errors.md requirements/local.txt examples/files-service -path examples/files-service/build -prune -o -type f ! -name '*.pyc' -exec cksum {} + | LC_ALL=C sort | cksum)" || return
    [ "$(cat "$VENV/.wheel" 2>/dev/null)" = "$stamp" ] && return
    echo "Building and installing the wheel"
    rm -rf "$VENV/wheel" "$VENV/.wheel"
    if ! "$PY" -m build --wheel --no-isolation --outdir "$VENV/wheel" "$ROOT" >"$VENV/build.log" 2>&1; then
        cat "$VENV/build.log" >&2
        return 1
    fi
    pip_install "$PY" --no-deps --no-index --force-reinstall "$VENV"/wheel/*.whl || return
    printf '%s' "$stamp" >"$VENV/.wheel"
}

prepare_env() {
    mkdir -p "$(dirname "$VENV")"
    if command -v flock >/dev/null; then # two commands at once prepare one after the other
        exec 9>"$VENV.lock" || return
        flock 9 || return
    fi
    make_venv && install_wheel
    local status=$?
    exec 9>&-
    return "$status"
}

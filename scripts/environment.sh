# shellcheck shell=bash
# Sourced by demo, test and check: the environment they share, .venv at the repository's root.

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
oldest_python="3.11"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# Prints the first Python that is new enough; explains which Debian package to install if there is none.
find_python() {
    local candidate version newest=""
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        version="$("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)" || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            printf '%s\n' "$candidate"
            return
        fi
        newest="${newest:-$version}"
    done
    if [[ -n "$newest" ]]; then
        fail "Python $newest is too old, CommonWatt needs $oldest_python or newer." \
            "Debian 12 and Ubuntu 24.04 carry it as 'python3'; on an older release install" \
            "'python3.11' and 'python3.11-venv', or name another one: PYTHON=/path/to/python3 $0"
    fi
    fail "no Python found, CommonWatt needs $oldest_python or newer. Install it with:" \
        "sudo apt-get install python3 python3-venv"
}

# Makes .venv, or repairs one whose making was interrupted; does nothing when it works.
ensure_venv() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    local python version
    python="$(find_python)"
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python $version cannot make virtual environments yet. Install the missing part with:" \
            "sudo apt-get install python3-venv   (or python$version-venv where python3 is another version)"
    say "making $venv with Python $version"
    "$python" -m venv "$venv" >&2
}

# What an installation depends on: the two lists, the place (the package is installed in place) and the Python.
fingerprint() {
    {
        printf '%s\n' "$root"
        "$venv/bin/python" --version
        cat -- "$root/pyproject.toml" "$root/constraints.txt"
    } | sha256sum | cut -d ' ' -f 1
}

is_installed() {
    [[ -f "$venv/.installed-$1" && "$(<"$venv/.installed-$1")" == "$2" ]]
}

# ensure_installed EXTRA: installs CommonWatt in place with that extra, only when something changed since.
# The extra "dev" holds all others.
ensure_installed() {
    local extra="$1" now quiet=()
    ensure_venv
    now="$(fingerprint)"
    if is_installed "$extra" "$now" || is_installed dev "$now"; then
        return
    fi
    # Without a terminal pip's progress is only noise in a log.
    [[ -t 2 ]] || quiet=(--quiet)
    say "installing commonwatt[$extra] into $venv (the first time this takes some minutes)"
    "$venv/bin/python" -m pip install ${quiet[@]+"${quiet[@]}"} --disable-pip-version-check \
        --constraint "$root/constraints.txt" --editable "${root}[$extra]" >&2 ||
        fail "the installation failed; pip's own words are above. Nothing was started."
    printf '%s\n' "$now" >"$venv/.installed-$extra"
}

#!/bin/sh
# Makes a virtual environment for each library that bench/peers compares with, under .peers/. What
# cannot be installed is said and left out; the comparison runs with whatever is there.
# Two libraries name too few of their dependencies: those follow behind their names.
set -u
cd "$(dirname "$0")/../.." || exit 1
python=${PYTHON:-python3}

environment() {
    name=$1
    shift
    folder=.peers/$name
    [ "$(cat "$folder/.packages" 2> /dev/null)" = "$*" ] && return
    echo "installing $*"
    mkdir -p .peers && rm -rf "$folder"
    "$python" -m venv "$folder" &&
        "$folder/bin/pip" install -q --disable-pip-version-check "$@" > ".peers/$name.log" 2>&1 &&
        echo "$*" > "$folder/.packages" ||
        echo "$name is left out: it could not be installed (see .peers/$name.log)"
}

environment evidently 'evidently==0.7.23' 'pandas<3'
environment nannyml 'nannyml==0.13.1' 'pandas<3' statsmodels
environment whylogs 'whylogs[viz]==1.6.4' 'numpy<2' 'pandas<3'
environment river 'river==0.26.1'
environment frouros 'frouros==0.9.0'
environment alibi 'alibi-detect==0.13.0'

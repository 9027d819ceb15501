#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing, and nothing else. Says what and why.
# usage: deps.sh build|lint|model|interop ...
set -eu

build='build-essential:compiler pkg-config:finds_libraries git:version_stamp
libsecp256k1-dev:signatures liblmdb-dev:store libssl-dev:hashes_and_ciphers
libjansson-dev:JSON libgmp-dev:modexp_precompile libuv1-dev:event_loop
libsnappy-dev:peer_messages zlib1g-dev:fork_checksums
libmicrohttpd-dev:RPC_server libwslay-dev:WebSocket_frames libcurl4-openssl-dev:wallet_transport
libcriterion-dev:unit_tests python3:demo_and_end-to-end_scripts xz-utils:test_vectors
ca-certificates:https_for_the_wallet'
lint='clang-14:second_compiler clang-format-14:formatter clang-tidy-14:linter cppcheck:linter
libclang-rt-14-dev:sanitizers_and_fuzzer llvm-14:symbolizer'
model='spin:model_checker'

wanted=
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    lint) wanted="$wanted $lint" ;;
    model) wanted="$wanted $model" ;;
    interop)
        command -v node >/dev/null 2>&1 || wanted="$wanted nodejs:interop_tests"
        command -v npm >/dev/null 2>&1 || wanted="$wanted npm:interop_tests" ;;
    *) echo "deps.sh: unknown set '$set' (build, lint, model, interop)" >&2; exit 2 ;;
    esac
done

missing=
for entry in $wanted; do
    package=${entry%%:*}
    if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
        missing="$missing $package"
        printf 'missing: %-24s (%s)\n' "$package" "$(echo "${entry#*:}" | tr _ ' ')"
    fi
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: this is not a Debian system; install the packages above by hand" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "error: installing packages needs root; run as root or install sudo:" >&2
        echo "  apt-get install -y$missing" >&2
        exit 1
    fi
    sudo=sudo
fi
echo "installing:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null

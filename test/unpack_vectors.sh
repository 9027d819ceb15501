#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Unpacks the official vectors: unpack_vectors.sh SOURCE TARGET. An archive is unpacked once;
# the paths inside start at the root of the set (GeneralStateTests/..., eest/...).
set -eu
source=$1/ethereum
target=$2
if [ ! -d "$source" ]; then
    echo "error: no official vectors in $1" >&2
    echo "hint: set CAIRN_VECTORS to the folder that holds ethereum/, qbft/ and devp2p/" >&2
    exit 1
fi
mkdir -p "$target/.done"
find "$source" -name '*.tar.xz' | sort | while read -r archive; do
    name=${archive#"$source"/}
    stamp=$target/.done/$(echo "$name" | tr / _)
    [ "$stamp" -nt "$archive" ] && continue
    # Its paths start at a root of their own, which would collide with the others.
    case $name in
    LegacyTests/older-forks.tar.xz) into=$target/LegacyTests/older-forks ;;
    *) into=$target ;;
    esac
    echo "  UNPACK  $name"
    mkdir -p "$into"
    tar -xJf "$archive" -C "$into"
    touch "$stamp"
done

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Unpacks the official vectors: unpack_vectors.sh SOURCE TARGET. Each archive once, into a folder
# of its own name, for the paths inside some of them collide.
set -eu
source=$1/ethereum
target=$2
if [ ! -d "$source" ]; then
    echo "error: no official vectors in $1" >&2
    echo "hint: set CAIRN_VECTORS to the folder that holds ethereum/, qbft/ and devp2p/" >&2
    exit 1
fi
find "$source" -name '*.tar.xz' | sort | while read -r archive; do
    name=${archive#"$source"/}
    into=$target/${name%.tar.xz}
    stamp=$into/.${name##*/}
    [ ! "$stamp" -nt "$archive" ] || continue
    echo "  UNPACK  $name"
    mkdir -p "$into"
    tar -xJf "$archive" -C "$into"
    touch "$stamp"
done

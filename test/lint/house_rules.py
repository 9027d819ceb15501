#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules that no linter knows: layers, library headers, pure cores, banned calls,
documented headers, a test for every module, a fuzz target for every parser."""

import pathlib
import re
import subprocess
import sys

LAYERS = {
    "chain": {"chain"},
    "vm": {"vm", "chain"},
    "consensus": {"consensus", "vm", "chain"},
    "rpc": {"rpc", "consensus", "vm", "chain"},
    "wallet": {"wallet", "chain"},
}
# Order inside chain/: a folder includes itself and those to its left.
INNER = ["base", "crypto", "codec", "types", "trie", "store", "state", "fed"]
# Departures from that order, each with its reason.
INNER_ALLOWED = {
    ("codec", "types"): "ethjson prints transactions, blocks and receipts",
    ("codec", "trie"): "ethjson prints proofs",
    ("types", "trie"): "whether a body fits its header is a question of list roots",
}

# One file each may include these.
ONE_DOOR = {
    "secp256k1.h": {"chain/crypto/secp.c"},
    "secp256k1_recovery.h": {"chain/crypto/secp.c"},
    "secp256k1_ecdh.h": {"chain/crypto/secp.c"},
    "lmdb.h": {"chain/store/db.c"},
    "curl/curl.h": {"wallet/client.c"},
    "microhttpd.h": {"rpc/http/server.c"},
    "wslay/wslay.h": {"rpc/http/ws_reader.c"},
}
UV_FOLDER = "consensus/node/"

PURE = re.compile(r"^(vm/|consensus/(?!node/)|wallet/tx_build\.c)")
PURE_BANNED = re.compile(
    r"\b(malloc|calloc|realloc|free|clock_gettime|gettimeofday|time|getrandom|rand|random|srand|"
    r"printf|fprintf|fopen|puts|getenv|socket|pthread_\w+|usleep|sleep|nanosleep)\s*\("
)
# Long-lived objects are made at start and freed at exit; these files make them.
PURE_ALLOCATES = {
    "vm/vm.c": "vm_new and vm_free",
    "vm/overlay.c": "overlay_new and overlay_free",
    "vm/code.c": "the code cache, made with the vm",
    "consensus/pool/txpool.c": "txpool_new and txpool_free; bounded by its limits",
    "consensus/qbft/qbft.c": "qbft_new and qbft_free",
    "consensus/sync/snapshot_import.c": "the state of one import, which ends with it",
    "consensus/sync/sync.c": "sync_new and sync_free; a bounded window of blocks",
    "consensus/p2p/peers.c": "peers_new and peers_free",
    "consensus/p2p/discv4.c": "discv4_new and discv4_free",
    "consensus/p2p/session.c": "session_new and session_free; a bounded queue of shared packets",
}
BANNED = re.compile(r"\b(atoi|atol|strcpy|strcat|sprintf|vsprintf|gets|rand|srand|strtok)\s*\(")

# Parsers of outside bytes and the fuzz target that covers each.
FUZZED = {
    "chain/codec/rlp.c": "rlp",
    "chain/types/tx.c": "tx",
    "chain/types/block.c": "header_block",
    "chain/types/block_file.c": "block_file",
    "chain/types/snapshot_file.c": "snapshot_restore",
    "chain/types/extra_data.c": "extra_data",
    "chain/types/receipt.c": "receipt",
    "chain/trie/proof.c": "trie_proof",
    "chain/crypto/keystore.c": "keystore",
    "chain/types/chain_config.c": "genesis",
    "chain/fed/safetensors.c": "safetensors",
    "chain/codec/abi.c": "abi",
    "consensus/qbft/message.c": "qbft_msg",
    "consensus/p2p/rlpx_handshake.c": "rlpx_handshake",
    "consensus/p2p/ecies.c": "rlpx_handshake",
    "consensus/p2p/rlpx_frame.c": "rlpx_frame",
    "consensus/p2p/session.c": "session",
    "consensus/p2p/snappy.c": "snappy",
    "consensus/p2p/eth.c": "eth_msg",
    "consensus/p2p/enode.c": "enode",
    "consensus/sync/snapshot_import.c": "snapshot_restore",
    "vm/interp.c": "evm_code",
    "consensus/p2p/discv4_wire.c": "discv4",
    "consensus/p2p/enr.c": "discv4",
    "consensus/p2p/discv4.c": "discovery",
    "rpc/jsonrpc/envelope.c": "rpc_request",
    "rpc/jsonrpc/dispatch.c": "rpc_request",
    "rpc/jsonrpc/params.c": "rpc_request",
    "vm/precompile/modexp.c": "modexp",
}

problems = []


def problem(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def tracked():
    out = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True
    ).stdout
    return [p for p in out.splitlines() if pathlib.Path(p).is_file()]


def strip_comments(text):
    """Blanks comments and string contents, keeping line numbers."""

    def blank(match):
        s = match.group(0)
        if s.startswith('"'):
            return '""' + "\n" * s.count("\n")
        return re.sub(r"[^\n]", " ", s)

    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def inner_rank(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[1] in INNER else None


def check_includes(path, text):
    layer = path.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)
        if target in ONE_DOOR and path not in ONE_DOOR[target] and not path.startswith("test/"):
            problem(path, number, f"<{target}> belongs to {', '.join(ONE_DOOR[target])} alone")
        if target == "uv.h" and not path.startswith((UV_FOLDER, "test/")):
            problem(path, number, f"<uv.h> belongs to {UV_FOLDER} alone")
        if not quoted or layer not in LAYERS:
            continue
        top = target.split("/")[0]
        if top not in LAYERS and top != "build":
            problem(path, number, f'"{target}" is not written from the root')
        elif top in LAYERS and top not in LAYERS[layer]:
            problem(path, number, f"{layer}/ must not include {top}/ ({target})")
        mine, theirs = inner_rank(path), inner_rank(target)
        if layer == "chain" and top == "chain" and mine and theirs:
            if INNER.index(theirs) > INNER.index(mine) and (mine, theirs) not in INNER_ALLOWED:
                problem(path, number, f"chain/{mine} must not include chain/{theirs}")
        if layer == "rpc" and top == "consensus" and target != "consensus/node/node.h":
            allowed = path.startswith("rpc/cairnd/") and target.startswith("consensus/block/")
            if not allowed:
                problem(path, number, f"rpc/ sees consensus/node/node.h only, not {target}")
        if layer == "vm" and target.startswith("chain/state/"):
            if target not in ("chain/state/view.h", "chain/state/diff.h"):
                problem(path, number, f"vm/ sees view.h and diff.h of chain/state, not {target}")
        if layer == "vm" and target.startswith(("chain/store/", "chain/trie/")):
            allowed = target == "chain/trie/list_root.h"
            if not allowed:
                problem(path, number, f"vm/ must not know {target}")


def check_calls(path, code):
    for number, line in enumerate(code.splitlines(), 1):
        match = BANNED.search(line)
        if match:
            problem(path, number, f"{match.group(1)} is banned (style.md)")
        if PURE.match(path) and path not in PURE_ALLOCATES:
            match = PURE_BANNED.search(line)
            if match:
                problem(path, number, f"{match.group(1)} in a pure core")


def check_docs(path, text):
    """Every function declared in a header has a /// comment above it or above its group."""
    lines = text.splitlines()
    documented = False
    depth = 0
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("///"):
            documented = True
        elif stripped == "":
            documented = False
        elif depth == 0 and re.match(
            r"^(MUST_USE\s+|noreturn\s+|static inline\s+|extern\s+)*[A-Za-z_][\w\s\*]*\b(\w+)\(", line
        ):
            if not line.startswith(("#", "}", " ", "\t")) and "///<" not in line and not documented:
                if not stripped.startswith(("CHECKED_OP", "typedef", "static inline")):
                    problem(path, number, "public function without a /// comment")
        depth += line.count("{") - line.count("}")


def check_tests(files):
    tests = {pathlib.Path(f).name for f in files if f.startswith("test/unit/")}
    exempt = {"main.c"}
    for f in files:
        parts = f.split("/")
        if parts[0] not in LAYERS or not f.endswith(".c") or parts[-1] in exempt:
            continue
        stem = pathlib.Path(f).stem
        if f"test_{stem}.c" in tests:
            continue
        if f in TESTED_BY:
            if TESTED_BY[f] not in files:
                problem(f, 1, f"its test {TESTED_BY[f]} is missing")
            continue
        folder = pathlib.Path(f).parent.name
        if f"test_{folder}.c" in tests:
            continue
        problem(f, 1, f"no test: expected test/unit/.../test_{stem}.c, test_{folder}.c or an entry in TESTED_BY")
    fuzz = {pathlib.Path(f).stem for f in files if f.startswith("test/fuzz/") and f.endswith(".c")}
    for parser, target in FUZZED.items():
        if parser in files and target not in fuzz:
            problem(parser, 1, f"no fuzz target test/fuzz/{target}.c")


# Modules whose proof is not a unit test of the same name.
TESTED_BY = {}
mapping = pathlib.Path(__file__).with_name("tested_by.txt")
if mapping.exists():
    for row in mapping.read_text().splitlines():
        row = row.split("#")[0].split()
        if len(row) == 2:
            TESTED_BY[row[0]] = row[1]


def main():
    files = tracked()
    tops = {"Makefile", "README.md", "LICENSE", "chain", "consensus", "vm", "wallet", "rpc", "test", "genesis"}
    for f in files:
        top = f.split("/")[0]
        if top not in tops and not top.startswith("."):
            problem(f, 1, "the top level is fixed")
        if not f.endswith((".c", ".h", ".def")):
            continue
        text = pathlib.Path(f).read_text(errors="replace")
        if "SPDX-License-Identifier: Apache-2.0" not in text[:400]:
            problem(f, 1, "no SPDX licence line")
        if f.endswith(".c") or f.endswith(".h"):
            check_includes(f, text)
            check_calls(f, strip_comments(text))
        if f.endswith(".h") and not f.startswith("test/"):
            check_docs(f, text)
        lines = text.count("\n")
        if lines > 1200 and "generated" not in text[:600].lower():
            problem(f, lines, "over 1200 lines: is there a place where the concepts part?")
    check_tests(set(files))
    for p in sorted(problems):
        print(p)
    print(f"house rules: {len(problems)} problem(s) in {len(files)} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

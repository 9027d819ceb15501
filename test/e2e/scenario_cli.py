# SPDX-License-Identifier: Apache-2.0
"""cairnd's commands as a person meets them: what they make, what they refuse and with which
exit code; a throw-away network leaves nothing behind."""

import json
import os
import stat
import subprocess

from harness import PATIENCE_S, expect, wait_until


def refused(sandbox, code, says, *arguments, **options):
    """A command that must end with `code` and say so in its error text."""
    done = subprocess.run(
        [str(sandbox.binaries / "cairnd"), *[str(a) for a in arguments]], capture_output=True, text=True,
        timeout=PATIENCE_S, stdin=subprocess.DEVNULL, check=False, **options,
    )
    line = " ".join(str(a) for a in arguments)
    expect(done.returncode == code, f"{line}: exit {done.returncode}, expected {code}: {done.stderr}")
    expect(says in done.stderr, f"{line}: expected '{says}' in: {done.stderr}")
    expect(done.stdout == "", f"{line}: an error says nothing on standard output: {done.stdout}")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def check_network(sandbox):
    net = sandbox.network(validators=4)
    summary = json.loads((net / "network.json").read_text())
    expect(summary["toleratedFaults"] == 1 and len(summary["nodes"]) == 4, f"network.json: {summary}")
    wanted = ["cairnd.toml", "genesis.json", "static-nodes.json", "keys/node", "keys/node.pub", "guard",
              "start.sh", "cairnd.service"]
    for i in range(1, 5):
        folder = net / f"validator-{i}"
        missing = [name for name in wanted if not (folder / name).exists()]
        expect(not missing, f"validator-{i} lacks {missing}")
        expect(mode(folder / "keys/node") == 0o600, "the key is private")
        expect(mode(folder) == 0o700, "the folder is private")
        shown = sandbox.program("cairnd", "key", "address", "--data-dir", folder).strip()
        expect(shown.lower() == summary["nodes"][i - 1]["address"], "key address and network.json agree")
    hashed = sandbox.program("cairnd", "genesis", "hash", net / "genesis.json").strip()
    expect(hashed == summary["genesisHash"], "genesis hash and network.json agree")
    expect("ok: chain 20482" in sandbox.program("cairnd", "genesis", "check", net / "genesis.json"), "genesis check")
    expect("ok: chain" in sandbox.program("cairnd", "check", "--data-dir", net / "validator-1"), "check")
    refused(sandbox, 2, "there is a network", "network", "init", "--dir", net)
    return net, hashed


def check_refusals(sandbox, net):
    rows = [
        (2, "did you mean --rpc-listen", "--rpc-listn", "x"),
        (2, "did you mean network", "netwrok"),
        (2, "there is no data directory", "run", "--data-dir", sandbox.dir / "nowhere"),
        (2, "--rpc-listen is", "--dev", "--rpc-listen", "8545"),
        (2, "reaches beyond this machine", "--dev", "--rpc-listen", "0.0.0.0:0"),
        (2, "--dev-period is", "--dev", "--dev-period", "99999999999"),
        (2, "--pool-size is", "--dev", "--pool-size", "many"),
        (2, "no namespace or method \"personal\"", "--dev", "--rpc-listen", "127.0.0.1:0", "--rpc-namespaces", "eth,personal"),
        (2, "--block-period is", "network", "init", "--block-period", "1ms", "--dir", sandbox.dir / "other"),
        (2, "--validators-by is", "network", "init", "--validators-by", "dao", "--dir", sandbox.dir / "other"),
        (2, "needs the system contracts", "network", "init", "--validators-by", "contract", "--system-contracts", "off",
         "--dir", sandbox.dir / "other"),
        (2, "key nominate EPOCH", "key", "nominate", "--data-dir", net / "validator-1"),
        (2, "key nominate EPOCH", "key", "nominate", "soon", "--data-dir", net / "validator-1"),
        (2, "there is no such file", "genesis", "hash", sandbox.dir / "nowhere.json"),
        (2, "too large", "run", "--data-dir", net / "validator-1", "--permissions", "/dev/zero"),
        (2, "no parameter", "--dev", "--gov", write(sandbox, "gov.json", '{"quorum": 1}')),
        (2, "exists already", "key", "new", "--data-dir", net / "validator-1"),
    ]
    for code, says, *arguments in rows:
        refused(sandbox, code, says, *arguments)
    broken = write(sandbox, "broken.json", '{"config": {}, "alloc": ')
    refused(sandbox, 2, "broken.json", "genesis", "check", broken)
    return len(rows) + 2


def write(sandbox, name, text):
    path = sandbox.dir / name
    path.write_text(text)
    return path


def check_in_use(sandbox, net, genesis_hash):
    single = sandbox.dir / "single"
    sandbox.program("cairnd", "network", "init", "--validators", 1, "--block-period", "100ms", "--dir", single)
    data = single / "validator-1"
    node = sandbox.node(data).start()
    rpc = node.rpc()
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) > 2, "blocks")
    own = sandbox.program("cairnd", "genesis", "hash", data / "genesis.json").strip()
    expect(rpc.call("eth_getBlockByNumber", "0x0", False)["hash"] == own, "block 0 is the genesis")
    expect(own != genesis_hash, "two networks differ")
    refused(sandbox, 3, "", "run", "--data-dir", data, "--rpc-listen", "127.0.0.1:0")
    port = node.address[1]
    refused(sandbox, 2, "the address is in use", "--dev", "--rpc-listen", f"127.0.0.1:{port}")
    sandbox.program("cairnd", "verify", "--data-dir", data)
    rpc.close()
    expect(node.stop() == 0, "SIGTERM ends with 0")
    refused(sandbox, 6, "", "run", "--data-dir", data, "--genesis", net / "genesis.json", "--rpc-listen", "127.0.0.1:0")
    refused(sandbox, 6, "", "verify", "--data-dir", data, "--genesis", net / "genesis.json")
    refused(sandbox, 6, "is another genesis file", "init", "--genesis", net / "genesis.json", "--data-dir", data)
    os.chmod(data / "keys/node", 0o644)
    refused(sandbox, 2, "can be read by others", "run", "--data-dir", data)


def check_dev(sandbox):
    scratch = sandbox.dir / "tmp"
    scratch.mkdir()
    node = sandbox.dev_node()
    node.environment = {"TMPDIR": str(scratch)}
    node.start()
    rpc = node.rpc()
    expect(rpc.call("eth_chainId") == "0x539", "chain id 1337")
    first = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    expect(int(rpc.call("eth_getBalance", first, "latest"), 16) == 10**22, "ten thousand ether")
    expect(int(rpc.call("eth_gasPrice"), 16) > 0, "gas costs as on a public chain")
    expect(any(scratch.iterdir()), "the data directory is temporary")
    rpc.close()
    expect(node.stop() == 0, "SIGTERM ends with 0")
    expect(not any(scratch.iterdir()), "nothing is left behind")
    free = sandbox.dev_node("--zero-base-fee").start()
    rpc = free.rpc()
    expect(rpc.call("eth_gasPrice") == "0x0", "gas is free")
    rpc.close()
    expect(free.stop() == 0, "SIGTERM ends with 0")


def run(sandbox, _rng):
    expect("usage:" in sandbox.program("cairnd", "--help"), "help")
    for command in ("init", "check", "config", "key", "genesis", "verify"):
        text = sandbox.program("cairnd", command, "--help")
        expect(f"cairnd {command}: " in text and "examples:" in text, f"{command} --help: {text}")
    expect("--validators" in sandbox.program("cairnd", "network", "init", "--help"), "its own flags")
    expect(json.loads(sandbox.program("cairnd", "version", "--json"))["version"].startswith("v"), "version")
    expect("rpc-listen" in sandbox.program("cairnd", "config", "show"), "config show")
    expect("default" in sandbox.program("cairnd", "config", "explain", "rpc-batch"), "config explain")
    net, genesis_hash = check_network(sandbox)
    count = check_refusals(sandbox, net)
    check_in_use(sandbox, net, genesis_hash)
    check_dev(sandbox)
    return f"{count + 6} refusals with their exit codes, a network of 4, a throw-away one"

# SPDX-License-Identifier: Apache-2.0
"""A machine of its own for each node, as far as its network goes: a namespace with one cable to a
switch, which is a namespace too. Nothing of it is seen from outside, and pulling a cable is what it
is between machines: no end hears of it.

    node 0 --eth0----p0--+
    node 1 --eth0----p1--+-- bridge "all"      (and a bridge for each group of a partition)
    node 2 --eth0----p2--+

Needs root and a kernel that lets it; NotRun says what was missing."""

import ctypes
import http.client
import os
import shutil
import subprocess

from harness import NotRun

CLONE_NEWNET = 0x40000000
# Meant for tests of networks (RFC 2544): not one of the local ranges, for which nodes are more lenient.
PREFIX = "198.18.0."

libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    """Moves this thread, and no other, into a network namespace."""
    with open(path, "rb") as f:
        if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")


class Namespaces:
    def __init__(self, count):
        self.count = count
        self.made = []
        self.switch = f"cairn-{os.getpid()}-switch"
        for tool in ("ip", "nsenter"):
            if shutil.which(tool) is None:
                raise NotRun(f"no {tool} on this machine")
        if os.geteuid() != 0:
            raise NotRun("network namespaces need root")

    def name(self, i):
        return f"cairn-{os.getpid()}-{i}"

    def path(self, i):
        return f"/run/netns/{self.name(i)}"

    def host(self, i):
        return f"{PREFIX}{i + 1}"

    def __enter__(self):
        try:
            self._make()
        except subprocess.CalledProcessError as failed:
            self.__exit__()
            raise NotRun(f"{' '.join(failed.cmd)}: {failed.stderr.strip()}") from None
        return self

    def __exit__(self, *_):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _ip(self, *arguments):
        subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True, check=True)

    def _add(self, name):
        self._ip("netns", "add", name)
        self.made.append(name)
        self._ip("-n", name, "link", "set", "lo", "up")

    def _make(self):
        self._add(self.switch)
        for i in range(self.count):
            self._ip("-n", self.switch, "link", "add", f"group{i}", "type", "bridge", "stp_state", 0, "forward_delay", 0)
            self._ip("-n", self.switch, "link", "set", f"group{i}", "up")
        for i in range(self.count):
            self._add(self.name(i))
            self._ip("-n", self.switch, "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0", "netns",
                     self.name(i))
            self._ip("-n", self.switch, "link", "set", f"p{i}", "master", "group0", "up")
            self._ip("-n", self.name(i), "addr", "add", f"{self.host(i)}/24", "dev", "eth0")
            self._ip("-n", self.name(i), "link", "set", "eth0", "up")

    # ---- for nodes ----

    def command(self, i):
        return ["nsenter", f"--net={self.path(i)}", "--"]

    def connection_of(self, i):
        path = self.path(i)

        class Inside(http.client.HTTPConnection):
            def connect(self):
                enter(path)
                try:
                    super().connect()
                finally:
                    enter(f"/proc/{os.getpid()}/ns/net")

        return Inside

    # ---- cables ----

    def pull(self, *which):
        """Both ends of the cable know that nothing is there any more; connections do not."""
        for i in which:
            self._ip("-n", self.switch, "link", "set", f"p{i}", "down")

    def split(self, groups):
        """Only those of one group reach each other. No end notices anything: packets are lost."""
        for g, group in enumerate(groups):
            for i in group:
                self._ip("-n", self.switch, "link", "set", f"p{i}", "master", f"group{g}")

    def heal(self):
        for i in range(self.count):
            self._ip("-n", self.switch, "link", "set", f"p{i}", "master", "group0", "up")

# SPDX-License-Identifier: Apache-2.0
"""A load that remembers every acknowledged hash, and goes on over restarts of the node."""

import threading

from harness import Failure, RpcError


class Load:
    """Sends raw transactions in order, in batches, from one thread. A transaction counts as
    acknowledged only when its hash has arrived here."""

    def __init__(self, raws, batch=5, interval=0.0):
        self.raws = raws
        self.interval = interval  # seconds between batches: so that the load lasts
        self.batch = batch
        self.acknowledged = {}  # hash -> raw
        self.refused = []
        self.next = 0
        self.address_changed = threading.Condition()
        self.rpc = None
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self, rpc):
        self.rpc = rpc
        self.thread.start()

    def reconnect(self, rpc):
        with self.address_changed:
            self.rpc = rpc
            self.address_changed.notify_all()

    def stop(self):
        with self.address_changed:
            self.stopping = True
            self.address_changed.notify_all()
        self.thread.join(30)
        if self.thread.is_alive():
            raise Failure("the load did not stop")

    def done(self):
        return self.next >= len(self.raws)

    def _run(self):
        while not self.stopping and not self.done():
            rpc = self.rpc
            raws = self.raws[self.next : self.next + self.batch]
            try:
                answers = rpc.batch([("eth_sendRawTransaction", [raw]) for raw in raws])
            except Exception:  # the node was killed under us: the same batch goes to the next one
                with self.address_changed:
                    if not self.stopping and self.rpc is rpc:
                        self.address_changed.wait(30)
                continue
            for raw, answer in zip(raws, answers):
                if not isinstance(answer, RpcError):
                    self.acknowledged[answer] = raw
                elif "already known" not in answer.message and "nonce too low" not in answer.message:
                    self.refused.append((raw, str(answer)))
            self.next += len(raws)
            if self.interval > 0:
                with self.address_changed:
                    self.address_changed.wait(self.interval)

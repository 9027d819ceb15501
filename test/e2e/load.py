# SPDX-License-Identifier: Apache-2.0
"""A load that remembers every acknowledged hash, and goes on over restarts of the node."""

import threading

from harness import PATIENCE_S, Failure, RpcError


class Load:
    """Sends raw transactions in order, in batches, from one thread. A transaction counts as
    acknowledged only when its hash has arrived here. A patient load sends again what a full pool
    has refused."""

    def __init__(self, raws, batch=5, interval=0.0, patient=False):
        self.raws = raws
        self.patient = patient
        self.interval = interval  # seconds between batches: so that the load lasts
        self.batch = batch
        self.acknowledged = {}  # hash -> raw
        self.refused = []
        self.waited = 0  # answers that said: no room
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
        self.thread.join(PATIENCE_S)
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
                        self.address_changed.wait(PATIENCE_S)
                continue
            again = []
            for raw, answer in zip(raws, answers):
                if not isinstance(answer, RpcError):
                    self.acknowledged[answer] = raw
                elif self.patient and answer.code == -32005:
                    again.append(raw)
                elif "already known" not in answer.message and "nonce too low" not in answer.message:
                    self.refused.append((raw, str(answer)))
            self.waited += len(again)
            self.next += len(raws) - len(again)
            self.raws[self.next : self.next + len(again)] = again
            if self.interval > 0 or again:
                with self.address_changed:
                    self.address_changed.wait(max(self.interval, 0.02 if again else 0))

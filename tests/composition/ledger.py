"""Clients that write all the time, and a ledger of what was acknowledged to them."""

import threading

import requests

CLIENTS = 4
KEYS_EACH = 100


class Ledger:
    """Each key has one writer, which numbers its writes: a read must show the last acknowledged one, a later one that was
    tried, or one without a definite answer, which may take effect at any time: what was sent to a node that is cut off
    arrives when the network is whole again."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/kv"
        self.acknowledged = {}
        self.tried = {}
        self.unknown = {}
        self.late = 0
        self.count = 0
        self.wrong = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(client,)) for client in range(CLIENTS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join()

    def _work(self, client):
        session = requests.Session()
        keys = [f"client{client}-key{number}" for number in range(KEYS_EACH)]
        write = 0
        while not self.stopping.is_set():
            key = keys[write % len(keys)]
            write += 1
            self.tried[key] = write
            try:
                answer = session.put(self.url, params={"key": key}, data=f"{key} {write}", timeout=15)
                status = answer.status_code
            except requests.RequestException:
                status = 0
            if status in (200, 201, 204):
                self.acknowledged[key] = write
                self.count += 1
            else:
                # 503 says that it was not applied; of all else nobody knows.
                if status != 503:
                    self.unknown.setdefault(key, set()).add(write)
                self.stopping.wait(0.05)
            if write % 10 == 0:
                self._look(session, keys[(write * 7) % len(keys)])

    def _look(self, session, key):
        least = self.acknowledged.get(key)
        try:
            answer = session.get(self.url, params={"key": key}, timeout=15)
        except requests.RequestException:
            return
        if answer.status_code in (200, 404):
            self._judge(key, answer, least)

    def _judge(self, key, answer, least):
        shown = 0
        if answer.status_code == 200:
            name, _, number = answer.text.partition(" ")
            shown = int(number) if name == key and number.isdigit() else -1
        tried, unknown = self.tried.get(key, 0), self.unknown.get(key, set())
        if not (least or 0) <= shown <= tried and shown not in unknown:
            said = f"{answer.status_code} {answer.text[:80]!r}"
            self.wrong.append(f"{key}: {said}; acknowledged {least}, tried {tried}, unknown {sorted(unknown)}")
        elif shown < (least or 0):
            self.late += 1

    def check(self):
        """Reads every key back, with no writer at work; how many there are."""
        session = requests.Session()
        there = 0
        for key in sorted(self.tried):
            answer = session.get(self.url, params={"key": key}, timeout=15)
            if answer.status_code not in (200, 404):
                self.wrong.append(f"{key}: {answer.status_code} {answer.text[:200]}")
                continue
            there += answer.status_code == 200
            self._judge(key, answer, self.acknowledged.get(key))
        return there

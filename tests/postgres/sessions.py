"""Sessions that read and write through any process, and see to it that nobody shows them the past."""
import collections
import hashlib
import itertools
import random
import threading

from services import Caller, Together, uuid7


class Sessions:
    """What each was shown last, and what was wrong."""

    def __init__(self, fleet, person, lists, items, seed=1):
        self.fleet, self.person, self.lists, self.items, self.seed = fleet, person, lists, items, seed
        self.bodies, self.lock = {}, threading.Lock()  # Of each list and revision, its digest.
        self.problems, self.done, self.codes = [], itertools.count(), collections.Counter()
        self.count = 0

    def run(self, sessions, operations):
        """So many operations in all. To be used in a `with`: what it does beside them is the block's."""
        threads = Together()
        for number in range(sessions):
            threads.run(self._session, number, operations, threads.over)
        return threads

    def _session(self, number, operations, over):
        chance, caller = random.Random(self.seed * 1000 + number), Caller(self.fleet.all, self.person)
        seen = dict.fromkeys(self.lists, 0)
        while not over.is_set() and next(self.done) < operations:
            list_id = chance.choice(self.lists)
            least = seen[list_id]
            if chance.random() < 0.3:
                seen[list_id] = self._write(caller, list_id, least, f"{number}-{chance.random()}")
                if chance.random() < 0.5:  # And what it wrote, at once.
                    seen[list_id] = self._read(caller, list_id, seen[list_id])
            else:
                seen[list_id] = self._read(caller, list_id, least)
            with self.lock:
                self.count += 1
        with self.lock:
            self.codes += caller.codes
        caller.close()

    def _write(self, caller, list_id, least, text):
        answer = caller.settled("PATCH", f"/v1/lists/{list_id}/items/{self.items[list_id]}", {"text": text},
                                Idempotency_Key=uuid7(), Min_Revision=least)
        if answer.status != 200 or answer.revision <= least or answer.json()["text"] != text:
            self.problems.append(f"write after {least}: {answer}")
            return least
        return answer.revision

    def _read(self, caller, list_id, least):
        answer = caller.settled("GET", f"/v1/lists/{list_id}", Min_Revision=least)
        if answer.status != 200:
            self.problems.append(f"asked for {least}: {answer}")
            return least
        revision = answer.json()["revision"]
        digest = hashlib.sha256(answer.body).digest()
        with self.lock:
            same = self.bodies.setdefault((list_id, revision), digest) == digest
        if not same:
            self.problems.append(f"{list_id} at {revision} has two contents")
        if revision < least:
            self.problems.append(f"asked for {least}, got {revision} of {list_id}")
        return max(revision, least)

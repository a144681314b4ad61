"""The history of one list to which items are appended and which is read, by calls that overlap and are
repeated while processes are killed; and the judge of such a history.

An append and a read have a place each in the list's one order: an item's, and how many items were read.
The history is strictly serialisable where each read is the first so many items of the final order, and
whatever began after something else had ended comes after it: these are Elle's rules for one key, where
all that is read is a list.
"""
import dataclasses
import itertools
import math
import random
import secrets
import threading
import time
import uuid

from harness import uuid7  # It knows where the others are.
from services import Caller, Together  # pylint: disable=import-error


@dataclasses.dataclass
class Op:
    """`ended` is math.inf where no answer came."""
    kind: str  # "append", "read"; "peek": a read that may be of the past.
    began: float
    ended: float = math.inf
    item: str = ""
    items: tuple = ()
    revision: int = 0


def judge(history, final) -> list:
    """All that is wrong, in words. `final`: the ids of the list's items at the end."""
    appends = {op.item: op for op in history if op.kind == "append"}
    place = {item: number for number, item in enumerate(final)}
    found = [f"{item} stands twice" for item in final if final.count(item) > 1] if len(place) < len(final) else []
    found += [f"nobody has appended {item}" for item in final if item not in appends]
    found += [f"the append of {op.item} is lost" for op in appends.values()
              if op.ended < math.inf and op.item not in place]
    for op in history:
        if op.kind == "append" or op.items == final[:len(op.items)]:
            continue
        found.append(f"a read of {len(op.items)} is no beginning: {_difference(op.items, final)}")
    if not found:
        found += _in_real_time(history, place)
    return found


def _difference(items, final):
    at = next((n for n, pair in enumerate(itertools.zip_longest(items, final)) if pair[0] != pair[1]), None)
    return f"at {at} it has {items[at:at + 2]}, the list {final[at:at + 2]}"


def _in_real_time(history, place):
    """Who begins after others have ended has at least what they have."""
    def reach(op):  # How many items there are once it is done.
        return place.get(op.item, -1) + 1 if op.kind == "append" else len(op.items)

    ends = sorted((op for op in history if op.ended < math.inf), key=lambda op: op.ended)
    least, last, at = 0, None, 0
    for op in sorted(history, key=lambda op: op.began):
        while at < len(ends) and ends[at].ended < op.began:
            if reach(ends[at]) > least:
                least, last = reach(ends[at]), ends[at]
            at += 1
        if op.kind == "append" and op.item in place and place[op.item] < least:
            yield f"{op.item} stands at {place[op.item]}, but before it began there were {least}: {last}"
        elif op.kind == "read" and len(op.items) < least:
            yield f"a read has {len(op.items)}, but before it began there were {least}: {last}"
    begins = {op.item: op.began for op in history if op.kind == "append"}
    for op in history:
        if op.items and op.ended < max(begins[item] for item in op.items):
            yield f"a read has what was appended after it had ended: {op}"


ROOM = 9_900  # Items: a list holds 10,000, and what is under way comes on top. Then there are only reads.


class Workload:
    """Appenders and readers on one list, until it is over."""

    def __init__(self, services, person, list_id, seed):
        self.services, self.person, self.list_id, self.seed = services, person, list_id, seed
        self.history, self.newest = [], 0  # The newest revision that anybody was told.
        self.problems, self.lock = [], threading.Lock()

    def _end(self, op, revision):
        """What has ended, everybody may ask for."""
        op.revision = revision
        with self.lock:
            self.newest = max(self.newest, revision)
        op.ended = time.monotonic()

    def append(self, number, over):
        chance, caller = random.Random(self.seed * 1000 + number), Caller(self.services, self.person)
        client_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        base = 1
        while not over.is_set() and self.newest < ROOM:
            op = Op("append", time.monotonic(), item=uuid7())
            self.history.append(op)
            how = chance.choice([self._by_post, self._by_put, self._by_sync])
            revision = how(caller, op, client_id, base)
            if revision:
                base = revision
                self._end(op, revision)
        caller.close()

    def _by_post(self, caller, op, *_):
        answer = caller.settled("POST", f"/v1/lists/{self.list_id}/items", {"text": "posted", "id": op.item},
                                Idempotency_Key=op.item)
        return self._fine(answer, (201,)) and answer.revision

    def _by_put(self, caller, op, *_):
        answer = caller.settled("PUT", f"/v1/lists/{self.list_id}/items/{op.item}", {"text": "put"})
        return self._fine(answer, (200, 201)) and answer.json()["revision"]

    def _by_sync(self, caller, op, client_id, base):
        """An answer may have no changes of the list, but its own it has."""
        sent = {"op_id": uuid7(), "list_id": self.list_id, "kind": "add", "base_revision": base,
                "item_id": op.item, "fields": {"text": "synced"}}
        body = {"user_id": self.person.id, "client_id": client_id, "ops": [sent],
                "lists": {self.list_id: base}}
        answer = caller.settled("POST", "/v1/sync", body)
        if not self._fine(answer, (200,)):
            return 0
        result = answer.json()["results"][sent["op_id"]]
        if result["status"] not in ("applied", "merged"):
            self.problems.append(f"the op {sent} is answered {result}")
            return 0
        return result["revision"]

    def _fine(self, answer, wanted):
        if answer.status not in wanted:
            self.problems.append(f"an append is answered {answer}")
        return answer.status in wanted

    def read(self, number, over):
        """Asks for what anybody was told before: that is a read of what there is."""
        chance, caller = random.Random(self.seed * 2000 + number), Caller(self.services, self.person)
        while not over.is_set():
            is_peek = chance.random() < 0.2
            # The bound is read first: what others are told after that is not before this.
            op = Op("peek" if is_peek else "read", time.monotonic())
            least = {} if is_peek else {"Min_Revision": self.newest}
            if chance.random() < 0.25:
                whole = self._by_changes(caller, **least)
            else:
                answer = caller.once("GET", f"/v1/lists/{self.list_id}", **least)
                whole = None if answer is None or answer.status == 503 else answer
                if whole is not None and self._read_fine(whole):
                    whole = whole.json()["revision"], tuple(item["id"] for item in whole.json()["items"])
            if not isinstance(whole, tuple):
                over.wait(0.005)
                continue
            revision, op.items = whole
            self._end(op, revision)
            self.history.append(op)
        caller.close()

    def _by_changes(self, caller, **least):
        """The log from its beginning. Its pages are one read, as nothing is ever taken away; but what
        was asked for is only sure to be there from the first on."""
        items, after, more = [], 0, True
        while more:
            answer = caller.once("GET", f"/v1/lists/{self.list_id}/changes?after={after}", **least)
            if answer is None or answer.status == 503 or not self._read_fine(answer):
                return None
            page = answer.json()
            for change in page["changes"]:
                items += [effect["id"] for effect in change["effects"] if effect["entity"] == "item"]
                after = change["revision"]
            more = page["has_more"]
        return after, tuple(items)

    def _read_fine(self, answer):
        if answer.status != 200:
            self.problems.append(f"a read is answered {answer}")
        return answer.status == 200


def final_of(services, person, list_id, least) -> tuple:
    """The list at the end, the same from every process."""
    caller = Caller(services, person)
    bodies = [caller.settled("GET", f"/v1/lists/{list_id}", Min_Revision=least).json() for _ in range(4)]
    caller.close()
    assert all(body == bodies[0] for body in bodies), "processes show different lists"
    return tuple(item["id"] for item in bodies[0]["items"])


def run(services, person, list_id, *, seed, seconds, kill, appenders=5, readers=3):
    """The workload; `kill` is called now and then until it is over. Returns it."""
    work = Workload(services, person, list_id, seed)
    with Together() as threads:
        for number in range(appenders):
            threads.run(work.append, number, threads.over)
        for number in range(readers):
            threads.run(work.read, number, threads.over)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not threads.over.is_set():
            threads.over.wait(0.3 + random.Random(secrets.randbits(32)).random())
            kill()
        threads.over.set()
    return work

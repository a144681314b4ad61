"""Writers that give each change a name of its own, readers that never go back, and the judge of both."""
import collections
import contextlib
import itertools
import random
import threading
import time

from services import Caller, Together, replay, uuid7

KINDS = {"add", "set", "move"}


class Storm:
    """What was acknowledged, and what was seen that must not be. `lists` belong to `person`."""

    def __init__(self, fleet, person, lists, seed=1):
        self.fleet, self.person, self.lists, self.seed = fleet, person, lists, seed
        self.items = {list_id: [] for list_id in lists}  # Acknowledged.
        self.seen = dict.fromkeys(lists, 0)  # The newest revision that anybody was told.
        self.changed = collections.defaultdict(dict)  # By list: revision to (kind, item) of answers.
        self.made = collections.defaultdict(list)  # By list: (item, text) of adds.
        self.named = collections.defaultdict(list)  # By list: texts that were set.
        self.times = []  # When something was acknowledged.
        self.codes = collections.Counter()  # Of the 503 that writers met; None: no answer.
        self.problems, self.lock, self.reads = [], threading.Lock(), 0

    @property
    def writes(self):
        return len(self.times)

    def note(self, list_id, revision):
        with self.lock:
            self.seen[list_id] = max(self.seen[list_id], revision)

    # -- Writers

    def write(self, number, over):
        """Until `over`; what was begun is repeated until it is answered."""
        chance, caller = random.Random(self.seed * 1000 + number), Caller(self.fleet.all, self.person)
        own = []
        for turn in itertools.count():
            if over.is_set():
                break
            list_id, name = chance.choice(self.lists), f"{number}-{turn}"
            if not own or chance.random() < 0.4:
                self._add(caller, chance, list_id, name, own)
            elif chance.random() < 0.6:
                self._set(caller, chance.choice(own), name, turn)
            else:
                self._move(caller, chance, chance.choice(own))
        with self.lock:
            self.codes += caller.codes
        caller.close()

    def _add(self, caller, chance, list_id, name, own):
        if chance.random() < 0.5:
            item = uuid7()
            answer = caller.settled("PUT", f"/v1/lists/{list_id}/items/{item}", {"text": name})
        else:
            answer = caller.settled("POST", f"/v1/lists/{list_id}/items", {"text": name},
                                    Idempotency_Key=uuid7())
        if self._is_good(answer, (200, 201), f"add {name}"):
            item = answer.json()["id"]
            own.append([list_id, item, answer.json()["revision"]])
            self.items[list_id].append(item)
            self.made[list_id].append((item, name))
            self._acknowledge(list_id, answer, None, None)

    def _set(self, caller, own, name, turn):
        list_id, item, _ = own
        answer = caller.settled("PATCH", f"/v1/lists/{list_id}/items/{item}",
                                {"done": turn % 2 == 0, "text": name}, Idempotency_Key=uuid7())
        if self._is_good(answer, (200,), f"set {name}"):
            self.named[list_id].append(name)
            own[2] = answer.revision
            self._acknowledge(list_id, answer, "set", item)

    def _move(self, caller, chance, own):
        list_id, item, before = own
        other = chance.choice(self.items[list_id])
        where = {"after": other if other != item else None} if chance.random() < 0.8 else {"before": None}
        answer = caller.settled("POST", f"/v1/lists/{list_id}/items/{item}/move", where,
                                Idempotency_Key=uuid7())
        if self._is_good(answer, (200,), f"move {item}"):
            own[2] = answer.json()["revision"]  # Another writer never changes it.
            self._acknowledge(list_id, answer, "move" if own[2] > before else None, item)

    def _is_good(self, answer, wanted, what):
        if answer.status not in wanted:
            self.problems.append(f"{what} is answered {answer}")
        return answer.status in wanted

    def _acknowledge(self, list_id, answer, kind, item):
        revision = answer.revision
        with self.lock:
            self.times.append(time.monotonic())
            if kind is not None:
                before = self.changed[list_id].setdefault(revision, (kind, item))
                if before != (kind, item):
                    self.problems.append(f"{revision} was told of {before} and of {kind, item}")
        self.note(list_id, revision)

    # -- Readers

    def read(self, number, over):
        """Asks for what anybody was told, and sees to it that it gets that."""
        chance, caller = random.Random(self.seed * 2000 + number), Caller(self.fleet.all, self.person)
        while not over.is_set():
            list_id = chance.choice(self.lists)
            least = self.seen[list_id]
            answer = caller.once("GET", f"/v1/lists/{list_id}", Min_Revision=least)
            if answer is None or answer.status == 503:
                over.wait(0.02)
                continue
            self.reads += 1
            if not self._is_good(answer, (200,), f"list at {least}"):
                continue
            body = answer.json()
            if body["revision"] < least:
                self.problems.append(f"asked for {least} of {list_id}, got {body['revision']}")
            if body["item_count"] != len(body["items"]) \
                    or body["done_count"] != sum(item["done"] for item in body["items"]):
                self.problems.append(f"counts of {list_id}: {body['item_count']}, {body['done_count']}")
            self.note(list_id, body["revision"])
        caller.close()

    # -- The judge

    def judge(self, node=None) -> list:
        """All that is wrong, in words; on the database of `node` too."""
        found, caller = list(self.problems), Caller(self.fleet.all, self.person)
        for list_id in self.lists:
            try:
                found += self._judge_list(caller, list_id)
            except (replay.Broken, AssertionError) as error:
                found.append(f"{list_id}: {error}")
        caller.close()
        node = node or self.fleet.cluster.primary
        wrong = node.sql("""
            SELECT id, item_count, done_count FROM lists WHERE (item_count, done_count) <>
                (SELECT count(*), count(*) FILTER (WHERE done) FROM items
                    WHERE list_id = lists.id AND deleted_at IS NULL AND gone IS NULL)
            """, database="devops_demo_service")
        return found + ([f"counts in the database: {wrong}"] if wrong else [])

    def _judge_list(self, caller, list_id):
        bodies = [caller.whole(list_id, service=None, Min_Revision=self.seen[list_id])
                  for _ in self.fleet.all]
        changes = caller.log(list_id)
        replay.check_log(changes, list_id, bodies[0], self.person.id)
        if any(body != bodies[0] for body in bodies):
            yield f"processes show {list_id} differently"
        adds = collections.Counter((change["item_id"], change["effects"][0]["set"]["text"])
                                   for change in changes if change["kind"] == "add")
        yield from self._compare("add", adds, self.made[list_id])
        texts = collections.Counter(effect["set"]["text"] for change in changes if change["kind"] == "set"
                                    for effect in change["effects"] if "text" in effect["set"])
        yield from self._compare("set", texts, self.named[list_id])
        told = {change["revision"]: (change["kind"], change.get("item_id"))
                for change in changes if change["kind"] in ("set", "move")}
        for revision, what in self.changed[list_id].items():
            if told.pop(revision, None) != what:
                yield f"lost: {what} at {revision} of {list_id}"
        if told:
            yield f"of nobody, in {list_id}: {told}"

    @staticmethod
    def _compare(kind, logged, acknowledged):
        """Each acknowledged one is logged once, and nothing else: all were repeated until answered."""
        wanted = collections.Counter(acknowledged)
        if logged != wanted:
            lost, more = list((wanted - logged).items()), list((logged - wanted).items())
            yield f"{kind}: lost {lost[:5]}, more {more[:5]}"


@contextlib.contextmanager
def blowing(storm, writers=8, readers=4):
    """The storm, while a block runs."""
    with Together() as threads:
        for number in range(writers):
            threads.run(storm.write, number, threads.over)
        for number in range(readers):
            threads.run(storm.read, number, threads.over)
        yield threads
        threads.over.set()

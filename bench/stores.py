"""Local stores that sync: their ops, each of which changes something, and what they know of their lists.

A store has a cursor and the newest revision of each list from the answer before, as apps have; its op_ids
are new in each request.
"""
import uuid

import callgrind
import data
import growth

OPS_MAX = 100  # Of one sync.
ONES, HUNDREDS = 200, 30


class Store:
    def __init__(self, user, token, lists, items):
        self.user, self.token, self.lists, self.items = user, token, lists, items
        self.client_id = str(uuid.uuid4())
        self.cursor, self.revisions = None, {}
        self.done = set()  # (list, item) that are ticked.

    def body(self, ops=()):
        body = {"user_id": self.user, "client_id": self.client_id}
        if self.cursor:
            body["cursor"] = self.cursor
        return {**body, "ops": list(ops)} if ops else body

    def request(self, ops=()):
        return data.request("POST", "/v1/sync", self.token, body=self.body(ops))

    def single(self, op):
        """The single call that does the same as a tick."""
        return data.request("PATCH", f"/v1/lists/{op['list_id']}/items/{op['item_id']}", self.token,
                            body=op["fields"])

    def op(self, kind, list_id, item, fields):
        return {"op_id": data.client.uuid7(), "list_id": list_id, "kind": kind,
                "base_revision": self.revisions[list_id], "item_id": item, "fields": fields}

    def tick(self, list_id, number):
        """Of its item of that number, or the tick taken back."""
        item = self.items[number % len(self.items)]
        self.done ^= {(list_id, item)}
        return self.op("set", list_id, item, {"done": (list_id, item) in self.done})

    def add(self, list_id):
        return self.op("add", list_id, data.client.uuid7(), {"text": "Milk, and a loaf of bread"})

    def send(self, connection, ops=()):
        """Syncs, and learns from the answer."""
        connection.send(self.request(ops))
        answer = connection.read()
        assert answer.status == 200, answer
        told = answer.json()
        refused = [result for result in told["results"].values() if result["status"] != "applied"]
        assert len(told["results"]) == len(ops) and not refused, refused
        assert not told["has_more"], "more than one answer has"
        self.cursor = told["cursor"]
        for each in told["granted"]:
            self.revisions[each["id"]] = each["revision"]
        for each, entry in told["lists"].items():
            self.revisions[each] = entry["revision"]
        return told


def stores_of(folder):
    """One of each person, with all of the person's lists, in an order that is random but always the same."""
    tokens, lists = data.tokens(folder), data.lists_of(folder)
    items = data.items_of(folder, lists[0][0])  # The same in each list.
    owned = {}
    for list_id, owner in lists:
        owned.setdefault(owner, []).append(list_id)
    return [Store(str(uuid.UUID(bytes=owner)), tokens[owner], ids, items) for owner, ids in owned.items()]


def instructions_of_ticks(folder, name):
    """Instructions of a sync of one `set`, and of one of OPS_MAX of them on one list: {ops: instructions}.
    Both are ticks of different items with the list's newest revision as their base, by a store that has a
    cursor, so the answer has the ops' changes too. Lists are in memory."""
    with callgrind.Counted(data.copy_of(folder.source, name)) as counted:
        client = growth.Client(counted.port)
        store = stores_of(folder.source)[0]

        def syncs(ops, count):
            for call in range(count):
                each, first = store.lists[call % 10], call // 10 * ops
                store.send(client.connection, [store.tick(each, first + n) for n in range(ops)])
            return count
        client.send(folder.reads(), 200)
        store.send(client.connection)
        for ops in (1, OPS_MAX):
            syncs(ops, 20)
        found = {1: counted.count(lambda: syncs(1, ONES))}
        found[OPS_MAX] = counted.count(lambda: syncs(OPS_MAX, HUNDREDS))
        return found

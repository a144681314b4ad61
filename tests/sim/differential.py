#!/usr/bin/env python3
"""Random histories of lists, as cases: every step is a line in the form of tests/vectors/decide.json (README.md there),
and what it comes to is what tests/vectors/model.py says. Whoever decides ops can be held against it, step by step.

    tests/sim/differential.py [--seeds N] [--steps K] [--from S] >cases.jsonl

A seed is a history of two lists (sometimes more): people with several stores and different roles make ops of every kind
on what they had seen, which may be long ago; items are moved between the lists and back; ops are repeated, as they were
or with other content; the log loses its beginning; the database is restored (a new epoch). The name of a case is
seed/step. Output depends on the arguments alone.
"""
import argparse
import copy
import json
import pathlib
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))

import cases  # noqa: E402
import make  # noqa: E402
import model  # noqa: E402
from cases import uid  # noqa: E402

PEOPLE = [uid(n) for n in (10, 11, 12)]
STORES = {user: [uid(20 + 2 * n), uid(21 + 2 * n)] for n, user in enumerate(PEOPLE)}
WORDS = ["milk", "bread", "tea"]
DUES = [None, {"date": "2026-02-28"}, {"local": "2026-02-28T18:30:00"},
        {"at": "2026-02-28T17:30:00.000Z", "tz": "Europe/Berlin"}]
KINDS = {"set": 12, "add": 9, "move": 7, "remove": 6, "restore": 5, "clear-done": 2, "transfer": 5, "revert": 7,
         "set-list": 2, "remove-list": 0.5, "restore-list": 0.5, "purge": 1, "create-list": 0.4}


class Known:
    """A list, and what its log holds."""

    def __init__(self, lst):
        self.list, self.log, self.done, self.cut = lst, [], [], None

    def past(self, op):
        return {**({"log": self.log} if self.log else {}), **({"cut": self.cut} if self.cut else {}),
                **self.done_of(op)}

    def done_of(self, op):
        done = [d for d in self.done if d["op"]["op_id"] == op["op_id"]]
        return {"done": done} if done else {}

    def add(self, after, op, result, there=False):
        change = model.change_of(op, result, there)
        self.list = after
        self.log.append(copy.deepcopy(change))
        if "base_revision" in op:
            kept = model.result_of(result)
            self.done.append({"op": op, "result": {**kept, "revision": change["revision"]}})
        if op["kind"] == "purge":
            model.erase(self.log, self.done, op["item_id"])

    def forget(self, count):
        """Retention: the oldest changes leave the log, and their ops with them."""
        for gone in self.log[:count]:
            self.cut = {"revision": gone["revision"], "at": gone["at"]}
            self.done = [d for d in self.done if d["op"]["op_id"] != gone["op_id"]]
        self.log = self.log[count:]


class World:
    def __init__(self, seed):
        self.dice, self.seed, self.epoch, self.minute, self.count = random.Random(seed), seed, 0, 0, 0
        self.lists, self.sent, self.seen = {}, [], {}
        roles = [["owner", "editor", "viewer"], ["editor", "owner", "editor"]]
        for n, row in enumerate(roles):
            self.lists[uid(1 + n)] = self.start(uid(1 + n), dict(zip(PEOPLE, row)), 100 + 10 * n)

    def start(self, list_id, roles, first):
        owner = next(user for user in PEOPLE if roles[user] == "owner")
        items = [{"id": uid(first + n), "text": "milk", "created_by": self.dice.choice(PEOPLE),
                  "created_at": self.now(), "updated_at": self.now(), "revision": 1 + n}
                 for n in range(self.dice.randint(2, 6))]
        for item in items[2:]:
            if self.dice.random() < 0.3:
                item["parent_id"] = items[0]["id"]
        known = Known({"id": list_id, "creator_id": owner, "title": "milk", "archived": False, "revision": 8,
                       "created_at": self.now(), "updated_at": self.now(), "deleted_at": None,
                       "members": [{"user_id": u, "role": r} for u, r in roles.items()], "items": items})
        known.cut = {"revision": 8, "at": self.now()}
        return known

    def now(self):
        return f"2026-01-{1 + self.minute // 1440:02}T{self.minute // 60 % 24:02}:{self.minute % 60:02}:00.000Z"

    def new_id(self):
        self.count += 1
        return uid(1000 + self.count)

    # What an op names.

    def item_of(self, lst, *, live=0.5):
        """An item of the list: often one that was changed just now, mostly a live one, sometimes one in trash, gone, or
        never heard of."""
        items, chance = lst["items"], self.dice.random()
        hot = [e["id"] for c in self.lists[lst["id"]].log[-5:] for e in c["effects"] if e["entity"] == "item"]
        if hot and self.dice.random() < 0.4:
            return self.dice.choice(hot)
        live_ones = [x for x in items if model.is_live(x)]
        if chance < live and live_ones:
            return self.dice.choice(live_ones)["id"]
        if chance > 0.97 or not items:
            return self.dice.choice([uid(999), *(x["id"] for k in self.lists.values() for x in k.list["items"])])
        return self.dice.choice(items)["id"]

    def place(self, lst):
        side, chance = self.dice.choice(["after", "before"]), self.dice.random()
        return {side: None if chance < 0.15 else self.item_of(lst)}

    def values(self):
        dice = self.dice
        all_of = {"text": dice.choice(WORDS), "note": dice.choice(["", *WORDS]), "done": dice.random() < 0.6,
                  "labels": dice.choice([[], ["a"], ["a", "b"], ["b", "a"]]), "due": dice.choice(DUES)}
        some = dice.sample(sorted(all_of), dice.choice([0, 1, 1, 1, 2, 2, 3]))
        return {k: all_of[k] for k in (["done"] if dice.random() < 0.25 else some)}

    def parent(self, lst):
        return {"parent_id": None if self.dice.random() < 0.25 else self.item_of(lst, live=0.8)}

    def base(self, known, store):
        """What the store had seen: mostly what it did see, sometimes a number that makes no sense."""
        have, chance, key = known.list["revision"], self.dice.random(), (store, known.list["id"])
        is_old = self.seen.get(key, 0) < (known.cut["revision"] if known.cut else 0)
        if chance < (0.8 if is_old else 0.15) or key not in self.seen:
            self.seen[key] = have
        if chance > 0.96:
            return self.dice.choice([0, 5, have + 3, max(have - 1, 0), have % model.EPOCH])
        return self.seen[key]

    def fields(self, kind, known, is_sync):
        lst, dice = known.list, self.dice
        if kind == "create-list":
            return {"title": dice.choice(WORDS)}
        if kind == "set-list":
            return dice.choice([{"title": dice.choice(WORDS)}, {"archived": dice.random() < 0.5},
                                {"title": dice.choice(WORDS), "archived": True}])
        if kind == "set":
            return {**self.values(), **(self.parent(lst) if dice.random() < 0.3 else {})}
        if kind == "add":
            some = self.values()
            some.pop("done", None)
            more = [{}, self.place(lst), self.parent(lst)]
            picked = {**more[1], **more[2]} if is_sync and dice.random() < 0.2 else dice.choice(more)
            return {"text": dice.choice(WORDS), **some, **picked}
        if kind == "move":
            return self.place(lst)
        if kind == "transfer":
            to = dice.choice([x for x in self.lists if x != lst["id"]] if dice.random() < 0.95 else [
                lst["id"], uid(998)])
            there = self.lists[to].list if to in self.lists else None
            return {"to_list": to, **(self.place(there) if there and there != lst and dice.random() < 0.5 else {})}
        if kind == "revert":
            chance = dice.random()
            if known.log and chance < 0.65:
                return {"revert_op": dice.choice(known.log[-8:])["op_id"]}
            if chance < 0.68:
                return {"revert_op": uid(997)}
            least = known.cut["revision"] if known.cut else 0
            some = [c["revision"] for c in known.log[-6:]] or [lst["revision"]]
            return {"to_revision": dice.choice([*some, *some, least, max(least - 1, 0), some[0] - 1,
                                                lst["revision"] + 1])}
        return None

    def op(self):
        dice = self.dice
        if self.sent and dice.random() < 0.07:
            return self.again()
        known = self.lists[dice.choice(list(self.lists))]
        able = [user for user in PEOPLE if model.sees(known.list, user) in ("owner", "editor")]
        user = dice.choice(able if dice.random() < 0.85 else PEOPLE)
        store = dice.choice(STORES[user])
        kinds = dict(KINDS)
        if known.list["deleted_at"]:
            kinds["restore-list"] = 30
        if len(known.list["items"]) > 12:
            kinds["add"] = 1
        kind = dice.choices(list(kinds), list(kinds.values()))[0]
        # Where 404 and 403 both hold of a single undo, the page does not say what is told.
        is_sync = kind != "purge" and (dice.random() < 0.8 or kind == "revert" and model.role_of(
            known.list, user) == "viewer")
        fields = self.fields(kind, known, is_sync)
        op = {"op_id": self.new_id(), "list_id": known.list["id"], "kind": kind, "actor_id": user}
        if kind == "create-list" and dice.random() < 0.5 and len(self.lists) < 4:
            op["list_id"] = self.new_id()
        if kind in model.ON_ITEM:
            op["item_id"] = self.item_of(known.list, live=0.35 if kind in ("restore", "purge") else 0.85)
        elif kind == "add":
            op["item_id"] = self.new_id() if dice.random() < 0.92 else self.item_of(known.list, live=0.2)
        if fields is not None:
            op["fields"] = fields
        if is_sync:
            op["client_id"] = store
            op["base_revision"] = 0 if kind == "create-list" else self.base(known, store)
        elif dice.random() < 0.7:
            op["client_id"] = store
        return op

    def again(self):
        """One that was sent before: the same, from a copied store, or another op under its id."""
        op = copy.deepcopy(self.dice.choice(self.sent[-25:]))
        chance = self.dice.random()
        if chance < 0.2:
            op["client_id"] = self.dice.choice(STORES[op["actor_id"]])
        elif chance < 0.3:
            op["actor_id"] = self.dice.choice(PEOPLE)
        elif chance < 0.4 and op["kind"] != "create-list":
            op["base_revision"] += 1
        elif chance < 0.5:
            op["list_id"] = self.dice.choice(list(self.lists))
        return op

    # What happens.

    def step(self, number):
        """One op decided: the case."""
        dice = self.dice
        self.between()
        op = self.op()
        known = self.lists.get(op["list_id"])
        to = self.lists.get((op.get("fields") or {}).get("to_list")) if op["kind"] == "transfer" else None
        target = {"list": to.list if to else None, **(to.done_of(op) if to else {})}
        past, lst, now = known.past(op) if known else {}, known.list if known else None, self.now()
        case = {"name": f"{self.seed}/{number}", "now": now, "epoch": self.epoch, "list": cases.slim(lst), **past,
                **({"target": {**target, "list": cases.slim(target["list"])}} if op["kind"] == "transfer" else {}),
                "op": op}
        case = copy.deepcopy(case)
        try:
            result, after, there = model.decide(lst, op, now, self.epoch, past, target)
        except model.Refused as no:
            return {**case, "expect": {"refused": no.code, **({"errors": no.errors} if no.errors else {})}}
        make.check_log(case["name"], lst, op, result, after)
        expect = copy.deepcopy(result)
        if after:
            expect["order"] = [x["id"] for x in after["items"]]
            if known is None:
                known = self.lists[op["list_id"]] = Known(after)
            known.add(after, op, result)
            if op["kind"] == "create-list":
                for user in PEOPLE:
                    self.member(known, user, "editor")
            if "base_revision" in op:
                self.sent.append(op)
        if there:
            make.check_log(case["name"], to.list, op, model.change_of(op, result, True), there)
            to.add(there, op, result, True)
        return {**case, "expect": expect}

    def between(self):
        """What is not an op: time, retention, members, a restored database."""
        dice = self.dice
        self.minute = max(0, self.minute + dice.choice([0, 1, 1, 2, 5, -3]))
        known = self.lists[dice.choice(list(self.lists))]
        if len(known.log) > 16 or dice.random() < 0.01:
            known.forget(max(1, len(known.log) // 2))
        if dice.random() < 0.01:
            self.epoch += 1
        if dice.random() < 0.015:
            self.member(known, dice.choice(PEOPLE), dice.choice(["viewer", "editor", "editor", None]))

    def member(self, known, user, new):
        """The owner gives someone a role, or none. No case of its own."""
        old = model.role_of(known.list, user)
        if old in ("owner", new):
            return
        owner = next(m["user_id"] for m in known.list["members"] if m["role"] == "owner")
        op = {"op_id": self.new_id(), "list_id": known.list["id"], "actor_id": owner,
              "kind": "revoke" if new is None else "grant" if old is None else "role",
              "effects": [{"entity": "member", "id": user, "set": new and {"role": new},
                           "previous": old and {"role": old}}]}
        known.list, change = cases.members_change(known.list, op, self.now(), self.epoch)
        known.log.append(change)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many histories")
    parser.add_argument("--steps", type=int, default=100, help="ops in each")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    args = parser.parse_args()
    for seed in range(args.first, args.first + args.seeds):
        world = World(seed)
        for number in range(1, args.steps + 1):
            print(json.dumps(world.step(number), ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)

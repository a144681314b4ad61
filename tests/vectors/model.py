"""The rules of a list (api.md, 'Lists', 'Items', 'The log') for the kinds due now, once more, in Python.

Written apart from src/domain/, so that the two can disagree. A list is a dict as README.md describes it, its `items`
in order, hidden ones included. decide() gives what an op comes to; apply() and unapply() run the log.
"""
import copy
import json

LIST = ("title", "archived", "created_at", "deleted_at")
ITEM = ("text", "note", "done", "done_at", "due", "repeat", "labels", "parent_id", "created_by", "created_at",
        "deleted_at")
DEFAULTS = {"note": "", "done": False, "done_at": None, "due": None, "repeat": None, "labels": [], "parent_id": None,
            "deleted_at": None}
LIVE_MAX, ALL_MAX = 10_000, 20_000
OWNERS = ("remove-list", "restore-list")
ON_ITEM = ("set", "move", "remove", "restore")
EPOCH = 1 << 32


class Refused(Exception):
    def __init__(self, code, errors=()):
        self.code, self.errors = code, list(errors)


def whole(item):
    return {k: item[k] if k in item else DEFAULTS[k] for k in ITEM}


def is_live(item):
    return "gone" not in item and item.get("deleted_at") is None


def find(lst, item_id):
    return next((x for x in lst["items"] if x["id"] == item_id), None)


def role_of(lst, user):
    return next((m["role"] for m in lst["members"] if m["user_id"] == user), None)


def sees(lst, user):
    """The role of who sees the list, else None."""
    role = role_of(lst, user) if lst else None
    return None if role is None or lst["deleted_at"] and role != "owner" else role


class Edit:
    """One change in the making on a copy of a list."""

    def __init__(self, lst, op, now, epoch):
        self.lst, self.effects = copy.deepcopy(lst), []
        self.revision = epoch * EPOCH + lst["revision"] % EPOCH + 1
        self.at = max(now, lst["updated_at"]) if lst["updated_at"] else now
        self.op = op

    def index(self, item_id):
        return next(n for n, x in enumerate(self.lst["items"]) if x["id"] == item_id)

    def live_before(self, index):
        return next((x["id"] for x in reversed(self.lst["items"][:index]) if is_live(x)), None)

    def effect(self, entity, ident, new, old, **places):
        self.effects.append({"entity": entity, "id": ident, "set": copy.deepcopy(new), "previous": copy.deepcopy(old),
                             **places})

    def set_list(self, new):
        new = {k: x for k, x in new.items() if self.lst[k] != x}
        if new:
            self.effect("list", self.lst["id"], new, {k: self.lst[k] for k in new})
            self.lst.update(new)

    def set_item(self, item_id, new):
        item = find(self.lst, item_id)
        old = whole(item)
        new = {k: x for k, x in new.items() if old[k] != x}
        if not new:
            return
        places, told_old, n = {}, {k: old[k] for k in new}, self.index(item_id)
        if is_live(item) and new.get("deleted_at"):
            told_old, places = old, {"was_after": self.live_before(n)}
        comes = not is_live(item) and "deleted_at" in new
        item.update(new)
        self.touch(item)
        self.effect("item", item_id, whole(item) if comes else new, told_old,
                    **({"after": self.live_before(n)} if comes else places))

    def position(self, item_id, place):
        """Where in the order without the item it goes."""
        rest = [x["id"] for x in self.lst["items"] if x["id"] != item_id]
        side, neighbour = place
        if side is None or (side, neighbour) == ("before", None):
            return len(rest)
        if neighbour is None:
            return 0
        return rest.index(neighbour) + (side == "after")

    def make(self, item, place):
        self.lst["items"].insert(self.position(item["id"], place), item)
        self.touch(item)
        self.effect("item", item["id"], whole(item), None, after=self.live_before(self.index(item["id"])))

    def move(self, item_id, place):
        was, order = self.live_before(self.index(item_id)), list(self.lst["items"])
        to = self.position(item_id, place)
        item = self.lst["items"].pop(self.index(item_id))
        self.lst["items"].insert(to, item)
        after = self.live_before(self.index(item_id))
        if after == was:
            self.lst["items"] = order  # Only hidden items were passed.
            return
        self.touch(item)
        self.effect("item", item_id, {}, {}, after=after, was_after=was)

    def touch(self, item):
        item["revision"], item["updated_at"] = self.revision, self.at

    def finish(self, status):
        if not self.effects:
            return {"status": "skipped", "effects": []}, None
        self.lst["revision"], self.lst["updated_at"] = self.revision, self.at
        return {"status": status, "revision": self.revision, "at": self.at, "effects": self.effects}, self.lst


def place_of(lst, fields, errors):
    for side in ("after", "before"):
        if side in fields:
            neighbour = fields[side]
            found = neighbour and find(lst, neighbour)
            if neighbour and (found is None or not is_live(found)):
                errors.append({"pointer": f"/{side}", "code": "invalid_neighbour"})
            return side, neighbour
    return None, None


def create(lst, op, now, epoch):
    user, seen = op["actor_id"], sees(lst, op["actor_id"])
    if seen and op.get("put") and lst["creator_id"] == user:
        return {"status": "skipped", "repeated": True, "effects": []}, None
    revision = lst["revision"] if seen else 0
    if op.get("put") and op.get("min_revision", 0) > revision:
        raise Refused("revision_ahead")
    if "if_match" in op and not (seen and revision in op["if_match"]):
        raise Refused("stale")
    if op.get("errors"):
        raise Refused("invalid_request", op["errors"])
    if lst:
        raise Refused("id_taken")
    row = {"title": op["fields"]["title"], "archived": False, "created_at": now, "deleted_at": None}
    made = {"id": op["list_id"], "creator_id": user, **row, "revision": 0, "updated_at": None, "members": [],
            "items": []}
    edit = Edit(made, op, now, epoch)
    edit.effect("list", made["id"], row, None)
    edit.effect("member", user, {"role": "owner"}, None)
    edit.lst["members"].append({"user_id": user, "role": "owner"})
    return edit.finish("applied")


def check(lst, op):
    """Refusals up to the conditions, in the order of 'Errors'; true for a repeated PUT of an item."""
    user, kind = op["actor_id"], op["kind"]
    role = sees(lst, user)
    item = find(lst, op.get("item_id")) if role else None
    if role is None or kind in ON_ITEM and (item is None or "gone" in item):
        raise Refused("not_found")
    if role == "viewer" or kind in OWNERS and role != "owner":
        raise Refused("forbidden")
    if kind == "add" and op.get("put") and item and "gone" not in item and item["created_by"] == user:
        return True
    if op.get("min_revision", 0) > lst["revision"]:
        raise Refused("revision_ahead")
    if lst["deleted_at"] and kind not in OWNERS:
        raise Refused("list_trashed")
    if "if_match" in op and lst["revision"] not in op["if_match"]:
        raise Refused("stale")
    return False


def decide(lst, op, now, epoch=0):
    """({status, revision, at, effects, ...}, the list after it or None when nothing changes), or Refused."""
    kind, fields, item_id = op["kind"], op.get("fields", {}), op.get("item_id")
    if kind == "create-list":
        return create(lst, op, now, epoch)
    if check(lst, op):
        return {"status": "skipped", "repeated": True, "effects": []}, None
    errors = list(op.get("errors", ()))
    place = place_of(lst, fields, errors) if kind in ("add", "move") else (None, None)
    if errors:
        raise Refused("invalid_request", errors)
    edit, item = Edit(lst, op, now, epoch), find(lst, item_id)
    live = sum(map(is_live, lst["items"]))
    held = sum("gone" not in x for x in lst["items"])
    more = {}
    if kind == "set-list":
        edit.set_list(fields)
    elif kind == "remove-list":
        edit.set_list({"deleted_at": lst["deleted_at"] or edit.at})
    elif kind == "restore-list":
        edit.set_list({"deleted_at": None})
    elif kind == "add":
        if item:
            raise Refused("id_taken")
        if live >= LIVE_MAX or held >= ALL_MAX:
            raise Refused("list_full")
        row = {k: x for k, x in fields.items() if k in ITEM}
        edit.make({"id": item_id, **DEFAULTS, **row, "created_by": op["actor_id"], "created_at": edit.at}, place)
    elif kind == "set":
        new = dict(fields)
        if "done" in new and new["done"] != whole(item)["done"]:
            new["done_at"] = edit.at if new["done"] else None
        edit.set_item(item_id, new)
    elif kind == "move":
        if not is_live(item):
            raise Refused("item_trashed")
        if place[1] != item_id:
            edit.move(item_id, place)
    elif kind == "remove":
        if is_live(item):
            edit.set_item(item_id, {"deleted_at": edit.at})
    elif kind == "restore":
        if not is_live(item):
            if live >= LIVE_MAX:
                raise Refused("list_full")
            edit.set_item(item_id, {"deleted_at": None})
    elif kind == "clear-done":
        done = [x["id"] for x in lst["items"] if is_live(x) and whole(x)["done"]]
        for each in done:
            edit.set_item(each, {"deleted_at": edit.at})
        more = {"cleared": len(done)}
    merged = kind == "set" and not is_live(item)
    result, after = edit.finish("merged" if merged else "applied")
    return {**result, **more}, after


# ------------------------------------------------------------------------------------------ what a client holds

def view(lst):
    """What a client holds of a list."""
    if lst is None:
        return None
    return {"revision": lst["revision"], "updated_at": lst["updated_at"], "list": {k: lst[k] for k in LIST},
            "members": sorted(lst["members"], key=lambda m: m["user_id"]),
            "items": [{"id": x["id"], **whole(x), "revision": x["revision"], "updated_at": x["updated_at"]}
                      for x in lst["items"] if is_live(x)]}


class Misfit(Exception):
    """The change does not belong to the view."""


def need(condition):
    if not condition:
        raise Misfit


def agrees(have, said):
    return said.get("purged") or have.get("purged") or all(k in have and have[k] == x for k, x in said.items())


def step(held, effect, new, old, to, was):
    """One effect on a view: `new` and `to` as they become, `old` and `was` as they were."""
    ident = effect["id"]
    if effect["entity"] == "list":
        need((old is None) == (held["list"] is None) and agrees(held["list"] or {}, old or {}))
        held["list"] = None if new is None else {**(held["list"] or {}), **new}
    elif effect["entity"] == "member":
        have = next((m for m in held["members"] if m["user_id"] == ident), None)
        need((old is None) == (have is None) and (old is None or old["role"] == have["role"]))
        rest = [m for m in held["members"] if m is not have]
        came = [] if new is None else [{"user_id": ident, "role": new["role"]}]
        held["members"] = sorted(rest + came, key=lambda m: m["user_id"])
    elif effect["entity"] == "item":
        ids = [x["id"] for x in held["items"]]
        comes, goes = to in effect, was in effect
        if ident not in ids and not comes:
            return
        if ident in ids:
            n = ids.index(ident)
            need(old is not None and agrees(held["items"][n], old) and comes <= goes)
            if not goes:
                need(new is not None)
                held["items"][n] = {**held["items"][n], **new}
                return
            need((ids[n - 1] if n else None) == effect[was])
            item = held["items"].pop(n)
            need(comes or new is None or new.get("deleted_at"))
            if not comes:
                return
            item = {**item, **new}
        else:
            need(new is not None and set(ITEM) <= set(new) and new["deleted_at"] is None)
            item = {"id": ident, **new, "revision": 0, "updated_at": None}
        ids = [x["id"] for x in held["items"]]
        need(effect[to] is None or effect[to] in ids)
        held["items"].insert(0 if effect[to] is None else ids.index(effect[to]) + 1, item)


def apply(held, change):
    """The view after the next change."""
    held = copy.deepcopy(held) or {"revision": 0, "updated_at": None, "list": None, "members": [], "items": []}
    need(change["revision"] % EPOCH == held["revision"] % EPOCH + 1 and change["revision"] > held["revision"])
    need(held["updated_at"] is None or change["at"] >= held["updated_at"])
    for effect in change["effects"]:
        step(held, effect, effect["set"], effect["previous"], "after", "was_after")
        for item in held["items"]:
            if effect["entity"] == "item" and item["id"] == effect["id"]:
                item["revision"], item["updated_at"] = change["revision"], change["at"]
    return {**held, "revision": change["revision"], "updated_at": change["at"]}


def unapply(held, change, before):
    """The view before the last change, as far as the change tells; items it has touched are without revision."""
    held = copy.deepcopy(held)
    need(held["revision"] == change["revision"])
    for effect in reversed(change["effects"]):
        step(held, effect, effect["previous"], effect["set"], "was_after", "after")
    if held["list"] is None:
        need(not held["members"] and not held["items"])
        return None
    return {**held, "revision": before["revision"], "updated_at": before["updated_at"]}


def forget_revisions(held, change):
    """`held` without what unapply cannot tell."""
    touched = {e["id"] for e in change["effects"] if e["entity"] == "item"}
    held = copy.deepcopy(held)
    for item in held["items"] if held else ():
        if item["id"] in touched:
            item["revision"], item["updated_at"] = 0, None
    return held


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)

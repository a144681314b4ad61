"""The rules of a list (api.md, 'Lists', 'Items', 'The log', 'Sync') once more, in Python.

Written apart from src/domain/, so that the two can disagree. A list is a dict as README.md describes it, its `items`
in order, hidden ones included; `past` is what its log holds: {log?, cut?, done?}. decide() gives what an op comes to;
apply() and unapply() run the log.
"""
import copy
import json

LIST = ("title", "archived", "created_at", "deleted_at")
ITEM = ("text", "note", "done", "done_at", "due", "repeat", "labels", "parent_id", "created_by", "created_at",
        "deleted_at")
DEFAULTS = {"note": "", "done": False, "done_at": None, "due": None, "repeat": None, "labels": [], "parent_id": None,
            "deleted_at": None}
BLANK = {**dict.fromkeys(ITEM), "text": "", "note": "", "done": False, "labels": [], "purged": True}
LIVE_MAX, ALL_MAX = 10_000, 20_000
OWNERS = ("remove-list", "restore-list", "purge")
ON_ITEM = ("set", "move", "transfer", "remove", "restore", "purge")
NEVER_REVERTED = ("create-list", "remove-list", "restore-list", "transfer", "grant", "role", "revoke", "link", "unlink",
                  "purge")
EPOCH = 1 << 32


class Refused(Exception):
    def __init__(self, code, errors=()):
        self.code, self.errors = code, list(errors)


# ------------------------------------------------------------------------------------------ what the server holds

def whole(item):
    return {k: item[k] if k in item else DEFAULTS[k] for k in ITEM}


def is_held(item):
    """Whether an item is more than its id and place."""
    return item is not None and "gone" not in item


def is_live(item):
    return is_held(item) and item.get("deleted_at") is None


def find(lst, item_id):
    return next((x for x in lst["items"] if x["id"] == item_id), None)


def children(lst, item_id):
    return [x["id"] for x in lst["items"] if is_live(x) and x.get("parent_id") == item_id]


def may_be_parent(lst, parent, item_id):
    """Whether the item may have that parent. Two levels: a parent has none, and who has children gets none."""
    found = find(lst, parent) if parent else None
    return parent is None or is_live(found) and parent != item_id and not found.get("parent_id") and not children(
        lst, item_id)


def role_of(lst, user):
    return next((m["role"] for m in lst["members"] if m["user_id"] == user), None)


def sees(lst, user):
    """The role of who sees the list, else None."""
    role = role_of(lst, user) if lst else None
    return None if role is None or lst["deleted_at"] and role != "owner" else role


class Edit:
    """One change in the making on a copy of a list."""

    def __init__(self, lst, now, epoch):
        self.lst, self.effects, self.overridden, self.kept = copy.deepcopy(lst), [], {}, []
        self.revision = epoch * EPOCH + lst["revision"] % EPOCH + 1
        self.at = max(now, lst["updated_at"]) if lst["updated_at"] else now

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
        old, n = whole(item), self.index(item_id)
        new = {k: x for k, x in new.items() if old[k] != x}
        if not new:
            return
        told, told_old, places = new, {k: old[k] for k in new}, {}
        was_live = is_live(item)
        item.update(new)
        if was_live and not is_live(item):
            told_old, places = old, {"was_after": self.live_before(n)}
            item["trashed_by"] = self.revision
        elif is_live(item) and not was_live:
            told, places = whole(item), {"after": self.live_before(n)}
            item.pop("trashed_by", None)
        self.touch(item)
        self.effect("item", item_id, told, told_old, **places)

    def trash(self, item_id):
        """It and its live children."""
        for each in (item_id, *children(self.lst, item_id)):
            self.set_item(each, {"deleted_at": self.at})

    def restore(self, item_id, new=()):
        """With these fields besides; a parent that cannot be one (any more) is dropped."""
        new = dict(new)
        parent = new.get("parent_id", whole(find(self.lst, item_id))["parent_id"])
        if not may_be_parent(self.lst, parent, item_id):
            parent = None
        self.set_item(item_id, {**new, "parent_id": parent, "deleted_at": None})

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
        to = self.position(item["id"], place)
        self.lst["items"] = [x for x in self.lst["items"] if x["id"] != item["id"]]  # It may have been here before.
        self.lst["items"].insert(to, item)
        self.touch(item)
        self.effect("item", item["id"], whole(item), None, after=self.live_before(to))

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

    def leave(self, item_id, how):
        """Moved to another list, or purged: the id and the place stay."""
        n = self.index(item_id)
        item = self.lst["items"][n]
        places = {"was_after": self.live_before(n)} if is_live(item) else {}
        old = whole(item) if how == "moved" else {**BLANK, "deleted_at": item.get("deleted_at")}
        self.lst["items"][n] = {"id": item_id, "gone": how}
        self.touch(self.lst["items"][n])
        self.effect("item", item_id, None, old, **places)

    def touch(self, item):
        item["revision"], item["updated_at"] = self.revision, self.at

    def finish(self):
        """The list after it, and the change."""
        self.lst["revision"], self.lst["updated_at"] = self.revision, self.at
        return self.lst, {"revision": self.revision, "at": self.at, "effects": self.effects}


# ------------------------------------------------------------------------------------------ what an op comes to

class Call:
    """An op, and what it meets. `since`: what others changed after what the maker of an op of sync had seen."""

    def __init__(self, lst, op, past, target):
        self.lst, self.op, self.kind, self.user = lst, op, op["kind"], op["actor_id"]
        self.fields, self.item_id, self.target = op.get("fields") or {}, op.get("item_id"), target or {}
        self.is_sync = "base_revision" in op
        self.log, self.done, self.errors = past.get("log") or [], past.get("done") or [], list(op.get("errors", ()))
        self.cut = past["cut"]["revision"] if past.get("cut") else self.log[0]["revision"] - 1 if self.log else 0
        self.base = op["base_revision"] if self.is_sync else lst["revision"] if lst else 0
        self.since = [c for c in self.log if c["revision"] > self.base and not self.is_own(c)]
        self.item = find(lst, self.item_id) if lst else None
        self.to = self.target.get("list")

    def is_own(self, change):
        return (change["actor_id"], change["client_id"]) == (self.user, self.op.get("client_id"))

    def on(self, entity, ident):
        """Effects since on one thing."""
        return [e for c in self.since for e in c["effects"] if (e["entity"], e["id"]) == (entity, ident)]

    def place(self, lst, strict):
        """Where the op wants the item. By a single call only beside a live one; by sync beside any that the list has
        or had, else (for what must not be lost) at the end."""
        for side in ("after", "before"):
            if side in self.fields:
                neighbour = self.fields[side]
                found = find(lst, neighbour) if neighbour else None
                if not self.is_sync:
                    if neighbour and not is_live(found):
                        self.errors.append({"pointer": f"/{side}", "code": "invalid_neighbour"})
                    return side, neighbour
                if neighbour is None or found and (strict or neighbour != self.item_id):
                    return side, neighbour
                if strict:
                    raise Refused("invalid_neighbour")
        return None, None

    def check_parent(self, have):
        """For single calls, which are told."""
        wanted = self.fields.get("parent_id")
        if not self.is_sync and wanted != have and not may_be_parent(self.lst, wanted, self.item_id):
            self.errors.append({"pointer": "/parent_id", "code": "invalid_parent"})

    def refuse_errors(self):
        if self.errors:
            raise Refused("invalid_request", self.errors)


def changed(effect):
    """The fields that an effect changed; all of them for what was made or is gone for good."""
    new, old = effect["set"], effect["previous"]
    if new is None or old is None:
        return set(ITEM)
    return {k for k in new if k in old and new[k] != old[k]}


def comes(effect):
    return "after" in effect and "was_after" not in effect


def reopens(effect):
    return bool(effect["set"] and effect["previous"] and effect["previous"].get("done")
                and effect["set"].get("done") is False)


def first_result(call):
    """Of an op of sync that has been done; None for a new one."""
    def content(op):
        return [op.get(k) for k in ("actor_id", "list_id", "kind", "base_revision", "item_id", "fields")]
    for each in call.done:
        if each["op"]["op_id"] == call.op["op_id"]:
            if content(each["op"]) != content(call.op):
                raise Refused("op_id_reused")
            return {"first": True, **each["result"]}
    return None


def create(call, now, epoch):
    lst, op, user = call.lst, call.op, call.user
    seen = sees(lst, user)
    if call.is_sync:
        if seen and (first := first_result(call)):
            return first, None, None
        if lst:
            raise Refused("op_expired" if seen and lst["creator_id"] == user else "id_taken")
    else:
        if seen and op.get("put") and lst["creator_id"] == user:
            return {"status": "skipped", "repeated": True, "effects": []}, None, None
        revision = lst["revision"] if seen else 0
        if op.get("put") and op.get("min_revision", 0) > revision:
            raise Refused("revision_ahead")
        if "if_match" in op and not (seen and revision in op["if_match"]):
            raise Refused("stale")
    call.refuse_errors()
    if lst:
        raise Refused("id_taken")
    row = {"title": op["fields"]["title"], "archived": False, "created_at": now, "deleted_at": None}
    made = {"id": op["list_id"], "creator_id": user, **row, "revision": 0, "updated_at": None, "members": [],
            "items": []}
    edit = Edit(made, now, epoch)
    edit.effect("list", made["id"], row, None)
    edit.effect("member", user, {"role": "owner"}, None)
    edit.lst["members"].append({"user_id": user, "role": "owner"})
    after, change = edit.finish()
    return {"status": "applied", **change}, after, None


def check_single(call):
    """Refusals up to the conditions, in the order of 'Errors'; true for a repeated PUT of an item."""
    lst, op, kind, item = call.lst, call.op, call.kind, call.item
    role, to_role = sees(lst, call.user), sees(call.to, call.user)
    if role is None or kind in ON_ITEM and not is_held(item) or kind == "transfer" and to_role is None:
        raise Refused("not_found")
    if role == "viewer" or kind in OWNERS and role != "owner" or kind == "transfer" and to_role == "viewer":
        raise Refused("forbidden")
    if kind == "add" and op.get("put") and is_held(item) and item["created_by"] == call.user:
        return True
    if op.get("min_revision", 0) > lst["revision"]:
        raise Refused("revision_ahead")
    if lst["deleted_at"] and kind not in ("remove-list", "restore-list") or call.to and call.to["deleted_at"]:
        raise Refused("list_trashed")
    if "if_match" in op and lst["revision"] not in op["if_match"]:
        raise Refused("stale")
    return False


def check_sync(call):
    """Refusals in the order of 'Sync'; the first result of an op that has been done."""
    role = sees(call.lst, call.user)
    if role is None:
        raise Refused("not_found")
    if first := first_result(call):
        return first
    if call.base < call.cut:
        raise Refused("op_expired")
    if role == "viewer" or call.kind in OWNERS and role != "owner":
        raise Refused("forbidden")
    if call.lst["deleted_at"] and call.kind not in ("remove-list", "restore-list"):
        raise Refused("list_trashed")
    call.refuse_errors()
    if call.kind in ON_ITEM or call.kind == "add" and call.item:
        if call.item is None:
            raise Refused("not_found")
        if not is_held(call.item):
            raise Refused("purged" if call.item["gone"] == "purged" else "item_moved")
    return None


def decide(lst, op, now, epoch=0, past=None, target=None):
    """(what it comes to, the list after it, the list moved to after it), or Refused. The lists are None when nothing
    changes."""
    call = Call(lst, op, past or {}, target)
    if call.kind == "create-list":
        return create(call, now, epoch)
    if call.is_sync:
        if first := check_sync(call):
            return first, None, None
    elif check_single(call):
        return {"status": "skipped", "repeated": True, "effects": []}, None, None
    edit = Edit(lst, now, epoch)
    other = Edit(call.to, now, epoch) if call.kind == "transfer" and call.to else None
    status, code, told = RULES[call.kind](call, edit, *([other] if call.kind == "transfer" else []))
    if not edit.effects and not told:
        status = "skipped"
    cleared = {"cleared": len(edit.effects)} if call.kind == "clear-done" else {}
    if not edit.effects and not call.is_sync:
        return {"status": "skipped", "effects": [], **cleared}, None, None
    after, change = edit.finish()
    result = {"status": status, **change, **cleared}
    if call.is_sync:
        result |= {**({"code": code} if code else {}), **({"fields": told} if told else {})}
    result |= {**({"overridden": edit.overridden} if edit.overridden else {}),
               **({"kept": edit.kept} if edit.kept else {})}
    if not other or not other.effects:
        return result, after, None
    to_after, to_change = other.finish()
    return {**result, "other": {**to_change, "order": [x["id"] for x in to_after["items"]]}}, after, to_after


# The rules. Each gives status, code and what is told instead of the op's values.

def set_fields(call, have, hit):
    """What a set brings in, what is overridden, what is told."""
    new, overridden, told, code = {}, {}, {}, None
    for k, x in call.fields.items():
        if x == have[k]:
            continue
        if k in hit or k == "parent_id" and not may_be_parent(call.lst, x, call.item_id):
            overridden[k], told[k] = x, have[k]
            code = code if k in hit else "invalid_parent"
        else:
            new[k] = x
    return new, overridden, told, code


def set_list(call, edit):
    call.refuse_errors()
    hit = set().union(*map(changed, call.on("list", call.lst["id"])))
    new, edit.overridden, told, _ = set_fields(call, call.lst, hit)
    edit.set_list(new)
    return "overridden" if told else "merged" if hit - {"deleted_at"} else "applied", None, told


def set_item(call, edit):
    have = whole(call.item)
    if "parent_id" in call.fields:
        call.check_parent(have["parent_id"])
    call.refuse_errors()
    hit = set().union(*map(changed, call.on("item", call.item_id)))
    new, edit.overridden, told, code = set_fields(call, have, hit)
    if "done" in new:
        new["done_at"] = edit.at if new["done"] else None
    edit.set_item(call.item_id, new)
    trashed = not is_live(call.item)
    if trashed and not told:
        code = "item_trashed"
    return "overridden" if told else "merged" if trashed or hit - {"deleted_at"} else "applied", code, told


def remove_list(call, edit):
    call.refuse_errors()
    edit.set_list({"deleted_at": call.lst["deleted_at"] or edit.at})
    return "applied", None, {}


def restore_list(call, edit):
    call.refuse_errors()
    edit.set_list({"deleted_at": None})
    return "applied", None, {}


def full(lst, more):
    """Whether so many items more, live ones, are too many."""
    return sum(map(is_live, lst["items"])) + more > LIVE_MAX


def full_with_trash(lst, more):
    return full(lst, more) or sum(map(is_held, lst["items"])) + more > ALL_MAX


def add(call, edit):
    place = call.place(call.lst, False)
    call.check_parent(None)
    call.refuse_errors()
    if call.item:
        if call.is_sync and call.item["created_by"] == call.user:
            return "skipped", None, {}
        raise Refused("id_taken")
    if full_with_trash(call.lst, 1):
        raise Refused("list_full")
    row = {**DEFAULTS, **{k: x for k, x in call.fields.items() if k in ITEM}, "created_by": call.user,
           "created_at": edit.at}
    status, code = "applied", None
    if not may_be_parent(call.lst, row["parent_id"], call.item_id):
        row["parent_id"], status, code = None, "merged", "invalid_parent"
    edit.make({"id": call.item_id, **row}, place)
    return status, code, {}


def move(call, edit):
    if call.is_sync and not is_live(call.item):
        return "skipped", "item_trashed", {}
    place = call.place(call.lst, True)
    call.refuse_errors()
    if not is_live(call.item):
        raise Refused("item_trashed")
    if place[1] != call.item_id:
        edit.move(call.item_id, place)
    return "applied", None, {}


def is_spared(call, item_id):
    """Whether it or a child came into view, or was re-opened, unseen by who removes it."""
    return any(comes(e) or reopens(e) for x in (item_id, *children(call.lst, item_id)) for e in call.on("item", x))


def remove(call, edit):
    call.refuse_errors()
    if is_live(call.item) and not is_spared(call, call.item_id):
        edit.trash(call.item_id)
    return "applied", None, {}


def clear_done(call, edit):
    call.refuse_errors()
    for item in call.lst["items"]:
        goes = is_live(item) and whole(item)["done"] and not is_spared(call, item["id"])
        if goes and is_live(find(edit.lst, item["id"])):  # Else it went with its parent.
            edit.trash(item["id"])
    return "applied", None, {}


def restore(call, edit):
    call.refuse_errors()
    if is_live(call.item):
        return "skipped", None, {}
    with_it = [x["id"] for x in call.lst["items"] if is_held(x) and not is_live(x)
               and x.get("parent_id") == call.item_id and x["trashed_by"] == call.item["trashed_by"]]
    if full(call.lst, 1 + len(with_it)):
        raise Refused("list_full")
    for each in (call.item_id, *with_it):
        edit.restore(each)
    return "applied", None, {}


def purge(call, edit):
    call.refuse_errors()
    for each in children(call.lst, call.item_id):
        edit.set_item(each, {"deleted_at": edit.at})
    edit.leave(call.item_id, "purged")
    return "applied", None, {}


def transfer(call, edit, other):
    to, moved = call.to, [call.item_id, *children(call.lst, call.item_id)]
    role = sees(to, call.user)
    if role is None:
        raise Refused("not_found")
    if to["id"] == call.lst["id"]:
        raise Refused("invalid_request", [] if call.is_sync else [
            *call.errors, {"pointer": "/to_list", "code": "invalid"}])
    if role == "viewer":
        raise Refused("forbidden")
    if to["deleted_at"]:
        raise Refused("list_trashed")
    place = call.place(to, False)
    call.refuse_errors()
    known = [*(d["op"]["op_id"] for d in call.target.get("done") or ()),
             *(c["op_id"] for c in call.target.get("log") or ())]
    if call.op["op_id"] in known:
        raise Refused("op_id_reused")
    there = [x for x in to["items"] if x["id"] in moved]
    if any(x.get("gone") != "moved" for x in there):
        raise Refused("id_taken")
    if not is_live(call.item):
        if not call.is_sync:
            raise Refused("item_trashed")
        return "skipped", "item_trashed", {}
    if full_with_trash(to, len(moved)):
        raise Refused("list_full")
    for n, each in enumerate(moved):
        row = whole(find(call.lst, each))
        edit.leave(each, "moved")
        other.make({"id": each, **row, **({} if n else {"parent_id": None})}, place if n == 0 else (
            "after", moved[n - 1]))
    return "applied", None, {}


def undone(call):
    """The changes that a revert undoes, and those that it leaves and must not run over."""
    if "to_revision" in call.fields:
        least = call.fields["to_revision"]
        if least < call.cut:
            raise Refused("revision_expired")
        if least > call.lst["revision"]:
            raise Refused("revision_ahead")
        undo = [c for c in call.log if c["revision"] > least and (c["revision"] <= call.base or call.is_own(c))]
    else:
        undo = [c for c in call.log if c["op_id"] == call.fields["revert_op"]]
        if not undo:
            raise Refused("not_found")
        if undo[0]["kind"] in NEVER_REVERTED:
            raise Refused("not_revertible")
        least = undo[0]["revision"] - 1
    undo = [c for c in undo if c["kind"] not in NEVER_REVERTED]
    return undo, [c for c in call.log if c["revision"] > least and c not in undo]


def revert(call, edit):
    call.refuse_errors()
    undo, later = undone(call)
    touched, moved = {}, set()  # By who came later: fields by id, and who has come to or left a place.
    for e in (e for c in later for e in c["effects"]):
        touched.setdefault(e["id"], set()).update(changed(e))
        if "after" in e or "was_after" in e:
            moved.add(e["id"])
    made, moves, wish = [], [], {}  # wish: the fields as they were before the first change that is undone.
    for e in (e for c in undo for e in c["effects"]):
        if e["entity"] == "item" and e["previous"] is None:
            made.append(e["id"])
        elif e["entity"] in ("item", "list") and e["previous"] is not None and e["set"] is not None:
            for k in sorted(changed(e)):
                wish.setdefault((e["entity"], e["id"]), {}).setdefault(k, e["previous"][k])
            if "after" in e and "was_after" in e and e["id"] not in moves:
                moves.append(e["id"])

    def keep(entity, ident, fields=()):
        edit.kept.append({"entity": entity, "id": ident, **({"fields": sorted(fields)} if fields else {})})

    back = {}
    for (entity, ident), want in wish.items():
        lost = want.keys() & touched.get(ident, set())
        if lost:
            keep(entity, ident, lost)
        want = {k: x for k, x in want.items() if k not in lost}
        if entity == "list":
            edit.set_list(want)
        elif is_held(find(call.lst, ident)) and ident not in made:
            back[ident] = want
    undo_fields(call, edit, back, keep)
    trash_made(call, edit, made, touched, keep)
    for ident, want in back.items():
        if want.get("deleted_at") and is_live(find(call.lst, ident)) and is_live(find(edit.lst, ident)):
            if children(edit.lst, ident):  # They have not gone with what was made.
                keep("item", ident)
            else:
                edit.set_item(ident, {**want, "deleted_at": edit.at})
    undo_places(call, edit, undo, [x for x in moves if x not in moved and is_live(find(edit.lst, x))])
    for ident in moves:
        if ident in moved and is_live(find(edit.lst, ident)):
            keep("item", ident, ["place"])
    return "applied", None, {}


def undo_fields(call, edit, back, keep):
    """Fields, out of trash, into trash: parents before children. `back` is in that order then."""
    def will_have_parent(entry):
        ident, want = entry
        return want.get("parent_id", whole(find(call.lst, ident))["parent_id"]) is not None
    in_order = sorted(back.items(), key=will_have_parent)
    back.clear()
    back.update(in_order)
    live_now = {x: is_live(find(call.lst, x)) for x in back}
    coming = [x for x, want in back.items() if not live_now[x] and want.get("deleted_at", "") is None]
    if full(call.lst, len(coming)):
        raise Refused("list_full")
    for ident, want in back.items():
        rest = {k: x for k, x in want.items() if k != "deleted_at"}
        if want.get("deleted_at") and live_now[ident]:
            if not children(edit.lst, ident):  # Else when what was made has gone.
                edit.set_item(ident, {**rest, "deleted_at": edit.at})
        elif ident in coming:
            edit.restore(ident, rest)
        else:
            if "parent_id" in rest and live_now[ident] and not may_be_parent(edit.lst, rest["parent_id"], ident):
                del rest["parent_id"]
                keep("item", ident, ["parent_id"])
            edit.set_item(ident, rest)


def trash_made(call, edit, made, touched, keep):
    """Last made first, so that children go before their parents."""
    for ident in reversed(made):
        if is_live(find(call.lst, ident)):
            if ident in touched or children(edit.lst, ident):
                keep("item", ident)
            else:
                edit.set_item(ident, {"deleted_at": edit.at})


def undo_places(call, edit, undo, places):
    """After the nearest that stood before it then, and is in view."""
    if not places:
        return
    held, log = view(call.lst), [c for c in call.log if c["revision"] >= undo[0]["revision"]]
    for n in reversed(range(len(log))):
        before = log[n - 1] if n else {"revision": 0, "at": None}
        held = unapply(held, log[n], {"revision": before["revision"], "updated_at": before["at"]})
    was = [x["id"] for x in held["items"]]
    for ident in (x for x in was if x in places):
        left = [x for x in was[:was.index(ident)] if is_live(find(edit.lst, x))]
        edit.move(ident, ("after", left[-1] if left else None))


RULES = {"set-list": set_list, "remove-list": remove_list, "restore-list": restore_list, "add": add, "set": set_item,
         "move": move, "transfer": transfer, "remove": remove, "restore": restore, "clear-done": clear_done,
         "revert": revert, "purge": purge}


# ------------------------------------------------------------------------------------------ the log

def change_of(op, result, other=False):
    """The row of the log that a decision writes."""
    row = result["other"] if other else result
    return {"revision": row["revision"], "op_id": op["op_id"], "at": row["at"], "actor_id": op["actor_id"],
            "client_id": op.get("client_id"), "kind": op["kind"], "status": result["status"],
            **({"item_id": op["item_id"]} if "item_id" in op else {}), "effects": row["effects"],
            **{k: result[k] for k in ("overridden", "kept") if k in result and not other}}


def result_of(result):
    """What is kept for a repeat."""
    return {k: result[k] for k in ("status", "revision", "code", "fields") if k in result}


def erase(log, done, item_id):
    """What was purged leaves the log and the kept results: only ids, places and `deleted_at` stay."""
    def bare(row):
        if not row:
            return row
        at = {"deleted_at": row["deleted_at"]} if "deleted_at" in row else {}
        return {**BLANK, **at} if "created_by" in row else at
    for change in log:
        for e in change["effects"]:
            if e["id"] == item_id:
                e["set"], e["previous"] = bare(e["set"]), bare(e["previous"])
        if change.get("item_id") == item_id:
            change.pop("overridden", None)
    for each in done:
        if each["op"].get("item_id") == item_id:
            each["result"].pop("fields", None)


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

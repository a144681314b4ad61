"""What a client holds of a list, and how the log changes it: written from the contract alone ('The
log'), so that it can judge the server. Everything the contract says of effects is checked; what does
not fit raises `Broken`.
"""
import copy
import re

LIST = ("title", "archived", "created_at", "deleted_at")
ITEM = ("text", "note", "done", "done_at", "due", "repeat", "labels", "parent_id", "created_by",
        "created_at", "deleted_at")
MEMBER = ("role",)
WHOLE = {"list": LIST, "item": ITEM, "member": MEMBER}
KINDS = {"create-list", "set-list", "remove-list", "restore-list", "add", "set", "move", "transfer",
         "remove", "restore", "clear-done", "revert", "import", "grant", "role", "revoke", "link",
         "unlink", "purge"}
OF_ONE_ITEM = {"add", "set", "move", "transfer", "remove", "restore", "purge"}
# An erased item's whole rows, but for `deleted_at`.
BLANK = {"text": "", "note": "", "done": False, "done_at": None, "due": None, "repeat": None, "labels": [],
         "parent_id": None, "created_by": None, "created_at": None, "purged": True}
REQUIRED = {"revision", "op_id", "at", "actor_id", "client_id", "kind", "status", "effects"}
OPTIONAL = {"item_id", "overridden", "kept"}
EPOCH = 1 << 32
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Broken(Exception):
    """The log, or what is served, is not as promised."""


def _need(condition, text):
    if not condition:
        raise Broken(text)


class View:
    """A list as a client holds it; nothing at all before its first change."""

    def __init__(self):
        self.id, self.revision, self.updated_at, self.row = None, 0, None, None
        self.members, self.items, self.order, self.touched = {}, {}, [], {}

    def copy(self):
        return copy.deepcopy(self)

    def before(self, item):
        """The live item before `item`; None for the first."""
        place = self.order.index(item)
        return self.order[place - 1] if place else None

    def state(self):
        """What forwards and backwards must agree on: items' revisions cannot be told backwards."""
        return (self.revision, self.updated_at, self.row, self.members, self.order,
                {item: self.items[item] for item in self.order})

    def served(self, user) -> dict:
        """What `GET /v1/lists/{id}` must send to `user`."""
        items = [{"id": item, **self.items[item], "revision": self.touched[item][0],
                  "updated_at": self.touched[item][1]} for item in self.order]
        return {"id": self.id, **self.row, "role": self.members[user], "revision": self.revision,
                "updated_at": self.updated_at, "item_count": len(items),
                "done_count": sum(item["done"] for item in items),
                "members": [{"user_id": each, "role": role} for each, role in self.members.items()],
                "items": items}


def compare(view: View, served: dict, user):
    """The view is exactly what the server sends; the order of members is not promised."""
    _need(user in view.members, f"{user} is served and is no member by the log")
    wanted = view.served(user)
    _need(set(wanted) == set(served), f"members of the answer: {sorted(served)}")
    by_id = {"members": lambda value: sorted(value, key=lambda member: member["user_id"])}
    for name, value in wanted.items():
        order = by_id.get(name, lambda same: same)
        _need(order(value) == order(served[name]),
              f"{name} is served as {served[name]}, by the log it is {value}")


def apply(view: View, change: dict, list_id: str):
    """The next change, in place."""
    _check_form(change)
    revision, at = change["revision"], change["at"]
    _need(revision % EPOCH == view.revision % EPOCH + 1 and revision // EPOCH >= view.revision // EPOCH,
          f"after {view.revision} comes {revision}")
    _need(view.updated_at is None or at >= view.updated_at, f"time runs backwards at {revision}")
    _need((change["kind"] == "create-list") == (view.row is None), "a list begins with create-list, once")
    view.id = list_id
    for effect in change["effects"]:
        _step(view, effect, "set", "previous", "after", "was_after")
        if effect["entity"] == "item" and effect["id"] in view.items:
            view.touched[effect["id"]] = (revision, at)
    view.revision, view.updated_at = revision, at


def unapply(view: View, change: dict, revision: int, updated_at):
    """The last change taken back, in place. `revision`, `updated_at`: of the change before (0, None)."""
    _need(view.revision == change["revision"], f"{change['revision']} undone at {view.revision}")
    for effect in reversed(change["effects"]):
        _step(view, effect, "previous", "set", "was_after", "after")
    view.revision, view.updated_at = revision, updated_at


def replay(changes: list, list_id: str) -> View:
    """All changes from nothing."""
    view = View()
    for change in changes:
        apply(view, change, list_id)
    return view


def check_log(changes: list, list_id: str, served: dict, user) -> View:
    """Forwards from nothing is exactly what is served; backwards, step by step, what was there
    before, and at last nothing. Returns the view."""
    view, states = View(), []
    for change in changes:
        states.append(copy.deepcopy(view.state()) if len(changes) <= 400 else None)
        apply(view, change, list_id)
    _need(len({change["op_id"] for change in changes}) == len(changes), "an op_id stands twice")
    compare(view, served, user)
    back = view.copy()
    for place in range(len(changes) - 1, -1, -1):
        before = changes[place - 1] if place else {"revision": 0, "at": None}
        unapply(back, changes[place], before["revision"], before["at"])
        _need(states[place] is None or back.state() == states[place],
              f"undoing {changes[place]['revision']} gives {back.state()}, it was {states[place]}")
    _need(back.state() == View().state(), f"backwards leaves {back.state()}")
    return view


def _check_form(change):
    _need(REQUIRED <= set(change) <= REQUIRED | OPTIONAL, f"members of a change: {sorted(change)}")
    _need(_ID.fullmatch(change["op_id"]), f"op_id {change['op_id']}")
    _need(_ID.fullmatch(change["actor_id"]), f"actor_id {change['actor_id']}")
    _need(_TIME.fullmatch(change["at"]), f"at {change['at']}")
    _need(change["kind"] in KINDS, f"kind {change['kind']}")
    _need(change["status"] in ("applied", "merged", "overridden", "skipped"), f"status {change['status']}")
    _need((change["kind"] in OF_ONE_ITEM) == ("item_id" in change),
          f"item_id of {change['kind']}: {change.get('item_id')}")
    _need(change["status"] != "applied" or change["effects"], f"nothing was done at {change['revision']}")
    for kept in change.get("kept", ()):
        _need(change["kind"] == "revert" and {"entity", "id"} <= set(kept) <= {"entity", "id", "fields"}
              and kept["entity"] in ("list", "item"), f"kept of {change['kind']}: {kept}")
        fields = kept.get("fields", ["all"])
        _need(fields and fields == sorted(set(fields)), f"fields that are kept: {fields}")
    for effect in change["effects"]:
        _need({"entity", "id", "set", "previous"} <= set(effect)
              <= {"entity", "id", "set", "previous", "after", "was_after"}, f"members of {effect}")
        _need(effect["entity"] in ("list", "item", "member", "link"), f"entity {effect['entity']}")
        for part in ("set", "previous"):
            _need(effect[part] is None or set(effect[part]) <= set(WHOLE[effect["entity"]]) | {"purged"},
                  f"what follows, or is unknown, stands in {part}: {effect}")
        _need(effect["set"] is not None or effect["previous"] is not None, f"from nothing to nothing: {effect}")
        _need(effect["entity"] == "item" or not {"after", "was_after"} & set(effect),
              f"only items have places: {effect}")


def _step(view, effect, new_name, old_name, to, was):
    new, old, ident, entity = effect[new_name], effect[old_name], effect["id"], effect["entity"]
    if entity == "list":
        _need(ident == view.id, f"another list: {ident}")
        _check_made_or_gone(view.row, new, old, LIST, "the list")
        view.row = None if new is None else {**(view.row or {}), **new}
    elif entity == "member":
        have = view.members.get(ident)
        _check_made_or_gone(None if have is None else {"role": have}, new, old, MEMBER, f"member {ident}")
        if new is None:
            del view.members[ident]
        else:
            view.members[ident] = new["role"]
    elif entity == "item":
        _step_item(view, effect, ident, new, old, to, was)


def _check_made_or_gone(have, new, old, whole, what):
    """For what has no trash of its own: made and gone are null on one side, else the same fields."""
    if old is None:
        _need(have is None, f"{what} was made twice")
        _need(set(new) == set(whole), f"{what} is not whole: {new}")
    elif new is None:
        _need(have == old, f"{what} goes as {old}, it was {have}")
    else:
        _need(have is not None, f"{what} is changed before it is made")
        _check_same_fields(have, new, old, what)


def _is_whole(row):
    """All fields of an item; of one that was erased, at their defaults."""
    if "purged" not in row:
        return set(row) == set(ITEM)
    return {name: value for name, value in row.items() if name != "deleted_at"} == BLANK and "deleted_at" in row


def _check_same_fields(have, new, old, what):
    _need(set(new) == set(old), f"{what}: {sorted(new)} and {sorted(old)}")
    for name, value in old.items():
        _need(have[name] == value, f"{what}: {name} was said to be {value!r}, it was {have[name]!r}")
        _need(new[name] != value, f"{what}: {name} was {value!r} before, too")


def _step_item(view, effect, ident, new, old, to, was):
    live, comes, leaves = ident in view.items, to in effect, was in effect
    if not live and not comes:  # In trash, and it stays there.
        _need(not leaves, f"{ident} leaves and was not there")
        return
    if not live:
        _need(not leaves, f"{ident} leaves and was not there")
        _need(new is not None and _is_whole(new), f"{ident} comes into view in parts: {new}")
        _need(new["deleted_at"] is None, f"{ident} comes into view in trash")
        view.items[ident] = dict(new)
        _place(view, ident, effect[to])
        return
    have = view.items[ident]
    _need(old is not None, f"{ident} was made twice")
    is_purged = "purged" in have
    if leaves:
        _need(view.before(ident) == effect[was],
              f"{ident} stood after {view.before(ident)}, said was {effect[was]}")
        view.order.remove(ident)
    if comes:
        _need(leaves, f"{ident} comes to a place and left none")
        _check_same_fields(have, new, old, ident)
        view.items[ident] = {**have, **new}
        _place(view, ident, effect[to])
    elif leaves:
        # It may be erased since it was read, or by this very change.
        _need(_is_whole(old) and (old == have or "purged" in old), f"{ident} leaves as {old}, it was {have}")
        _need(new is None or new.get("deleted_at") is not None, f"{ident} leaves and is live: {new}")
        del view.items[ident]
        view.touched.pop(ident, None)
    else:
        _need(new is not None, f"{ident} is gone without leaving its place")
        _need(not new if is_purged else new, f"{ident} was erased, or nothing was done to it: {new}")
        _check_same_fields(have, new, old, ident)
        _need("deleted_at" not in new, f"{ident} goes to trash without leaving its place")
        view.items[ident] = {**have, **new}


def _place(view, ident, after):
    _need(after is None or after in view.order, f"{ident} comes after {after}, who is not there")
    view.order.insert(0 if after is None else view.order.index(after) + 1, ident)

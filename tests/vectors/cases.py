"""The cases: lists, ops, and what each comes to by the contract, found by reading it and not by running anything.

Here are the single calls on a list without a past, and what the cases of sync_cases.py and pair_cases.py are made of.
"""
import copy

import model


def uid(n):
    return f"00000000-0000-7000-8000-{n:012x}"


LIST, OWNER, EDITOR, VIEWER, STRANGER = (uid(n) for n in (1, 10, 11, 12, 13))
OTHER = uid(2)  # Another list.
A, B, C, D, E, N, X, Y, Z = (uid(n) for n in range(100, 109))  # N: new in most cases. X, Y, Z: in the other list.
IDS = dict(zip("ABCDENXYZ", (A, B, C, D, E, N, X, Y, Z)))
PHONE, LAPTOP, TABLET = (uid(n) for n in (20, 21, 22))  # Local stores: two of the owner's, one of the editor's.
NOWHERE = uid(999)
NOW = "2026-01-31T09:30:00.000Z"
EARLIER, THEN = "2026-01-30T08:00:00.000Z", "2026-01-31T09:00:00.000Z"
FILL = 100_000  # Ids of items that `fill` makes count from here.
AHEAD = 1_000_000


def letter(ident):
    return next((x for x, known in IDS.items() if known == ident), "?")


def listed(order="ABC", done="", trashed="", gone=(), revision=10, deleted_at=None, parents=(), **row):
    """A list of the owner's, an editor's and a viewer's, its items in order; `gone`: {letter: how}, `parents`:
    {child: parent}; `trashed`: letters, taken there by one change, or {letter: the revision that did}."""
    items = []
    for n, x in enumerate(order):
        item = {"id": IDS[x], "text": f"item {x}", "created_by": OWNER, "created_at": EARLIER, "updated_at": EARLIER,
                "revision": 2 + n}
        if x in done:
            item |= {"done": True, "done_at": THEN}
        if x in trashed:
            item |= {"deleted_at": THEN, "trashed_by": trashed[x] if isinstance(trashed, dict) else 9}
        if x in dict(gone):
            item |= {"gone": dict(gone)[x]}
        if x in dict(parents):
            item |= {"parent_id": IDS[dict(parents)[x]]}
        items.append(item)
    return {"id": LIST, "creator_id": OWNER, "title": "Groceries", "archived": False, "revision": revision,
            "created_at": EARLIER, "updated_at": THEN, "deleted_at": deleted_at,
            "members": [{"user_id": OWNER, "role": "owner"}, {"user_id": EDITOR, "role": "editor"},
                        {"user_id": VIEWER, "role": "viewer"}], "items": items, **row}


def filled(lst, fill):
    """`lst` with so many more items at its end, first the live ones."""
    lst = copy.deepcopy(lst)
    for n in range(sum(fill.values()) if fill else 0):
        trash = {"deleted_at": THEN, "trashed_by": 9} if n >= fill["live"] else {}
        lst["items"].append({"id": uid(FILL + n), "text": "x", "created_by": OWNER, "created_at": EARLIER,
                             "updated_at": EARLIER, "revision": 2, **trash})
    return lst


def op(kind, item=None, by=OWNER, fields=None, **more):
    return {"op_id": op_id(0), "list_id": LIST, "kind": kind, "actor_id": by,
            **({"item_id": item} if item else {}), **({"fields": fields} if fields is not None else {}), **more}


def slim(lst):
    """A list without its items' fields that are at their default."""
    return lst and {**lst, "items": [{k: x for k, x in item.items() if k not in model.DEFAULTS
                                      or x != model.DEFAULTS[k]} for item in lst["items"]]}


class Past:
    """A list and what happened to it: each op is decided, one a minute from 09:01. The nth, from 1, is op_id(n)."""

    def __init__(self, lst, *steps, cut=None, epoch=0):
        self.list, self.log, self.done, self.cut = lst, [], [], cut
        for n, step in enumerate(steps, 1):
            at = f"2026-01-31T09:{n:02}:00.000Z"
            step = {**step, **({"op_id": op_id(n)} if step["op_id"] == op_id(0) else {})}
            source, target = step.pop("source", None), step.pop("target", None)
            past = {"log": self.log, "cut": cut, "done": self.done}
            if "effects" in step:
                self.list, change = members_change(self.list, step, at, epoch)
            elif source:  # It comes from another list.
                result, _, self.list = model.decide(source, step, at, epoch, {}, {"list": self.list})
                change = model.change_of(step, result, True)
            else:
                result, after, _ = model.decide(self.list, step, at, epoch, past, target)
                assert after, f"step {n} changes nothing"
                self.list, change = after, model.change_of(step, result)
                if "base_revision" in step:
                    self.done.append({"op": step, "result": model.result_of(result)})
            self.log.append(change)
            if step["kind"] == "purge":
                model.erase(self.log, self.done, step["item_id"])

    def known(self, given):
        """The members of a case that tell it."""
        done = [d for d in self.done if d["op"]["op_id"] == given["op_id"]]
        return {**({"log": self.log} if self.log else {}), **({"cut": self.cut} if self.cut else {}),
                **({"done": done} if done else {})}


def members_change(lst, step, at, epoch):
    """`lst` after a change of its members, which is not decided here, and the row in its log."""
    edit = model.Edit(lst, at, epoch)
    edit.effects = step["effects"]
    for e in (e for e in step["effects"] if e["entity"] == "member"):
        rest = [m for m in edit.lst["members"] if m["user_id"] != e["id"]]
        edit.lst["members"] = rest + ([{"user_id": e["id"], **e["set"]}] if e["set"] else [])
    after, change = edit.finish()
    return after, model.change_of(step, {"status": "applied", **change})


def op_id(n):
    return uid(5000 + n)


def add(by=OWNER, item=N, text="new", **more):
    fields = {k: more.pop(k) for k in ("note", "due", "labels", "parent_id", "after", "before") if k in more}
    return op("add", item, by, {"text": text, **fields}, **more)


def move(item, **place):
    more = {k: place.pop(k) for k in ("if_match", "min_revision", "errors", "by") if k in place}
    return op("move", item, fields=place, **more)


def create(by=OWNER, title="Groceries", **more):
    return op("create-list", by=by, fields={"title": title}, **more)


def set_(item=A, by=OWNER, **fields):
    return op("set", item, by, fields)


UNKNOWN = {"pointer": "/x", "code": "unknown"}
TRASHED = {"deleted_at": THEN}


def list_cases():
    yield "create-list makes the list and its owner", None, create(), "applied", ""
    yield "create-list in a later epoch", None, create(), "applied", "", {"epoch": 3}
    yield "create-list: a repeated PUT by its creator", listed(), create(put=True, title="Other"), "repeated"
    yield "create-list: a repeat before min_revision, if_match and errors", listed(), create(
        put=True, min_revision=AHEAD, if_match=[1], errors=[UNKNOWN]), "repeated"
    yield "create-list: a repeat of a trashed list, by its owner", listed(**TRASHED), create(put=True), "repeated"
    yield "create-list: a POST of its creator's is no repeat", listed(), create(), "id_taken"
    yield "create-list: another's PUT", listed(), create(STRANGER, put=True), "id_taken"
    yield "create-list: another member's PUT", listed(), create(EDITOR, put=True), "id_taken"
    yield "create-list: its creator is no member any more", listed(
        members=[{"user_id": EDITOR, "role": "owner"}]), create(put=True), "id_taken"
    yield "create-list: its creator no longer owns it, and it is in trash", listed(
        members=[{"user_id": EDITOR, "role": "owner"}, {"user_id": OWNER, "role": "viewer"}],
        **TRASHED), create(put=True), "id_taken"
    yield "create-list: If-Match has nothing to match", None, create(put=True, if_match=[0, 1]), "stale"
    yield "create-list: If-Match tells a stranger nothing", listed(), create(STRANGER, put=True, if_match=[10]), "stale"
    yield "create-list: errors before id_taken", listed(), create(errors=[UNKNOWN]), "invalid_request; /x unknown"
    yield "set-list: title and archived", listed(), op("set-list", fields={"title": "Other", "archived": True}), \
        "applied"
    yield "set-list: only what differs", listed(), op("set-list", fields={"title": "Groceries", "archived": True}), \
        "applied"
    yield "set-list: nothing differs", listed(), op("set-list", fields={"title": "Groceries", "archived": False}), \
        "skipped"
    yield "set-list: nothing named", listed(), op("set-list", fields={}), "skipped"
    yield "set-list by an editor", listed(), op("set-list", by=EDITOR, fields={"title": "Other"}), "applied"
    yield "set-list by a viewer", listed(), op("set-list", by=VIEWER, fields={"title": "Other"}), "forbidden"
    yield "remove-list sets deleted_at alone", listed(), op("remove-list"), "applied", "ABC"
    yield "remove-list by an editor", listed(), op("remove-list", by=EDITOR), "forbidden"
    yield "remove-list again", listed(**TRASHED), op("remove-list"), "skipped"
    yield "remove-list again, stale", listed(**TRASHED), op("remove-list", if_match=[9]), "stale"
    yield "restore-list", listed(**TRASHED), op("restore-list"), "applied", "ABC"
    yield "restore-list of one that is there", listed(), op("restore-list"), "skipped"
    yield "restore-list by an editor, who does not see it", listed(**TRASHED), op("restore-list", by=EDITOR), \
        "not_found"


def order_cases():
    """Which refusal comes first: each op is wrong in all ways that are left."""
    wrong = {"min_revision": AHEAD, "if_match": [1], "errors": [UNKNOWN]}
    yield "order: a stranger", listed(), {**move(NOWHERE, after=NOWHERE, **wrong), "actor_id": STRANGER}, "not_found"
    yield "order: no such list", None, move(A, after=NOWHERE, **wrong), "not_found"
    yield "order: no such item before the role", listed(), {**move(NOWHERE, after=NOWHERE, **wrong),
                                                           "actor_id": VIEWER}, "not_found"
    yield "order: an item that was moved away", listed(gone={"B": "moved"}), move(B, after=None, **wrong), "not_found"
    yield "order: an item that was purged", listed(gone={"B": "purged"}), set_(B, text="x"), "not_found"
    yield "order: the role before the rest", listed(), {**move(A, after=NOWHERE, **wrong),
                                                        "actor_id": VIEWER}, "forbidden"
    yield "order: revision_ahead before list_trashed", listed(**TRASHED), move(A, after=NOWHERE, **wrong), \
        "revision_ahead"
    later = {"if_match": [1], "errors": [UNKNOWN]}
    yield "order: list_trashed before stale", listed(**TRASHED), move(A, after=NOWHERE, **later), "list_trashed"
    yield "order: stale before errors", listed(), move(A, after=NOWHERE, **later), "stale"
    yield "order: all errors at once", listed(), move(A, after=NOWHERE, errors=[UNKNOWN]), \
        "invalid_request; /x unknown; /after invalid_neighbour"
    yield "order: errors before item_trashed", listed(trashed="B"), move(B, after=NOWHERE), \
        "invalid_request; /after invalid_neighbour"
    yield "order: errors before id_taken", listed(), add(item=A, before=NOWHERE), \
        "invalid_request; /before invalid_neighbour"
    yield "order: min_revision that is there", listed(), {**set_(text="x"), "min_revision": 10}, "applied"
    yield "order: min_revision one beyond", listed(), {**set_(text="x"), "min_revision": 11}, "revision_ahead"
    yield "order: if_match names it among others", listed(), {**set_(text="x"), "if_match": [3, 10]}, "applied"
    yield "order: if_match names none", listed(), {**set_(text="x"), "if_match": []}, "stale"
    yield "order: stale though nothing would change", listed(), {**set_(text="item A"), "if_match": [9]}, "stale"
    yield "epoch: a revision takes the upper part of the epoch", listed(revision=(1 << 32) + 41), set_(text="x"), \
        "applied", "ABC", {"epoch": 2}
    yield "time: it never runs backwards", listed(updated_at="2026-02-01T00:00:00.000Z"), set_(done=True), "applied"


def add_cases():
    yield "add at the end", listed(), add(), "applied", "ABCN"
    yield "add to an empty list", listed(""), add(), "applied", "N"
    yield "add to a list with trash only", listed("A", trashed="A"), add(), "applied", "N"
    yield "add with all fields, by an editor", listed(), add(EDITOR, note="oat", labels=["shop", "café"], due={
        "at": "2026-02-01T07:00:00.000Z", "tz": "Europe/Berlin"}, after=None), "applied", "NABC"
    yield "add with a day", listed(), add(due={"date": "2026-02-28"}), "applied", "ABCN"
    yield "add with a floating time", listed(), add(due={"local": "2026-02-28T18:30:00"}), "applied", "ABCN"
    yield "add by a viewer", listed(), add(VIEWER), "forbidden"
    for name, place, order in (("last", {"before": None}, "ABCN"), ("after A", {"after": A}, "ANBC"),
                               ("after the last", {"after": C}, "ABCN"), ("before A", {"before": A}, "NABC"),
                               ("before C", {"before": C}, "ABNC")):
        yield f"add {name}", listed(), add(**place), "applied", order
    yield "add after an item that a hidden one follows", listed("ABC", trashed="B"), add(after=A), "applied", "ANC"
    yield "add before an item that a hidden one precedes", listed("ABC", trashed="B"), add(before=C), "applied", "ANC"
    yield "add at the end, behind the hidden", listed("ABC", trashed="C"), add(), "applied", "ABN"
    for name, lst in (("trashed", listed(trashed="B")), ("moved away", listed(gone={"B": "moved"})),
                      ("purged", listed(gone={"B": "purged"}))):
        yield f"add after one that is {name}", lst, add(after=B), "invalid_request; /after invalid_neighbour"
        yield f"add before one that is {name}", lst, add(before=B), "invalid_request; /before invalid_neighbour"
    yield "add beside itself", listed(), add(after=N), "invalid_request; /after invalid_neighbour"
    yield "add: a repeated PUT by its maker, before all but sight and role", listed(**TRASHED), add(
        item=A, put=True, after=NOWHERE, min_revision=AHEAD, if_match=[1], errors=[UNKNOWN]), "repeated"
    yield "add: a repeated PUT of an item in trash", listed(trashed="B"), add(item=B, put=True), "repeated"
    yield "add: its maker may no longer", listed(members=[{"user_id": OWNER, "role": "viewer"}]), add(
        item=A, put=True), "forbidden"
    yield "add: a POST of its maker's is no repeat", listed(), add(item=A), "id_taken"
    yield "add: another's PUT", listed(), add(EDITOR, item=A, put=True), "id_taken"
    yield "add: the id of one in trash", listed(trashed="A"), add(item=A), "id_taken"
    yield "add: the id of one that was moved away, by its maker", listed(gone={"A": "moved"}), add(
        item=A, put=True), "id_taken"
    yield "add: the id of one that was purged, by its maker", listed(gone={"A": "purged"}), add(
        item=A, put=True), "id_taken"


def item_cases():
    full = {"text": "x", "note": "y", "labels": ["z"], "due": {"date": "2026-02-28"}}
    yield "set: several fields", listed(), set_(**full), "applied", "ABC"
    yield "set: only what differs", listed(), set_(text="item A", note="y"), "applied"
    yield "set: nothing differs", listed(), set_(text="item A", note="", done=False, due=None, labels=[]), "skipped"
    yield "set: nothing named", listed(), set_(), "skipped"
    yield "set: labels in another order differ", listed(items=[{**listed()["items"][0], "labels": ["a", "b"]}]), set_(
        labels=["b", "a"]), "applied"
    yield "set: done sets done_at", listed(), set_(done=True), "applied"
    yield "set: not done clears it", listed(done="A"), set_(done=False), "applied"
    yield "set: done again keeps done_at", listed(done="A"), set_(done=True), "skipped"
    yield "set in trash is merged", listed(trashed="A"), set_(text="x"), "merged", "BC"
    yield "set in trash: nothing differs", listed(trashed="A"), set_(text="item A"), "skipped"
    yield "set in trash: done", listed(trashed="A"), set_(done=True), "merged", "BC"
    yield "set: no such item", listed(), set_(NOWHERE, text="x"), "not_found"
    for item, place, order in ((A, {"after": B}, "BACD"), (A, {"before": None}, "BCDA"), (D, {"after": None}, "DABC"),
                               (D, {"before": B}, "ADBC"), (B, {"after": D}, "ACDB"), (C, {"before": A}, "CABD")):
        name = " ".join(f"{k} {letter(x) if x else 'null'}" for k, x in place.items())
        yield f"move {letter(item)} {name}", listed("ABCD"), move(item, **place), "applied", order
    for item, place in ((B, {"after": A}), (B, {"before": C}), (B, {"after": B}), (B, {"before": B}),
                        (A, {"after": None}), (D, {"before": None})):
        name = " ".join(f"{k} {letter(x) if x else 'null'}" for k, x in place.items())
        yield f"move {letter(item)} {name}, where it is", listed("ABCD"), move(item, **place), "skipped", "ABCD"
    yield "move past hidden items only", listed("ABCD", trashed="BC"), move(A, before=D), "skipped", "AD"
    yield "move past hidden items only, to the end", listed("ABCD", trashed="CD"), move(B, before=None), "skipped", "AB"
    yield "move past hidden items only, to the start", listed("ABCD", trashed="AB"), move(C, after=None), \
        "skipped", "CD"
    yield "move past hidden and live ones", listed("ABCD", trashed="B", gone={"C": "moved"}), move(
        A, after=D), "applied", "DA"
    yield "move beside one in trash", listed(trashed="B"), move(A, after=B), "invalid_request; /after invalid_neighbour"
    yield "move beside one that was moved away", listed(gone={"B": "moved"}), move(A, before=B), \
        "invalid_request; /before invalid_neighbour"
    yield "move beside one never heard of", listed(), move(A, before=NOWHERE), \
        "invalid_request; /before invalid_neighbour"
    yield "move in trash", listed(trashed="B"), move(B, after=C), "item_trashed"
    yield "remove the first", listed(), op("remove", A), "applied", "BC"
    yield "remove one that is done, behind a hidden one", listed("ABC", done="C", trashed="B"), op("remove", C), \
        "applied", "A"
    yield "remove again", listed(trashed="A"), op("remove", A), "skipped", "BC"
    yield "restore to the same place", listed(trashed="B"), op("restore", B), "applied", "ABC"
    yield "restore the first", listed(trashed="A"), op("restore", A), "applied", "ABC"
    yield "restore behind hidden ones", listed("ABCD", trashed="BCD"), op("restore", D), "applied", "AD"
    yield "restore one that is done and was edited in trash", listed(done="B", trashed="B"), op("restore", B), \
        "applied", "ABC"
    yield "restore one that is there", listed(), op("restore", A), "skipped", "ABC"
    yield "clear-done: nothing is done", listed(), op("clear-done"), "skipped", "ABC"
    yield "clear-done: places are those just before each effect", listed("ABCDE", done="ABDE"), op("clear-done"), \
        "applied", "C"
    yield "clear-done: leaves trash alone", listed("ABC", done="ABC", trashed="B"), op("clear-done", by=EDITOR), \
        "applied", ""
    yield "clear-done by a viewer", listed(done="A"), op("clear-done", by=VIEWER), "forbidden"


def full_cases():
    almost, full = {"live": 9_998, "trashed": 0}, {"live": 9_999, "trashed": 1}
    yield "limit: the 10,000th live item", listed("A"), add(before=A), "applied", None, {"fill": almost}
    yield "limit: the next one", listed("A"), add(before=A), "list_full", None, {"fill": full}
    yield "limit: a restore into a full list", listed("A"), op("restore", uid(FILL + 9_999)), \
        "list_full", None, {"fill": full}
    yield "limit: a repeated PUT is known before", listed("A"), add(item=A, put=True), "repeated", None, {"fill": full}
    yield "limit: the 20,000th item with trash", listed("A"), add(), "applied", None, {
        "fill": {"live": 5_000, "trashed": 14_998}}
    yield "limit: the next one with trash", listed("A"), add(), "list_full", None, {
        "fill": {"live": 5_000, "trashed": 14_999}}


def decide_cases():
    for group in (list_cases, order_cases, add_cases, item_cases, full_cases):
        for name, lst, given, expect, *rest in group():
            order = rest[0] if rest else None
            yield (name, lst, given, expect, order), (rest[1] if len(rest) > 1 else {})


def apply_cases():
    """(name, view before, change, whether it fits): kinds that no case of decide.json has, and what does not fit."""
    held = model.view(listed("ABC", done="B"))
    row = {x["id"]: model.whole(x) for x in listed("ABC", done="B")["items"]}

    def change(kind, *effects, revision=11, at=NOW, **more):
        return {"revision": revision, "op_id": uid(5000), "at": at, "actor_id": OWNER, "client_id": None, "kind": kind,
                "status": "applied", **more, "effects": list(effects)}

    def effect(entity, ident, new, old, **places):
        return {"entity": entity, "id": ident, "set": new, "previous": old, **places}

    blank = {**model.DEFAULTS, "text": "", "created_by": OWNER, "created_at": EARLIER, "purged": True}
    moves = [effect("item", A, {}, {}, after=C, was_after=None), effect("item", B, {}, {}, after=C, was_after=None)]
    yield "grant", held, change("grant", effect("member", STRANGER, {"role": "editor"}, None)), True
    yield "role: the owner hands over", held, change("role", effect("member", OWNER, {"role": "editor"}, {
        "role": "owner"}), effect("member", EDITOR, {"role": "owner"}, {"role": "editor"})), True
    yield "revoke", held, change("revoke", effect("member", VIEWER, None, {"role": "viewer"})), True
    yield "transfer: an item leaves for good", held, change("transfer", effect(
        "item", B, None, row[B], was_after=A), item_id=B), True
    yield "transfer: an item comes in", held, change("transfer", effect(
        "item", N, {**row[A], "text": "from elsewhere"}, None, after=A), item_id=N), True
    yield "revert: several effects, each told as it was just then", held, change(
        "revert", effect("list", LIST, {"title": "Before"}, {"title": "Groceries"}), *moves,
        effect("item", C, {"deleted_at": NOW}, row[C], was_after=None)), True
    yield "purge of a live item", held, change("purge", effect("item", B, None, blank, was_after=A), item_id=B), True
    yield "purge of one in trash changes nothing in view", held, change("purge", effect(
        "item", E, None, {**blank, "deleted_at": THEN}), item_id=E), True
    yield "an edit of one in trash changes nothing in view", held, change("set", effect(
        "item", E, {"text": "x"}, {"text": "y"}), item_id=E), True
    yield "a link is not part of the view", held, change("link", effect("link", uid(700), {}, None)), True
    yield "a change without effects", held, change("set"), True
    yield "the first change of a new epoch", held, change("set-list", effect(
        "list", LIST, {"archived": True}, {"archived": False}), revision=(1 << 32) + 11), True
    yield "misfit: a gap", held, change("set", revision=12), False
    yield "misfit: the same again", held, change("set", revision=10), False
    yield "misfit: time runs backwards", held, change("set", at=EARLIER), False
    yield "misfit: another previous", held, change("set", effect("item", A, {"text": "x"}, {"text": "y"})), False
    yield "misfit: another title", held, change("set-list", effect("list", LIST, {"title": "x"}, {"title": "y"})), False
    yield "misfit: a list made twice", held, change("create-list", effect(
        "list", LIST, held["list"], None)), False
    yield "misfit: a member comes twice", held, change("grant", effect("member", EDITOR, {"role": "editor"}, None)), \
        False
    yield "misfit: a member goes who never came", held, change("revoke", effect(
        "member", STRANGER, None, {"role": "viewer"})), False
    yield "misfit: it stood elsewhere", held, change("move", effect("item", C, {}, {}, after=None, was_after=A)), False
    yield "misfit: after one out of view", held, change("move", effect("item", C, {}, {}, after=E, was_after=B)), False
    yield "misfit: an item made twice", held, change("add", effect("item", A, row[A], None, after=C)), False
    yield "misfit: comes into view in parts", held, change("restore", effect(
        "item", E, {"deleted_at": None}, {"deleted_at": THEN}, after=A)), False
    yield "misfit: comes into view in trash", held, change("restore", effect(
        "item", E, {**row[A], "deleted_at": THEN}, {"deleted_at": THEN}, after=A)), False
    yield "misfit: leaves without a reason", held, change("remove", effect("item", A, {}, {}, was_after=None)), False
    yield "misfit: leaves from no place", held, change("purge", effect("item", A, None, row[A])), False

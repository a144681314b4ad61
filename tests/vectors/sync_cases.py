"""Cases of sync: an op that was made on a list as it stood at `base_revision`, and what others did since.

Expected are status and code, the live items in order, and by name: `told` (the result's fields), `does` and `kept` (in
short, make.py says how), `there` (the live items of the other list). All lists start at revision 10.
"""
from cases import (A, AHEAD, B, C, D, E, EARLIER, EDITOR, FILL, LAPTOP, LIST, N, NOW, NOWHERE, OTHER, OWNER, PHONE,
                   Past, STRANGER, TABLET, THEN, TRASHED, UNKNOWN, VIEWER, X, Y, Z, add, create, listed, move, op,
                   op_id, set_, uid)

OWN, OWN_LAPTOP, THEIR_TABLET, THEIR_PHONE = (OWNER, PHONE), (OWNER, LAPTOP), (EDITOR, TABLET), (EDITOR, PHONE)
GUEST, STRANGE = (VIEWER, uid(23)), (STRANGER, uid(24))


def sync(given, who=OWN, base=10):
    """As an op of sync. Most cases' is the owner's, on the phone, at revision 10."""
    return {**given, "actor_id": who[0], "client_id": who[1], "base_revision": base}


def them(given):
    """As a single call of the editor's, on a tablet: what happened meanwhile in most cases."""
    return {**given, "actor_id": EDITOR, "client_id": TABLET}


def me(given):
    """As a single call from the local store that the op comes from."""
    return {**given, "actor_id": OWNER, "client_id": PHONE}


def remove(item=A):
    return op("remove", item)


def restore(item=A):
    return op("restore", item)


def clear():
    return op("clear-done")


def title(text="Other", **more):
    return op("set-list", fields={"title": text, **more})


def purge(item=A):
    return {**op("purge", item), "client_id": LAPTOP}


def transfer(item=A, to=OTHER, **place):
    return op("transfer", item, fields={"to_list": to, **place})


def revert(n=None, to=None):
    return op("revert", fields={"revert_op": op_id(n)} if n is not None else {"to_revision": to})


def other(order="XYZ", members=None, **more):
    """The other list; the owner's, and the editor may edit it."""
    members = members or {OWNER: "owner", EDITOR: "editor"}
    return listed(order, **{"id": OTHER, "title": "Other", "revision": 30, "members": [
        {"user_id": user, "role": role} for user, role in members.items()], **more})


def out(item=A, **place):
    """It was moved to the other list."""
    return {**them(transfer(item, **place)), "target": {"list": other()}}


def since(*steps, on=None, **more):
    """The list, and what the editor did with it."""
    return Past(on or listed(), *map(lambda s: s if "client_id" in s else them(s), steps), **more)


def field_cases():
    """set and set-list: who changed what since."""
    text = set_(text="mine")
    yield "set: nothing happened since", listed(), sync(text), "applied", "ABC", {"does": "A:text"}
    yield "set: the same field, another user", since(set_(text="theirs")), sync(text), "overridden", "ABC", {
        "told": {"text": "theirs"}, "does": ""}
    yield "set: the same field, the same user on another client", Past(listed(), {
        **set_(text="theirs"), "client_id": LAPTOP}), sync(text), "overridden", "ABC", {"told": {"text": "theirs"}}
    yield "set: the same field, the same user by a single call without client", Past(
        listed(), set_(text="theirs")), sync(text), "overridden", "ABC", {"told": {"text": "theirs"}}
    yield "set: the same field, the same user on the same client", Past(listed(), me(set_(text="before"))), sync(
        text), "applied", "ABC", {"does": "A:text"}
    yield "set: the same field, another user on a client of that id", Past(listed(), {
        **set_(text="theirs", by=EDITOR), "client_id": PHONE}), sync(text), "overridden", "ABC", {
            "told": {"text": "theirs"}}
    yield "set: another field", since(set_(note="theirs")), sync(text), "merged", "ABC", {"does": "A:text"}
    yield "set: another item", since(set_(B, text="theirs")), sync(text), "applied", "ABC", {"does": "A:text"}
    yield "set: the same field, seen", since(set_(text="theirs")), sync(text, base=11), "applied", "ABC", {
        "does": "A:text"}
    yield "set: of two changes the first was seen", since(set_(text="theirs"), set_(note="theirs")), sync(
        text, base=11), "merged", "ABC", {"does": "A:text"}
    yield "set: of two changes the later was not seen", since(set_(note="theirs"), set_(text="theirs")), sync(
        text, base=11), "overridden", "ABC", {"told": {"text": "theirs"}}
    yield "set: the same value, equal values never conflict", since(set_(text="mine")), sync(text), "skipped", "ABC", {
        "does": ""}
    yield "set: one field equal, one other", since(set_(text="mine")), sync(set_(text="mine", note="mine")), "merged", \
        "ABC", {"does": "A:note"}
    yield "set: one field overridden, one brought in", since(set_(text="theirs")), sync(
        set_(text="mine", note="mine")), "overridden", "ABC", {"told": {"text": "theirs"}, "does": "A:note"}
    yield "set: all fields overridden", since(set_(text="t", note="t", labels=["t"], due={"date": "2026-02-01"})), \
        sync(set_(text="m", note="m", labels=["m"], due={"date": "2026-02-02"})), "overridden", "ABC", {"told": {
            "text": "t", "note": "t", "labels": ["t"], "due": {"date": "2026-02-01"}}, "does": ""}
    yield "set: they changed it and changed it back", since(set_(text="theirs"), set_(text="item A")), sync(text), \
        "overridden", "ABC", {"told": {"text": "item A"}}
    yield "set: they changed it, I changed it again on the same client, seen by none", Past(
        listed(), them(set_(text="theirs")), me(set_(text="later"))), sync(text), "overridden", "ABC", {
            "told": {"text": "later"}}
    yield "set: what stands is told, not what they set first", since(set_(text="one"), set_(text="two")), sync(text), \
        "overridden", "ABC", {"told": {"text": "two"}}
    yield "set: labels in another order are another value", since(set_(labels=["a", "b"])), sync(
        set_(labels=["b", "a"])), "overridden", "ABC", {"told": {"labels": ["a", "b"]}}
    yield "set: due of another form is another value", since(set_(due={"date": "2026-02-01"})), sync(
        set_(due={"local": "2026-02-01T00:00:00"})), "overridden", "ABC", {"told": {"due": {"date": "2026-02-01"}}}
    yield "set: back to the default", since(set_(note="theirs"), on=listed()), sync(set_(note="", text="mine")), \
        "overridden", "ABC", {"told": {"note": "theirs"}, "does": "A:text"}
    yield "set: nothing named", since(set_(text="theirs")), sync(set_()), "skipped", "ABC", {"does": ""}
    yield "set: done, done by them already", since(set_(done=True)), sync(set_(done=True)), "skipped", "ABC", {
        "does": ""}
    yield "set: done, they changed the text", since(set_(text="theirs")), sync(set_(done=True)), "merged", \
        "ABC", {"does": "A:done,done_at"}
    yield "set: done, they ticked and re-opened it", since(set_(done=True), set_(done=False)), sync(
        set_(done=True)), "overridden", "ABC", {"told": {"done": False}}
    yield "set: not done, they re-opened and ticked it again", since(
        set_(done=False), set_(done=True), on=listed(done="A")), sync(set_(done=False)), "overridden", "ABC", {
            "told": {"done": True}}
    yield "set: text, they ticked it", since(set_(done=True)), sync(text), "merged", "ABC", {"does": "A:text"}
    yield "set: they moved it", since(move(A, after=C)), sync(text), "applied", "BCA", {"does": "A:text"}
    yield "set: they took it to trash", since(remove()), sync(text), "merged item_trashed", "BC", {"does": "A:text"}
    yield "set: I took it to trash", Past(listed(), me(remove())), sync(text), "merged item_trashed", "BC", {
        "does": "A:text"}
    yield "set: they changed it and took it to trash", since(set_(text="theirs"), remove()), sync(text), "overridden", \
        "BC", {"told": {"text": "theirs"}}
    yield "set: they changed another field and took it to trash", since(set_(note="theirs"), remove()), sync(text), \
        "merged item_trashed", "BC", {"does": "A:text"}
    yield "set: in trash, nothing differs", since(remove()), sync(set_(text="item A")), "skipped item_trashed", "BC", {
        "does": ""}
    yield "set: in trash, done", since(remove()), sync(set_(done=True)), "merged item_trashed", "BC", {
        "does": "A:done,done_at"}
    yield "set: in trash and back, it has not changed", since(remove(), restore()), sync(text), "applied", "ABC", {
        "does": "A:text"}
    yield "set: in trash and back, changed there", since(remove(), set_(text="theirs"), restore()), sync(text), \
        "overridden", "ABC", {"told": {"text": "theirs"}}
    yield "set: they moved it to another list", since(out()), sync(text), "item_moved"
    yield "set: they purged it", since(purge()), sync(text), "purged"
    yield "set: no such item", listed(), sync(set_(NOWHERE, text="x")), "not_found"
    yield "set: they made it, and it was not seen", since(add()), sync(set_(N, text="mine")), "overridden", "ABCN", {
        "told": {"text": "new"}}
    yield "set: I made it", Past(listed(), me(add())), sync(set_(N, text="mine")), "applied", "ABCN", {"does": "N:text"}
    yield "set: I made it, they changed another field", Past(listed(), me(add()), them(set_(N, note="theirs"))), sync(
        set_(N, text="mine")), "merged", "ABCN", {"does": "N:text"}
    yield "set-list: nothing happened since", listed(), sync(title()), "applied", "ABC", {"does": "L:title"}
    yield "set-list: the same field", since(title("Theirs")), sync(title()), "overridden", "ABC", {
        "told": {"title": "Theirs"}}
    yield "set-list: another field", since(op("set-list", fields={"archived": True})), sync(title()), "merged", "ABC", {
        "does": "L:title"}
    yield "set-list: one of two", since(title("Theirs")), sync(title(archived=True)), "overridden", "ABC", {
        "told": {"title": "Theirs"}, "does": "L:archived"}
    yield "set-list: equal", since(title()), sync(title()), "skipped", "ABC", {"does": ""}
    yield "set-list: on the same client", Past(listed(), me(title("Mine"))), sync(title()), "applied", "ABC"
    yield "set-list: an item changed", since(set_(text="theirs")), sync(title()), "applied", "ABC"
    yield "set-list: in trash and back", Past(listed(), {**op("remove-list"), "client_id": LAPTOP}, {
        **op("restore-list"), "client_id": LAPTOP}), sync(title()), "applied", "ABC", {"does": "L:title"}


def leave_cases():
    """remove, restore and clear-done: what they spare, whom they take along."""
    done_a, family = listed(done="A"), {"B": "A", "C": "A"}
    yield "remove: nothing happened since", listed(), sync(remove()), "applied", "BC", {"does": "A-"}
    yield "remove: they changed it", since(set_(text="theirs")), sync(remove()), "applied", "BC", {"does": "A-"}
    yield "remove: they ticked it", since(set_(done=True)), sync(remove()), "applied", "BC", {"does": "A-"}
    yield "remove: they moved it", since(move(A, after=C)), sync(remove()), "applied", "BC", {"does": "A-"}
    yield "remove: they re-opened it", since(set_(done=False), on=done_a), sync(remove()), "skipped", "ABC"
    yield "remove: they re-opened it, seen", since(set_(done=False), on=done_a), sync(remove(), base=11), "applied", \
        "BC"
    yield "remove: I re-opened it on the same client", Past(done_a, me(set_(done=False))), sync(remove()), "applied", \
        "BC"
    yield "remove: I re-opened it on another client", Past(done_a, {**set_(done=False), "client_id": LAPTOP}), sync(
        remove()), "skipped", "ABC"
    yield "remove: they re-opened it and ticked it again", since(set_(done=False), set_(done=True), on=done_a), sync(
        remove()), "skipped", "ABC"
    yield "remove: they removed it too", since(remove()), sync(remove()), "skipped", "BC", {"does": ""}
    yield "remove: they removed and restored it", since(remove(), restore()), sync(remove()), "skipped", "ABC"
    yield "remove: they restored it from trash", since(restore(), on=listed(trashed="A")), sync(remove()), "skipped", \
        "ABC"
    yield "remove: it was restored and removed again", since(restore(), remove(), on=listed(trashed="A")), sync(
        remove()), "skipped", "BC"
    yield "remove: they made it, and it was not seen", since(add()), sync(remove(N)), "skipped", "ABCN"
    yield "remove: they moved it to another list", since(out()), sync(remove()), "item_moved"
    yield "remove: they purged it", since(purge()), sync(remove()), "purged"
    yield "remove: no such item", listed(), sync(remove(NOWHERE)), "not_found"
    yield "remove: it takes the live children along", listed("ABCD", parents=family), sync(remove()), "applied", "D", {
        "does": "A- B- C-"}
    yield "remove: children stand apart, and go in order", listed("BADC", parents=family), sync(remove()), "applied", \
        "D", {"does": "A- B- C-"}
    yield "remove: a child is in trash already", listed("ABCD", parents=family, trashed="B"), sync(remove()), \
        "applied", "D", {"does": "A- C-"}
    yield "remove: a child that came since goes along where it is no news", Past(listed(), me(add(parent_id=A))), sync(
        remove()), "applied", "BC", {"does": "A- N-"}
    yield "remove: they added a child", since(add(parent_id=A)), sync(remove()), "skipped", "ABCN"
    yield "remove: they re-opened a child", since(set_(B, done=False), on=listed(done="B", parents=family)), sync(
        remove()), "skipped", "ABC"
    yield "remove: they restored a child", since(restore(B), on=listed(trashed="B", parents=family)), sync(
        remove()), "skipped", "ABC"
    yield "remove: they re-opened a child, and took it away from there", since(
        set_(B, done=False), set_(B, parent_id=None), on=listed(done="B", parents=family)), sync(remove()), \
        "applied", "B", {"does": "A- C-"}
    yield "remove: they re-opened the parent of it", since(set_(A, done=False), on=listed(
        done="AB", parents=family)), sync(remove(B)), "applied", "AC", {"does": "B-"}
    yield "remove: they gave it a parent", since(set_(B, parent_id=A)), sync(remove(B)), "applied", "AC"
    yield "restore: nothing happened since", listed(trashed="A"), sync(restore()), "applied", "ABC", {"does": "A+^"}
    yield "restore: they restored it too", since(restore(), on=listed(trashed="A")), sync(restore()), "skipped", "ABC"
    yield "restore: they restored and removed it again", since(restore(), remove(), on=listed(trashed="A")), sync(
        restore()), "applied", "ABC"
    yield "restore: it is there", listed(), sync(restore()), "skipped", "ABC"
    yield "restore: they changed it in trash", since(set_(text="theirs"), on=listed(trashed="A")), sync(restore()), \
        "applied", "ABC", {"does": "A+^"}
    yield "restore: they moved it to another list", since(out()), sync(restore()), "item_moved"
    yield "restore: they purged it", since(purge(), on=listed(trashed="A")), sync(restore()), "purged"
    yield "restore: no such item", listed(), sync(restore(NOWHERE)), "not_found"
    yield "restore: to its place, the neighbours have moved", since(move(C, after=None), on=listed(
        "ABC", trashed="B")), sync(restore(B)), "applied", "CAB"
    kin = listed("ABCD", parents=family, trashed="ABC")
    yield "restore: with the children that went with it", kin, sync(restore()), "applied", "ABCD", {
        "does": "A+^ B+A C+B"}
    yield "restore: parent first, whatever the order", listed("BADC", parents=family, trashed="ABC"), sync(restore()), \
        "applied", "BADC", {"does": "A+^ B+^ C+D"}
    yield "restore: a child that had gone before stays", listed("ABCD", parents=family, trashed={
        "A": 9, "B": 8, "C": 9}), sync(restore()), "applied", "ACD", {"does": "A+^ C+A"}
    yield "restore: a child whose parent is in trash comes without one", kin, sync(restore(B)), "applied", "BD", {
        "does": "B+^:parent_id"}
    yield "restore: a child whose parent is there keeps it", listed("ABCD", parents=family, trashed="B"), sync(
        restore(B)), "applied", "ABCD", {"does": "B+A"}
    yield "restore: a child whose parent was moved away", listed("ABCD", parents=family, trashed="B", gone={
        "A": "moved"}), sync(restore(B)), "applied", "BCD", {"does": "B+^:parent_id"}
    yield "restore: a child whose parent was purged", listed("ABCD", parents=family, trashed="B", gone={
        "A": "purged"}), sync(restore(B)), "applied", "BCD", {"does": "B+^:parent_id"}
    yield "restore: a child whose parent is a child now", listed("ABCD", parents={"B": "A", "A": "D"}, trashed="B"), \
        sync(restore(B)), "applied", "ABCD", {"does": "B+A:parent_id"}
    yield "restore: the parent of a child that came back before", Past(kin, them(restore(B))), sync(restore()), \
        "applied", "ABCD", {"does": "A+^ C+B"}
    yield "clear-done: nothing is done", listed(), sync(clear()), "skipped", "ABC", {"does": ""}
    yield "clear-done: they ticked another", since(set_(B, done=True), on=done_a), sync(clear()), "applied", "C", {
        "does": "A- B-"}
    yield "clear-done: they re-opened one", since(set_(done=False), on=listed(done="AB")), sync(clear()), "applied", \
        "AC", {"does": "B-"}
    yield "clear-done: they re-opened one and ticked it again", since(set_(done=False), set_(done=True), on=listed(
        done="AB")), sync(clear()), "applied", "AC", {"does": "B-"}
    yield "clear-done: they restored one that is done", since(restore(), on=listed(done="AB", trashed="A")), sync(
        clear()), "applied", "AC", {"does": "B-"}
    yield "clear-done: they cleared too", since(clear(), on=listed(done="AB")), sync(clear()), "skipped", "C"
    yield "clear-done: with the children that are not done", listed("ABCD", done="A", parents=family), sync(clear()), \
        "applied", "D", {"does": "A- B- C-"}
    yield "clear-done: a done child before its done parent goes first", listed("BACD", done="AB", parents=family), \
        sync(clear()), "applied", "D", {"does": "B- A- C-"}
    yield "clear-done: a done child without its parent", listed("ABCD", done="B", parents=family), sync(clear()), \
        "applied", "ACD", {"does": "B-"}
    yield "clear-done: a re-opened child spares its parent", since(set_(B, done=False), on=listed(
        "ABCD", done="ABCD", parents=family)), sync(clear()), "applied", "AB", {"does": "C- D-"}
    yield "clear-done: a child that came back spares its parent", since(restore(B), on=listed(
        "ABCD", done="AD", parents=family, trashed="B")), sync(clear()), "applied", "ABC", {"does": "D-"}
    yield "clear-done: a child that was added spares its parent", since(add(parent_id=A), on=listed(done="AB")), sync(
        clear()), "applied", "ACN", {"does": "B-"}


def decide_cases():
    for group in (field_cases, leave_cases):
        for name, lst, given, expect, *rest in group():
            order, more = rest[0] if rest else None, rest[1] if len(rest) > 1 else {}
            prefix = "sync: " if "base_revision" in given else ""
            yield (prefix + name, lst, given, expect, order), more

"""Cases of sync: an op that was made on a list as it stood at `base_revision`, and what others did since.

Expected are status and code, the live items in order, and by name: `told` (the result's fields), `does` and `kept` (in
short, make.py says how), `sets` (the last effect's), `there` (the live items of the other list), `kin` (children
and parents, there or here). All lists start at revision 10.
"""
import cases
from cases import (A, AHEAD, B, C, D, E, EARLIER, EDITOR, LAPTOP, LIST, N, NOW, NOWHERE, OTHER, OWNER, PHONE, Past,
                   STRANGER, TABLET, THEN, TRASHED, UNKNOWN, VIEWER, X, Y, add, create, letter, move, op, op_id, set_,
                   uid)

OWN, THEIR_TABLET = (OWNER, PHONE), (EDITOR, TABLET)
GUEST, STRANGE = (VIEWER, uid(23)), (STRANGER, uid(24))
MEMBERS = [{"user_id": OWNER, "role": "owner"}, {"user_id": EDITOR, "role": "editor"}]
WITH_GUEST = [*MEMBERS, {"user_id": VIEWER, "role": "viewer"}]


def listed(*args, **more):
    """A list of the owner's and the editor's; where there is a viewer the case says so."""
    return cases.listed(*args, **{"members": MEMBERS, **more})


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
        "ABC", {"does": "A:done,done_at", "sets": {"done": True, "done_at": NOW}}
    yield "set: not done, they changed the text", since(set_(text="theirs"), on=listed(done="A")), sync(
        set_(done=False)), "merged", "ABC", {"does": "A:done,done_at", "sets": {"done": False, "done_at": None}}
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
        "does": "A:done,done_at", "sets": {"done": True, "done_at": NOW}}
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
        "does": "A+^ B+A C+B", "kin": "B<A C<A"}
    yield "restore: parent first, whatever the order", listed("BADC", parents=family, trashed="ABC"), sync(restore()), \
        "applied", "BADC", {"does": "A+^ B+^ C+D"}
    yield "restore: a child that had gone before stays", listed("ABCD", parents=family, trashed={
        "A": 9, "B": 8, "C": 9}), sync(restore()), "applied", "ACD", {"does": "A+^ C+A"}
    yield "restore: a child whose parent is in trash comes without one", kin, sync(restore(B)), "applied", "BD", {
        "does": "B+^:parent_id", "kin": ""}
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


FAMILY = {"B": "A", "C": "A"}


def back(item=B, **place):
    """It comes (back) from the other list."""
    return {**them(transfer(item, LIST, **place)), "list_id": OTHER, "source": other(
        f"XY{letter(item)}")}


def place_cases():
    """move, and where an add goes."""
    four = listed("ABCD")
    yield "move: nothing happened since", four, sync(move(A, after=C)), "applied", "BCAD", {"does": "A>C"}
    yield "move: they moved it elsewhere", since(move(A, before=None), on=four), sync(move(A, after=B)), "applied", \
        "BACD", {"does": "A>B"}
    yield "move: they moved it to the same place", since(move(A, after=C), on=four), sync(move(A, after=C)), \
        "skipped", "BCAD", {"does": ""}
    yield "move: where it is", four, sync(move(B, after=A)), "skipped", "ABCD", {"does": ""}
    yield "move: beside itself", four, sync(move(B, after=B)), "skipped", "ABCD", {"does": ""}
    yield "move: they changed it", since(set_(text="theirs"), on=four), sync(move(A, after=C)), "applied", "BCAD"
    yield "move: they moved the neighbour", since(move(B, after=D), on=four), sync(move(A, after=B)), "applied", \
        "CDBA", {"does": "A>B"}
    for how, step in (("to trash", remove(B)), ("to another list", out(B)), ("from history", purge(B))):
        yield f"move: after one that they took {how}", since(step, on=four), sync(move(D, after=B)), "applied", \
            "ADC", {"does": "D>A"}
    yield "move: before one that they took to trash", since(remove(B), on=four), sync(move(D, before=B)), "applied", \
        "ADC", {"does": "D>A"}
    yield "move: after one that they took to trash, where it is already", since(remove(B), on=four), sync(
        move(C, after=B)), "skipped", "ACD", {"does": ""}
    yield "move: after one that they moved, then took to trash", since(move(B, after=D), remove(B), on=four), sync(
        move(A, after=B)), "applied", "CDA", {"does": "A>D"}
    yield "move: after one that was moved while in the other list", since(out(B), back(B), on=four), sync(
        move(A, after=B)), "applied", "CDBA", {"does": "A>B"}
    yield "move: after one that is in trash and comes back between", since(remove(B), restore(B), on=four), sync(
        move(D, after=B)), "applied", "ABDC", {"does": "D>B"}
    yield "move: after one that they made", since(add(), on=four), sync(move(A, after=N)), "applied", "BCDNA"
    yield "move: after one never heard of", four, sync(move(A, after=NOWHERE)), "invalid_neighbour"
    yield "move: before one never heard of", four, sync(move(A, before=NOWHERE)), "invalid_neighbour"
    yield "move: to the start, behind what was put there since", since(move(D, after=None), on=four), sync(
        move(B, after=None)), "applied", "BDAC", {"does": "B>^"}
    yield "move: to the end", since(add(), on=four), sync(move(B, before=None)), "applied", "ACDNB", {"does": "B>N"}
    yield "move: they took it to trash", since(remove(), on=four), sync(move(A, after=C)), "skipped item_trashed", \
        "BCD", {"does": ""}
    yield "move: in trash, after one never heard of", since(remove(), on=four), sync(move(A, after=NOWHERE)), \
        "skipped item_trashed", "BCD"
    yield "move: they took it to another list", since(out(), on=four), sync(move(A, after=C)), "item_moved"
    yield "move: they purged it", since(purge(), on=four), sync(move(A, after=C)), "purged"
    yield "move: no such item", four, sync(move(NOWHERE, after=A)), "not_found"
    yield "move: a parent leaves its children where they are", listed("ABCD", parents=FAMILY), sync(
        move(A, after=D)), "applied", "BCDA", {"does": "A>D"}
    yield "add: at the end", since(add(item=E)), sync(add()), "applied", "ABCEN", {"does": "N*E"}
    yield "add: after one that they moved", since(move(A, after=C)), sync(add(after=A)), "applied", "BCAN"
    for how, step in (("to trash", remove(B)), ("to another list", out(B)), ("from history", purge(B))):
        yield f"add: after one that they took {how}", since(step), sync(add(after=B)), "applied", "ANC", {
            "does": "N*A"}
    yield "add: before one that they took to trash", since(remove(B)), sync(add(before=B)), "applied", "ANC", {
        "does": "N*A"}
    yield "add: after one never heard of goes to the end", listed(), sync(add(after=NOWHERE)), "applied", "ABCN"
    yield "add: before one never heard of goes to the end", listed(), sync(add(before=NOWHERE)), "applied", "ABCN"
    yield "add: beside itself goes to the end", listed(), sync(add(before=N)), "applied", "ABCN"
    yield "add: its id is an item of the caller's", listed(), sync(add(item=A)), "skipped", "ABC", {"does": ""}
    yield "add: its id is an item of the caller's, in trash", listed(trashed="A"), sync(add(item=A)), "skipped", "BC"
    yield "add: its id is an item of the caller's, made on another client", Past(listed(), {
        **add(), "client_id": LAPTOP}), sync(add(text="other")), "skipped", "ABCN"
    yield "add: its id is an item of another's", since(add(EDITOR)), sync(add()), "id_taken"
    yield "add: its id is of one that they took to another list", since(out()), sync(add(item=A)), "item_moved"
    yield "add: its id is of one that they purged", since(purge()), sync(add(item=A)), "purged"
    yield "add: all fields", listed(), sync(add(note="oat", labels=["shop", "café"], due={
        "at": "2026-02-01T07:00:00.000Z", "tz": "Europe/Berlin"}, parent_id=B, after=B)), "applied", "ABNC", {
            "does": "N*B"}
    yield "add: in a later epoch, seen in the one before", Past(listed(), epoch=2), sync(add()), "applied", "ABCN", {
        "epoch": 2}


def parent_cases():
    """parent_id of add and set: two levels, live parents of the same list."""
    kin, bad = listed("ABCDE", parents=FAMILY), {"told": {"parent_id": None}, "does": ""}
    yield "add: to a parent", kin, sync(add(parent_id=A)), "applied", "ABCDEN", {"kin": "B<A C<A N<A"}
    for how, past, parent in (
            ("in trash", since(remove(D), on=kin), D), ("in another list", since(out(D), on=kin), D),
            ("purged", since(purge(D), on=kin), D), ("never heard of", kin, NOWHERE), ("a child", kin, B),
            ("a child since", since(set_(D, parent_id=A), on=kin), D), ("the item itself", kin, N)):
        yield f"add: the parent is {how}", past, sync(add(parent_id=parent)), "merged invalid_parent", None, {
            "does": "N*E", "kin": "B<A C<A D<A" if how == "a child since" else "B<A C<A"}
        if how in ("in another list", "purged", "a child since"):
            continue  # By sync or singly, set or add: it is the same question.
        single = past.list if isinstance(past, Past) else past
        yield f"add by a single call: the parent is {how}", single, add(parent_id=parent), \
            "invalid_request; /parent_id invalid_parent"
        if parent != N:
            yield f"set: the parent is {how}", past, sync(set_(E, parent_id=parent)), "overridden invalid_parent", \
                None, bad
            yield f"set by a single call: the parent is {how}", single, set_(E, parent_id=parent), \
                "invalid_request; /parent_id invalid_parent"
    yield "add by a single call: to a parent", kin, add(parent_id=A, after=A), "applied", "ANBCDE", {"does": "N*A"}
    yield "add by a single call: to none", kin, add(parent_id=None), "applied", "ABCDEN"
    yield "set by a single call: a parent", kin, set_(E, parent_id=A, text="x"), "applied", "ABCDE", {
        "does": "E:parent_id,text"}
    yield "set by a single call: another parent", kin, set_(B, parent_id=D), "applied", "ABCDE", {"does": "B:parent_id"}
    yield "set by a single call: no parent", kin, set_(B, parent_id=None), "applied", "ABCDE", {"does": "B:parent_id"}
    yield "set by a single call: itself its parent", kin, set_(E, parent_id=E), \
        "invalid_request; /parent_id invalid_parent"
    yield "set by a single call: one with children gets no parent", kin, set_(A, parent_id=D), \
        "invalid_request; /parent_id invalid_parent"
    yield "set by a single call: one whose children are in trash may get one", listed(
        "ABCDE", parents=FAMILY, trashed="BC"), set_(A, parent_id=D), "applied", "ADE"
    yield "set by a single call: nothing else is set beside a bad parent", kin, set_(E, parent_id=B, text="x"), \
        "invalid_request; /parent_id invalid_parent"
    yield "set: a parent", kin, sync(set_(E, parent_id=A)), "applied", "ABCDE", {"does": "E:parent_id"}
    yield "set: no parent", kin, sync(set_(B, parent_id=None)), "applied", "ABCDE", {"does": "B:parent_id"}
    yield "set: itself its parent", kin, sync(set_(E, parent_id=E)), "overridden invalid_parent", "ABCDE", bad
    yield "set: one with children gets no parent", kin, sync(set_(A, parent_id=D)), "overridden invalid_parent", \
        "ABCDE", bad
    yield "set: one that got a child since gets no parent", since(set_(E, parent_id=D), on=kin), sync(
        set_(D, parent_id=A)), "overridden invalid_parent", "ABCDE", bad
    yield "set: beside a bad parent the rest is set", kin, sync(set_(E, parent_id=B, text="x")), \
        "overridden invalid_parent", "ABCDE", {"told": {"parent_id": None}, "does": "E:text"}
    yield "set: a bad parent where there was a good one", kin, sync(set_(B, parent_id=C)), \
        "overridden invalid_parent", "ABCDE", {"told": {"parent_id": A}, "does": ""}
    yield "set: they gave it another parent", since(set_(E, parent_id=D), on=kin), sync(set_(E, parent_id=A)), \
        "overridden", "ABCDE", {"told": {"parent_id": D}, "does": ""}
    yield "set: they gave it another parent, and mine is bad: no code of its own", since(
        set_(E, parent_id=D), on=kin), sync(set_(E, parent_id=B)), "overridden", "ABCDE", {
            "told": {"parent_id": D}, "does": ""}
    yield "set: a bad parent and another field that they changed", since(set_(E, text="theirs"), on=kin), sync(
        set_(E, parent_id=B, text="mine")), "overridden invalid_parent", "ABCDE", {
            "told": {"parent_id": None, "text": "theirs"}, "does": ""}
    yield "set: they gave it the same parent", since(set_(E, parent_id=A), on=kin), sync(set_(E, parent_id=A)), \
        "skipped", "ABCDE", {"does": ""}
    yield "set: the parent that it has, in trash with it", since(remove(), on=kin), sync(set_(B, parent_id=A)), \
        "skipped item_trashed", "DE", {"does": ""}
    yield "set: in trash, a good parent", since(remove(E), on=kin), sync(set_(E, parent_id=A)), \
        "merged item_trashed", "ABCD", {"does": "E:parent_id"}
    yield "set: in trash, a bad parent", since(remove(E), on=kin), sync(set_(E, parent_id=B)), \
        "overridden invalid_parent", "ABCD", bad
    yield "set: in trash, a parent that has children there", since(remove(), on=kin), sync(set_(A, parent_id=D)), \
        "merged item_trashed", "DE", {"does": "A:parent_id"}
    yield "restore: it was given a parent in trash", since(remove(E), set_(E, parent_id=A), on=kin), sync(
        restore(E)), "applied", "ABCDE", {"does": "E+D"}
    yield "restore: it was given a parent in trash, who is a child now", since(
        remove(E), set_(E, parent_id=D), set_(D, parent_id=A), on=kin), sync(restore(E)), "applied", "ABCDE", {
            "does": "E+D:parent_id"}
    yield "restore: a parent that was given one in trash, its children cannot keep it", since(
        remove(), set_(A, parent_id=D), on=kin), sync(restore()), "applied", "ABCDE", {
            "does": "A+^ B+A:parent_id C+B:parent_id", "kin": "A<D"}
    trashed = listed("ABCDE", parents=FAMILY, trashed="ABC")
    yield "restore by a single call: with the children that went with it", trashed, restore(), "applied", "ABCDE", {
        "does": "A+^ B+A C+B"}
    yield "restore by a single call: a child without its parent", trashed, restore(C), "applied", "CDE", {
        "does": "C+^:parent_id"}
    yield "restore by a single call: a child that had gone before stays", listed("ABC", parents=FAMILY, trashed={
        "A": 9, "B": 7, "C": 9}), restore(), "applied", "AC", {"does": "A+^ C+A"}
    yield "remove by a single call: with the children", kin, remove(), "applied", "DE", {"does": "A- B- C-"}
    yield "remove by a single call: a child alone", kin, remove(B), "applied", "ACDE", {"does": "B-"}
    yield "clear-done by a single call: with the children", listed("ABCDE", done="AE", parents=FAMILY), clear(), \
        "applied", "D", {"does": "A- B- C- E-"}
    yield "clear-done by a single call: a done child before its parent", listed("BAC", done="AB", parents=FAMILY), \
        clear(), "applied", "", {"does": "B- A- C-"}
    for live, expect in ((9_997, "applied"), (9_998, "list_full")):
        yield f"limit: a restore with two children, {live} are there", listed(
            parents=FAMILY, trashed="ABC"), restore(), expect, None, {"fill": {"live": live, "trashed": 0}}
        yield f"limit: a restore with two children by sync, {live} are there", listed(
            parents=FAMILY, trashed="ABC"), sync(restore()), expect, None, {"fill": {"live": live, "trashed": 0}}
    yield "limit: an add", listed("A"), sync(add()), "list_full", None, {"fill": {"live": 9_999, "trashed": 0}}
    yield "limit: an add by one whose item it is already", listed("A"), sync(add(item=A)), "skipped", None, {
        "fill": {"live": 9_999, "trashed": 0}}
    yield "limit: an add, with trash", listed("A"), sync(add()), "list_full", None, {
        "fill": {"live": 5_000, "trashed": 14_999}}


def transfer_cases():
    kin = listed("ABCD", parents=FAMILY)

    def to(lst=other(), **more):
        return {"target": {"list": lst, **more}}
    yield "transfer: to the end", listed(), sync(transfer()), "applied", "BC", {
        **to(), "there": "XYZA", "does": "A!"}
    yield "transfer: after one", listed(), sync(transfer(after=X)), "applied", "BC", {**to(), "there": "XAYZ"}
    yield "transfer: before one", listed(), sync(transfer(before=X)), "applied", "BC", {**to(), "there": "AXYZ"}
    yield "transfer: first", listed(), sync(transfer(after=None)), "applied", "BC", {**to(), "there": "AXYZ"}
    yield "transfer: last", listed(), sync(transfer(before=None)), "applied", "BC", {**to(), "there": "XYZA"}
    yield "transfer: after one never heard of goes to the end", listed(), sync(transfer(after=NOWHERE)), "applied", \
        "BC", {**to(), "there": "XYZA"}
    yield "transfer: after one of the list it comes from goes to the end", listed(), sync(transfer(after=B)), \
        "applied", "BC", {**to(), "there": "XYZA"}
    yield "transfer: beside itself goes to the end", listed(), sync(transfer(after=A)), "applied", "BC", {
        **to(), "there": "XYZA"}
    yield "transfer: after one in trash there", listed(), sync(transfer(after=Y)), "applied", "BC", {
        **to(other(trashed="Y")), "there": "XAZ"}
    yield "transfer: before one that left there", listed(), sync(transfer(before=Y)), "applied", "BC", {
        **to(other(gone={"Y": "moved"})), "there": "XAZ"}
    yield "transfer: to an empty list", listed(), sync(transfer()), "applied", "BC", {**to(other("")), "there": "A"}
    yield "transfer: all fields go along", listed(done="A", items=[{
        **listed(done="A")["items"][0], "note": "oat", "labels": ["a", "b"], "due": {"date": "2026-02-28"},
        "created_by": EDITOR}]), sync(transfer()), "applied", "", {**to(), "there": "XYZA"}
    yield "transfer: with its children, one after the other", listed("ACDB", parents=FAMILY), sync(
        transfer(after=X)), "applied", "D", {**to(), "there": "XACBYZ", "does": "A! C! B!", "kin": "C<A B<A"}
    yield "transfer: a child in trash stays", listed("ABCD", parents=FAMILY, trashed="B"), sync(transfer()), \
        "applied", "D", {**to(), "there": "XYZAC", "does": "A! C!", "kin": "C<A"}
    yield "transfer: a child alone has no parent there", kin, sync(transfer(B)), "applied", "ACD", {
        **to(), "there": "XYZB", "does": "B!", "kin": ""}
    yield "transfer: they changed it", since(set_(text="theirs")), sync(transfer()), "applied", "BC", {
        **to(), "there": "XYZA"}
    yield "transfer: they re-opened it", since(set_(done=False), on=listed(done="A")), sync(transfer()), "applied", \
        "BC", {**to(), "there": "XYZA"}
    yield "transfer: they added a child", since(add(parent_id=A)), sync(transfer()), "applied", "BC", {
        **to(), "there": "XYZAN", "does": "A! N!"}
    yield "transfer: they took it to trash", since(remove()), sync(transfer()), "skipped item_trashed", "BC", {
        **to(), "there": None}
    yield "transfer: they moved it to that list already", since(out()), sync(transfer()), "item_moved", None, to(
        other("XYZA"))
    yield "transfer: they purged it", since(purge()), sync(transfer()), "purged", None, to()
    yield "transfer: no such item", listed(), sync(transfer(NOWHERE)), "not_found", None, to()
    yield "transfer: no such list", listed(), sync(transfer()), "not_found", None, to(None)
    yield "transfer: a list of others", listed(), sync(transfer()), "not_found", None, to(other(members={
        EDITOR: "owner"}))
    yield "transfer: to the same list", listed(), sync(transfer(to=LIST)), "invalid_request", None, to(listed())
    yield "transfer: a viewer there", listed(), sync(transfer()), "forbidden", None, to(other(members={
        EDITOR: "owner", OWNER: "viewer"}))
    yield "transfer: a viewer here", listed(members=WITH_GUEST), sync(transfer(), GUEST), "forbidden", None, to(
        other(members={VIEWER: "owner"}))
    yield "transfer: an editor here and there", listed(), sync(transfer(), THEIR_TABLET), "applied", "BC", {
        **to(), "there": "XYZA"}
    yield "transfer: that list is in trash", listed(), sync(transfer()), "list_trashed", None, to(other(**TRASHED))
    yield "transfer: that list is in trash, and another's", listed(), sync(transfer(), THEIR_TABLET), "not_found", \
        None, to(other(**TRASHED))
    yield "transfer: this list is in trash", listed(**TRASHED), sync(transfer()), "list_trashed", None, to()
    for how, there in (("live", other("XA")), ("in trash", other("XA", trashed="A")),
                       ("purged", other("XA", gone={"A": "purged"}))):
        yield f"transfer: the id is {how} there", listed(), sync(transfer()), "id_taken", None, to(there)
        yield f"transfer: a child's id is {how} there", listed("BAC", parents={"A": "B"}), sync(transfer(B)), \
            "id_taken", None, to(there)
    yield "transfer: it was there before and was moved here", listed(), sync(transfer()), "applied", "BC", {
        **to(other("XAYZ", gone={"A": "moved"})), "there": "XYZA"}
    yield "transfer: it was there before, to beside its place", listed(), sync(transfer(after=X)), "applied", "BC", {
        **to(other("XYAZ", gone={"A": "moved"})), "there": "XAYZ"}
    yield "transfer: a child was there before", listed(parents=FAMILY), sync(transfer(after=X)), "applied", "", {
        **to(other("XBYZ", gone={"B": "moved"})), "there": "XABCYZ"}
    yield "transfer: back to where it came from, and its hidden place is given up", since(out(), back(A)), sync(
        transfer()), "applied", "BC", {**to(other("XYZA", gone={"A": "moved"})), "there": "XYZA"}
    yield "transfer: that list has an op of that id", listed(), sync(transfer()), "op_id_reused", None, to(done=[
        {"op": {**sync(set_(X, text="x")), "list_id": OTHER}, "result": {"status": "applied", "revision": 29}}])
    yield "transfer: in trash, to a list that is not there", listed(trashed="A"), sync(transfer()), "not_found", \
        None, to(None)
    yield "transfer: the other list's time and revision are its own", listed(), sync(transfer()), "applied", "BC", {
        **to(other(updated_at="2026-02-01T00:00:00.000Z", revision=(1 << 32) + 7)), "epoch": 2, "there": "XYZA"}
    for live, expect in ((9_998, "applied"), (9_999, "list_full")):
        yield f"transfer: a limit there, {live} live ones", listed("AB", parents={"B": "A"}), sync(transfer()), \
            expect, None, {"target": {"list": other(""), "fill": {"live": live, "trashed": 0}}}
    yield "transfer by a single call", kin, transfer(after=X), "applied", "D", {
        **to(), "there": "XABCYZ", "does": "A! B! C!", "kin": "B<A C<A"}
    yield "transfer by a single call: to the end", kin, transfer(D), "applied", "ABC", {**to(), "there": "XYZD"}
    yield "transfer by a single call: in trash", listed(trashed="A"), transfer(), "item_trashed", None, to()
    yield "transfer by a single call: to the same list", listed(), transfer(to=LIST), \
        "invalid_request; /to_list invalid", None, to(listed())
    yield "transfer by a single call: beside one in trash there", listed(), transfer(after=Y), \
        "invalid_request; /after invalid_neighbour", None, to(other(trashed="Y"))
    yield "transfer by a single call: beside one of this list", listed(), transfer(before=B), \
        "invalid_request; /before invalid_neighbour", None, to()
    yield "transfer by a single call: no such list", listed(), transfer(), "not_found", None, to(None)
    yield "transfer by a single call: a viewer there", listed(), transfer(), "forbidden", None, to(other(members={
        EDITOR: "owner", OWNER: "viewer"}))
    yield "transfer by a single call: that list is in trash", listed(), transfer(), "list_trashed", None, to(
        other(**TRASHED))
    yield "transfer by a single call: the id is there", listed(), transfer(), "id_taken", None, to(other("XA"))
    yield "transfer by a single call: it was there before", listed(), transfer(), "applied", "BC", {
        **to(other("XAY", gone={"A": "moved"})), "there": "XYA"}
    yield "transfer by a single call: an item that has left", listed(gone={"A": "moved"}), transfer(), "not_found", \
        None, to()
    yield "transfer by a single call: stale", listed(), {**transfer(), "if_match": [9]}, "stale", None, to()
    yield "transfer by a single call: no such list before the role", listed(members=WITH_GUEST), {
        **transfer(), "actor_id": VIEWER}, "not_found", None, to(None)
    yield "purge: of a live item", listed(), op("purge", B), "applied", "AC", {"does": "B!"}
    yield "purge: of one in trash", listed(trashed="B"), op("purge", B), "applied", "AC", {"does": "B!"}
    yield "purge: the live children go to trash first", kin, op("purge", A), "applied", "D", {"does": "B- C- A!"}
    yield "purge: children in trash stay there", listed("ABCD", parents=FAMILY, trashed="ABC"), op("purge", A), \
        "applied", "D", {"does": "A!"}
    yield "purge: by an editor", listed(), op("purge", B, EDITOR), "forbidden"
    yield "purge: no such item", listed(), op("purge", NOWHERE), "not_found"
    yield "purge: no such item before the role", listed(), op("purge", NOWHERE, EDITOR), "not_found"
    yield "purge: again", listed(gone={"B": "purged"}), op("purge", B), "not_found"
    yield "purge: of one that was moved away", listed(gone={"B": "moved"}), op("purge", B), "not_found"
    yield "purge: in a list in trash", listed(**TRASHED), op("purge", B), "list_trashed"
    yield "purge: stale", listed(), op("purge", B, if_match=[9]), "stale"


def revert_cases():
    """revert of one change, by sync and singly: what was changed again since is left, and named."""
    four, kin, mine = listed("ABCD"), listed("ABCD", parents=FAMILY), me
    text = set_(text="theirs")
    owners = {"client_id": LAPTOP}
    off, on_again = {**op("remove-list"), **owners}, {**op("restore-list"), **owners}
    one = [  # name, past, order, does, kept; the first change is undone
        ("a set", since(text), "ABC", "A:text", ""),
        ("a set of mine", Past(listed(), mine(text)), "ABC", "A:text", ""),
        ("a set that was changed again", since(text, mine(set_(text="mine"))), "ABC", "", "A text"),
        ("a set that its maker changed again", since(text, set_(text="again")), "ABC", "", "A text"),
        ("a set that was changed back already", since(text, set_(text="item A")), "ABC", "", "A text"),
        ("a set of which one field was changed again", since(set_(text="t", note="t", labels=["t"]), set_(
            note="again")), "ABC", "A:labels,text", "A note"),
        ("a tick", since(set_(done=True)), "ABC", "A:done,done_at", ""),
        ("a tick, re-opened since", since(set_(done=True), set_(done=False)), "ABC", "", "A done,done_at"),
        ("a re-opening brings the old time back", since(set_(done=False), on=listed(done="A")), "ABC",
         "A:done,done_at", ""),
        ("a set of one in trash now", since(text, remove()), "BC", "A:text", ""),
        ("a set in trash", since(text, on=listed(trashed="A")), "BC", "A:text", ""),
        ("a set in trash of one that came back", since(text, restore(), on=listed(trashed="A")), "ABC", "A:text", ""),
        ("a set of one that was moved away", since(text, out()), "BC", "", "A text"),
        ("a set of one that was moved away and came back", since(text, out(), back(A)), "BCA", "", "A text"),
        ("a set of one that was purged", since(text, purge()), "BC", "", ""),
        ("a set of one that was moved within the list", since(text, move(A, after=C)), "BCA", "A:text", ""),
        ("a parent", since(set_(D, parent_id=A), on=kin), "ABCD", "D:parent_id", ""),
        ("a parent taken away", since(set_(B, parent_id=None), on=kin), "ABCD", "B:parent_id", ""),
        ("a parent taken away, who is in trash now", since(set_(B, parent_id=None), remove(), on=kin), "BD", "",
         "B parent_id"),
        ("a parent taken away, who is a child now", since(set_(B, parent_id=None), set_(C, parent_id=None), set_(
            A, parent_id=D), on=kin), "ABCD", "", "B parent_id"),
        ("a parent taken away from one who has a child now", since(set_(B, parent_id=None), set_(
            D, parent_id=B), on=kin), "ABCD", "", "B parent_id"),
        ("a parent taken away and another field", since(set_(B, parent_id=None, text="x"), remove(), on=kin), "BD",
         "B:text", "B parent_id"),
        ("a parent taken away from one in trash now", since(set_(B, parent_id=None), remove(B), remove(), on=kin), "D",
         "B:parent_id", ""),
        ("an add", since(add()), "ABC", "N-", ""),
        ("an add that was changed", since(add(), set_(N, text="x")), "ABCN", "", "N"),
        ("an add that its maker moved", since(add(), move(N, after=None)), "NABC", "", "N"),
        ("an add that was removed", since(add(), remove(N)), "ABC", "", ""),
        ("an add that was removed and restored", since(add(), remove(N), restore(N)), "ABCN", "", "N"),
        ("an add that has a child now", since(add(), add(item=E, parent_id=N)), "ABCNE", "", "N"),
        ("an add that had a child", since(add(), add(item=E, parent_id=N), remove(E)), "ABC", "N-", ""),
        ("an add that was moved away", since(add(), out(N)), "ABC", "", ""),
        ("an add that was purged", since(add(), purge(N)), "ABC", "", ""),
        ("an add of a child", since(add(parent_id=A)), "ABC", "N-", ""),
        ("a move", since(move(A, after=C)), "ABC", "A>^", ""),
        ("a move of one that was changed", since(move(A, after=C), text), "ABC", "A>^", ""),
        ("a move of one that was moved again", since(move(A, after=C), move(A, after=B)), "BAC", "", "A place"),
        ("a move of one that was moved back already", since(move(A, after=C), move(A, after=None)), "ABC", "",
         "A place"),
        ("a move of one in trash now", since(move(A, after=C), remove()), "BC", "", ""),
        ("a move of one that was in trash", since(move(A, after=C), remove(), restore()), "BCA", "", "A place"),
        ("a move of one that was moved away", since(move(A, after=C), out()), "BC", "", ""),
        ("a move whose old neighbours have moved", since(move(C, after=None), move(B, before=None), on=four), "ADBC",
         "C>B", ""),
        ("a move whose old neighbour is in trash", since(move(C, after=None), remove(B), on=four), "ACD", "C>A", ""),
        ("a move whose old neighbours are all gone", since(move(C, after=D), remove(A), out(B), on=four), "CD",
         "C>^", ""),
        ("a move, with one made between since", since(move(C, after=None), add(after=B), on=four), "ABCND", "C>B", ""),
        ("a move to where it stands anyhow", since(move(A, after=B), remove(B)), "AC", "", ""),
        ("a remove", since(remove()), "ABC", "A+^", ""),
        ("a remove of one that was changed in trash", since(remove(), text), "ABC", "A+^", ""),
        ("a remove of one that was restored", since(remove(), restore()), "ABC", "", "A deleted_at"),
        ("a remove of one that was restored and removed", since(remove(), restore(), remove()), "BC", "",
         "A deleted_at"),
        ("a remove of one that was purged", since(remove(), purge()), "BC", "", "A deleted_at"),
        ("a remove, to the same place", since(remove(B), move(A, after=C)), "BCA", "B+^", ""),
        ("a remove with children", since(remove(), on=kin), "ABCD", "A+^ B+A C+B", ""),
        ("a remove with children, parent first", since(remove(), on=listed("BACD", parents=FAMILY)), "BACD",
         "A+^ B+^ C+A", ""),
        ("a remove with children, one of whom came back", since(remove(), restore(B), on=kin), "ABCD", "A+^ C+B",
         "B deleted_at"),
        ("a remove with children, one of whom was purged", since(remove(), purge(B), on=kin), "ACD", "A+^ C+A",
         "B deleted_at"),
        ("a remove of a child whose parent is in trash now", since(remove(B), remove(), on=kin), "BD",
         "B+^:parent_id", ""),
        ("a remove of one that was made a child in trash", since(remove(D), set_(D, parent_id=A), on=kin), "ABCD",
         "D+C", ""),
        ("a restore", since(restore(), on=listed(trashed="A")), "BC", "A-", ""),
        ("a restore of one that was changed", since(restore(), text, on=listed(trashed="A")), "BC", "A-", ""),
        ("a restore of one that was removed", since(restore(), remove(), on=listed(trashed="A")), "BC", "",
         "A deleted_at"),
        ("a restore of one that has a child now", since(restore(), add(parent_id=A), on=listed(trashed="A")), "ABCN",
         "", "A"),
        ("a restore with children", since(restore(), on=listed("ABCD", parents=FAMILY, trashed="ABC")), "D",
         "B- C- A-", ""),
        ("a restore of a child that lost its parent", since(restore(B), on=listed(
            "ABC", parents=FAMILY, trashed="ABC")), "", "B-:parent_id", ""),
        ("a clear-done", since(clear(), on=listed(done="AC")), "ABC", "A+^ C+B", ""),
        ("a clear-done of which one was restored", since(clear(), restore(), on=listed(done="AC")), "ABC", "C+B",
         "A deleted_at"),
        ("a clear-done of which one was re-opened in trash", since(clear(), set_(done=False), on=listed(done="AC")),
         "ABC", "A+^ C+B", ""),
        ("a clear-done of which one was purged", since(clear(), purge(), on=listed(done="AC")), "BC", "C+B",
         "A deleted_at"),
        ("a clear-done with children", since(clear(), on=listed("BACD", done="A", parents=FAMILY)), "BACD",
         "A+^ B+^ C+A", ""),
        ("a title", since(title()), "ABC", "L:title", ""),
        ("a title that was changed again", since(title("Other"), title("Again")), "ABC", "", "L title"),
        ("title and archived, one changed again", since(title(archived=True), title("Again")), "ABC", "L:archived",
         "L title"),
        ("a title, the list in trash and back", since(title(), off, on_again), "ABC", "L:title", ""),
    ]
    for name, past, order, does, kept in one:
        status = "applied" if does else "skipped"
        sets = {"a tick": {"done": False, "done_at": None}, "a set": {"text": "item A"},
                "a title": {"title": "Groceries"},
                "a re-opening brings the old time back": {"done": True, "done_at": THEN}}.get(name, ...)
        yield f"revert: {name}", past, sync(revert(1)), status, order, {"does": does, "kept": kept, "sets": sets}
    for name, past, order, does, kept in one[::12]:
        status = "applied" if does else "skipped"
        yield f"revert by a single call: {name}", past, revert(1), status, order, {
            "does": does, **({"kept": kept} if does else {})}
    again = [  # The second change is undone.
        ("a revert of a set", since(text, revert(1)), "ABC", "A:text", ""),
        ("a revert of an add", since(add(), revert(1)), "ABCN", "N+C", ""),
        ("a revert of a remove", since(remove(), revert(1)), "BC", "A-", ""),
        ("a revert of a remove with children", since(remove(), revert(1), on=kin), "D", "B- C- A-", ""),
        ("a revert of a move", since(move(A, after=C), revert(1)), "BCA", "A>C", ""),
        ("a revert of a clear-done", since(clear(), revert(1), on=listed(done="AC")), "B", "A- C-", ""),
        ("a revert of a title", since(title(), revert(1)), "ABC", "L:title", ""),
        ("a revert of all since", since(text, revert(to=10), remove(B)), "AC", "A:text", ""),
        ("a revert of a set, which was changed again", since(text, revert(1), set_(text="x")), "ABC", "", "A text"),
    ]
    for name, past, order, does, kept in again:
        yield f"revert: {name}", past, sync(revert(2), base=12), "applied" if does else "skipped", order, {
            "does": does, "kept": kept}
    yield "revert: a set that was reverted already", since(text, revert(1)), sync(revert(1)), "skipped", "ABC", {
        "does": "", "kept": "A text"}
    yield "revert: a revert of a revert", since(text, revert(1), revert(2)), sync(revert(3)), "applied", "ABC", {
        "does": "A:text"}
    yield "revert: a skipped op", Past(listed(trashed="A"), sync(remove())), sync(revert(1)), "skipped", "BC"
    yield "revert: an overridden op, what it did do", since(text, sync(set_(text="m", note="m"))), sync(
        revert(2)), "applied", "ABC", {"does": "A:note"}
    never = {"remove-list": (off, on_again), "restore-list": (on_again,), "transfer": (out(),), "purge": (purge(),)}
    for kind, steps in never.items():
        on = listed(**TRASHED) if kind == "restore-list" else None
        past = Past(listed(**TRASHED), on_again) if on else since(*steps)
        yield f"revert: a {kind} never is", past, sync(revert(1)), "not_revertible"
        yield f"revert by a single call: a {kind} never is", past, revert(1), "not_revertible"
    grant = {**op("grant"), **owners, "effects": [{
        "entity": "member", "id": STRANGER, "set": {"role": "editor"}, "previous": None}]}
    yield "revert: members never are", Past(listed(), grant), sync(revert(1)), "not_revertible"
    made = Past(listed("", revision=0, updated_at=None, members=[], items=[]), {
        **op("create-list"), **owners, "effects": [
            {"entity": "list", "id": LIST, "set": {k: listed()[k] for k in (
                "title", "archived", "created_at", "deleted_at")}, "previous": None},
            {"entity": "member", "id": OWNER, "set": {"role": "owner"}, "previous": None}]}, mine(add()))
    yield "revert: a create-list never is", made, sync(revert(1), base=1), "not_revertible"
    yield "revert: all since the beginning", made, sync(revert(to=0), base=2), "applied", "", {"does": "N-"}
    yield "revert: a transfer that brought an item in", since(back(N)), sync(revert(1)), "not_revertible"
    yield "revert: no such op", since(text), sync(revert(7)), "not_found"
    yield "revert by a single call: no such op", since(text), revert(7), "not_found"
    yield "revert: by a viewer", since(text, on=listed(members=WITH_GUEST)), sync(revert(1), GUEST), "forbidden"
    yield "revert: by an editor, the owner's change", Past(listed(), mine(text)), sync(
        revert(1), THEIR_TABLET), "applied", "ABC", {"does": "A:text"}
    yield "limit: a revert brings one too many back", since(remove(B)), sync(revert(1)), "list_full", None, {
        "fill": {"live": 9_998, "trashed": 0}}
    yield "limit: a revert brings the last one back", since(remove(B)), revert(1), "applied", None, {
        "fill": {"live": 9_997, "trashed": 0}, "does": "B+A"}


def revert_all_cases():
    """revert to_revision."""
    four, kin = listed("ABCD"), listed("ABCD", parents=FAMILY)
    text = set_(text="theirs")
    owners = {"client_id": LAPTOP}
    off, on_again = {**op("remove-list"), **owners}, {**op("restore-list"), **owners}
    several = since(text, me(add()), remove(B))
    alls = [  # Everything after revision 10, by a single call and by one who has seen all.
        ("several", several, "ABC", "A:text B+A N-", ""),
        ("a set twice", since(text, set_(text="again")), "ABC", "A:text", ""),
        ("a set and its revert", since(text, revert(1)), "ABC", "", ""),
        ("moves", since(move(A, before=None), move(B, before=None), on=four), "ABCD", "A>^ B>A", ""),
        ("moves of neighbours", since(move(C, after=None), move(B, after=None)), "ABC", "B>A C>B", ""),
        ("a move and a remove", since(move(A, after=C), remove()), "ABC", "A+C A>^", ""),
        ("a remove and a restore", since(remove(), restore()), "ABC", "", ""),
        ("a restore and a remove", since(restore(), remove(), on=listed(trashed="A")), "BC", "", ""),
        ("an add and what became of it", since(add(), set_(N, text="x"), move(N, after=None)), "ABC", "N-", ""),
        ("an add and its remove", since(add(), remove(N)), "ABC", "", ""),
        ("adds, children before their parent", since(add(), add(item=E, parent_id=N)), "ABC", "E- N-", ""),
        ("an add of a child and the remove of its parent", since(add(parent_id=A), remove()), "ABC", "A+^", ""),
        ("a restore and an add of a child", since(restore(), add(parent_id=A), on=listed(trashed="A")), "BC",
         "N- A-", ""),
        ("a child taken to another parent, and the first one removed", since(
            set_(B, parent_id=D), remove(), on=kin), "ABCD", "A+^ B:parent_id C+B", ""),
        ("a child that became a parent", since(set_(B, parent_id=None), set_(D, parent_id=B), on=kin), "ABCD",
         "D:parent_id B:parent_id", ""),
        ("a clear-done and a tick", since(set_(done=True), clear()), "ABC", "A+^:done,done_at", ""),
        ("title, item and order", since(title(), text, move(A, after=C)), "ABC", "L:title A:text A>^", ""),
        ("a transfer between is left", since(text, out(B), set_(C, text="x")), "AC", "A:text C:text", ""),
        ("what was moved away since", since(text, out()), "BC", "", "A text"),
        ("what was moved away and came back", since(text, out(), back(A)), "BCA", "", "A text"),
        ("what was moved in is left", since(text, back(N)), "ABCN", "A:text", ""),
        ("what was moved in and changed", since(back(N), set_(N, text="x")), "ABCN", "", "N text"),
        ("a purge between is left", since(text, purge(B), set_(C, text="x")), "AC", "A:text C:text", ""),
        ("children that a purge took to trash", since(text, purge(), on=kin), "D", "", ""),
        ("the list in trash and back between", since(text, off, on_again, title()), "ABC", "L:title A:text", ""),
        ("places, with one gone between", since(move(D, after=None), purge(C), on=four), "ABD", "D>B", ""),
    ]
    for name, past, order, does, kept in alls:
        seen = past.list["revision"]
        yield f"revert all: {name}", past, sync(revert(to=10), base=seen), "applied" if does else "skipped", order, {
            "does": does, "kept": kept}
    for name, past, order, does, kept in alls[::9]:
        yield f"revert all by a single call: {name}", past, revert(to=10), "applied" if does else "skipped", order, {
            "does": does, **({"kept": kept} if does else {})}
    yield "revert all by a single call: after the first", several, revert(to=11), "applied", "ABC", {"does": "B+A N-"}
    yield "revert all by a single call: after the last", several, revert(to=13), "skipped", "ACN", {"does": ""}
    yield "revert all by a single call: ahead of the list", several, revert(to=14), "revision_ahead"
    yield "revert all by a single call: past retention", several, revert(to=9), "revision_expired"
    yield "revert all: ahead of the list", several, sync(revert(to=14)), "revision_ahead"
    yield "revert all: past retention", several, sync(revert(to=9)), "revision_expired"
    yield "revert all: nothing seen of it", since(text), sync(revert(to=10)), "skipped", "ABC", {"does": ""}
    yield "revert all: up to what was seen", since(text, set_(B, text="x"), set_(C, text="x")), sync(
        revert(to=10), base=12), "applied", "ABC", {"does": "A:text B:text"}
    yield "revert all: up to what was seen, and the client's own", since(
        text, set_(B, text="x"), me(set_(C, text="x"))), sync(revert(to=10), base=11), "applied", "ABC", {
            "does": "A:text C:text"}
    yield "revert all: the client's own alone", since(text, me(set_(B, text="x"))), sync(revert(to=10)), "applied", \
        "ABC", {"does": "B:text"}
    yield "revert all: another client's own is not", Past(listed(), {**text, **owners}), sync(revert(to=10)), \
        "skipped", "ABC", {"does": ""}
    yield "revert all: what was seen and changed again unseen is kept", since(text, set_(text="again")), sync(
        revert(to=10), base=11), "skipped", "ABC", {"does": "", "kept": "A text"}
    yield "revert all: seen between changes of the client's own", Past(
        listed(), me(set_(text="m1")), them(set_(text="t")), me(set_(text="m2"))), sync(revert(to=10), base=11), \
        "skipped", "ABC", {"does": "", "kept": "A text"}
    yield "revert all: places between unseen moves", Past(four, them(move(A, before=None)), them(
        move(B, before=None))), sync(revert(to=10), base=11), "applied", "ACDB", {"does": "A>^"}
    yield "revert all: base before to_revision", since(text, me(set_(B, text="x"))), sync(revert(to=11)), "applied", \
        "ABC", {"does": "B:text"}
    # The database was restored: after 10 comes 11 of the next epoch.
    past = Past(listed(), me(text), me(set_(B, text="x")), epoch=1, cut={"revision": 10, "at": THEN})
    for number in (10, 12, (1 << 32) + 3):
        yield f"revert all: to {number} of which the log has 10 at most", past, sync(revert(
            to=number), base=(1 << 32) + 12), "applied", "ABC", {"does": "A:text B:text", "epoch": 1}
    for number, expect in ((10, "overridden"), (12, "overridden"), ((1 << 32) + 3, "overridden"),
                           ((1 << 32) + 11, "applied")):
        yield f"base: {number} counts as the newest below that the log has", Past(
            listed(), them(text), epoch=1, cut={"revision": 10, "at": THEN}), sync(
                set_(text="mine"), base=number), expect, "ABC", {
                    "told": {"text": "theirs"} if expect == "overridden" else {}, "epoch": 1}
    yield "base: ahead of the list, nothing is since", since(text), sync(set_(text="mine"), base=AHEAD), "applied", \
        "ABC", {"does": "A:text"}


def having(given, lst=None, steps=(), **result):
    """A list whose log has an op (at revision 9 of it), then these steps."""
    past = since(*steps, on=lst)
    past.done.insert(0, {"op": given, "result": {"status": "applied", "revision": 9, **result}})
    return past


def check_cases():
    """Sight, repeat, expiry, role, trash, then the rule: each op is wrong in all ways that are left."""
    cut = {"cut": {"revision": 8, "at": EARLIER}}
    wrong = sync({**move(NOWHERE, after=NOWHERE), "errors": [UNKNOWN]}, base=7)
    past = since(set_(text="x"), on=listed(members=WITH_GUEST), **cut)
    trashed = Past(listed(), {**op("remove-list"), "client_id": LAPTOP}, **cut)
    yield "order: a stranger", past, {**wrong, "actor_id": STRANGER}, "not_found"
    yield "order: no such list", None, wrong, "not_found"
    yield "order: a list in trash, an editor", trashed, {**wrong, "actor_id": EDITOR}, "not_found"
    yield "order: a stranger whose op was done", having(sync(set_(text="x"), STRANGE)), sync(
        set_(text="x"), STRANGE), "not_found"
    yield "order: expiry before the role", past, {**wrong, "actor_id": VIEWER}, "op_expired"
    yield "order: expiry before trash", trashed, wrong, "op_expired"
    yield "order: the role before errors", past, {**wrong, "actor_id": VIEWER, "base_revision": 8}, "forbidden"
    yield "order: trash before errors", trashed, {**wrong, "base_revision": 8}, "list_trashed"
    yield "order: errors before the item", past, {**wrong, "base_revision": 8}, "invalid_request; /x unknown"
    yield "order: the item before the neighbour", past, sync(move(NOWHERE, after=NOWHERE)), "not_found"
    yield "order: the role before the item", past, sync(move(NOWHERE, after=NOWHERE), GUEST), "forbidden"
    for base, expect in ((0, "op_expired"), (7, "op_expired"), (8, "overridden"), (11, "applied")):
        yield f"expiry: base {base}, and the log holds what follows 8", past, sync(set_(text="mine"), base=base), \
            expect, None, {"told": {"text": "x"} if expect == "overridden" else {}}
    yield "expiry: the log holds all", listed(), sync(set_(text="mine"), base=0), "applied", "ABC"
    yield "expiry: a base of an epoch that is lost, before all that the log holds", Past(listed(
        revision=(2 << 32) + 10), cut={"revision": (2 << 32) + 8, "at": EARLIER}), sync(
            set_(text="mine"), base=(1 << 32) + 90), "op_expired", None, {"epoch": 2}
    for kind, given in (("set-list", title()), ("add", add()), ("set", set_(text="x")), ("move", move(A, after=B)),
                        ("remove", remove()), ("restore", restore()), ("clear-done", clear()),
                        ("remove-list", op("remove-list")), ("restore-list", op("restore-list")),
                        ("revert", revert(1))):
        yield f"role: {kind} by a viewer", since(set_(text="x"), on=listed(
            members=WITH_GUEST)), sync(given, GUEST), "forbidden"
        if kind != "restore-list" and kind != "remove-list":
            yield f"trash: {kind} in a list in trash", listed(**TRASHED), sync(given), "list_trashed"
    yield "role: remove-list by an editor", listed(), sync(op("remove-list"), THEIR_TABLET), "forbidden"
    yield "role: restore-list by an editor, of one that is there", listed(), sync(
        op("restore-list"), THEIR_TABLET), "forbidden"
    yield "remove-list: the list goes to trash", listed(), sync(op("remove-list")), "applied", "ABC", {"does": "L"}
    yield "remove-list: it is there already", listed(**TRASHED), sync(op("remove-list")), "skipped", "ABC", {
        "does": ""}
    yield "restore-list: the list comes back", listed(**TRASHED), sync(op("restore-list")), "applied", "ABC", {
        "does": "L"}
    yield "restore-list: it is there", listed(), sync(op("restore-list")), "skipped", "ABC", {"does": ""}
    yield "time: it never runs backwards", listed(updated_at="2026-02-01T00:00:00.000Z"), sync(
        set_(done=True)), "applied", "ABC"
    yield "create-list: there is none", None, sync(create(), base=0), "applied", ""
    yield "create-list: a stranger's id", listed(), sync(create(STRANGER), STRANGE, base=0), "id_taken"
    yield "create-list: another member's", listed(), sync(create(), THEIR_TABLET, base=0), "id_taken"
    yield "create-list: by its creator, whose own has left the log", listed(), sync(create(), base=0), "op_expired"
    yield "create-list: by its creator, who is a member no more", listed(members=[
        {"user_id": EDITOR, "role": "owner"}]), sync(create(), base=0), "id_taken"
    yield "create-list: by its creator, in trash", listed(**TRASHED), sync(create(), base=0), "op_expired"
    yield "create-list: again", having(sync(create(), base=0)), sync(create(), base=0), "first applied"
    yield "create-list: again with another title", having(sync(create(), base=0)), sync(
        create(title="Other"), base=0), "op_id_reused"
    yield "create-list: errors", None, sync(create(errors=[UNKNOWN]), base=0), "invalid_request; /x unknown"


def repeat_cases():
    """The same op again is told its first result, whatever has become of the list."""
    text = sync(set_(text="mine"), base=8)
    yield "repeat: right away", having(text), text, "first applied"
    yield "repeat: from another store of the same user", having(text), {**text, "client_id": LAPTOP}, "first applied"
    yield "repeat: after they changed the same", having(text, steps=[set_(text="theirs")]), text, "first applied"
    yield "repeat: merged", having(text, status="merged", code="item_trashed"), text, "first merged item_trashed"
    yield "repeat: overridden", having(text, status="overridden", fields={"text": "theirs"}), text, "first overridden"
    yield "repeat: skipped", having(text, status="skipped"), text, "first skipped"
    yield "repeat: its item is in trash now", having(text, steps=[remove()]), text, "first applied"
    yield "repeat: its item was moved away", having(text, steps=[out()]), text, "first applied"
    yield "repeat: its item was purged, and the result lost its fields", having(text, steps=[
        purge()], status="overridden", fields={"text": "theirs"}), text, "first overridden"
    yield "repeat: the list is in trash", having(text, listed(**TRASHED)), text, "first applied"
    yield "repeat: its maker is a viewer now", having(text, listed(members=[
        {"user_id": EDITOR, "role": "owner"}, {"user_id": OWNER, "role": "viewer"}])), text, "first applied"
    yield "repeat: its maker is a member no more", having(text, listed(members=[
        {"user_id": EDITOR, "role": "owner"}])), text, "not_found"
    past = having(text, steps=[set_(B, text="x")])
    past.cut = {"revision": 8, "at": EARLIER}
    yield "repeat: its base is as old as the log goes", past, text, "first applied"
    for name, given in (("another field", set_(note="mine")), ("another value", set_(text="other")),
                        ("another item", set_(B, text="mine")), ("another kind", remove()),
                        ("no fields", op("set", A))):
        yield f"repeat: the id with {name}", having(text), sync(given, base=8), "op_id_reused"
    yield "repeat: the id with another base", having(text), {**text, "base_revision": 9}, "op_id_reused"
    yield "repeat: the id by another user", having(text), {**text, "actor_id": EDITOR}, "op_id_reused"
    yield "repeat: the id reused, past expiry and by a viewer", having(text, listed(members=WITH_GUEST)), {
        **sync(remove(), GUEST), "base_revision": 0}, "op_id_reused"
    given = sync(transfer(after=X), base=8)
    yield "repeat: a transfer", having(given, steps=[out()]), given, "first applied", None, {
        "target": {"list": other("XAYZ"), "done": [{"op": given, "result": {"status": "applied", "revision": 31}}]}}
    yield "repeat: a transfer, by who sees the other list no more", having(given, steps=[out()]), given, \
        "first applied", None, {"target": {"list": other("XAYZ", members={EDITOR: "owner"})}}
    yield "repeat: a revert", having(sync(revert(to=8), base=8)), sync(revert(to=8), base=8), "first applied"
    yield "repeat: an add whose item was changed", having(sync(add(), base=8), listed("ABCN")), sync(
        add(), base=8), "first applied"
    yield "repeat: a remove after which it was restored", having(sync(remove(), base=8), listed(trashed="A"), [
        restore()]), sync(remove(), base=8), "first applied"


def decide_cases():
    for group in (field_cases, leave_cases, place_cases, parent_cases, transfer_cases, revert_cases, revert_all_cases,
                  check_cases, repeat_cases):
        for name, lst, given, expect, *rest in group():
            order, more = rest[0] if rest else None, rest[1] if len(rest) > 1 else {}
            prefix = "sync: " if "base_revision" in given else ""
            yield (prefix + name, lst, given, expect, order), more

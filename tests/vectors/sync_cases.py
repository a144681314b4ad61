"""Cases of sync: an op that was made on a list as it stood at `base_revision`, and what others did since.

Expected are status and code, the live items in order, and by name: `told` (the result's fields), `does` and `kept` (in
short, make.py says how), `there` (the live items of the other list). All lists start at revision 10.
"""
from cases import (A, AHEAD, B, C, D, E, EARLIER, EDITOR, FILL, LAPTOP, LIST, N, NOW, NOWHERE, OTHER, OWNER, PHONE,
                   Past, STRANGER, TABLET, THEN, TRASHED, UNKNOWN, VIEWER, X, Y, Z, add, create, letter, listed, move, op,
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
        yield f"move: before one that they took {how}", since(step, on=four), sync(move(D, before=B)), "applied", \
            "ADC", {"does": "D>A"}
        yield f"move: after one that they took {how}, where it is already", since(step, on=four), sync(
            move(C, after=B)), "skipped", "ACD"
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
        yield f"add: before one that they took {how}", since(step), sync(add(before=B)), "applied", "ANC", {
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
    yield "add: to a parent", kin, sync(add(parent_id=A)), "applied", "ABCDEN"
    for how, past, parent in (
            ("in trash", since(remove(D), on=kin), D), ("in another list", since(out(D), on=kin), D),
            ("purged", since(purge(D), on=kin), D), ("never heard of", kin, NOWHERE), ("a child", kin, B),
            ("a child since", since(set_(D, parent_id=A), on=kin), D), ("the item itself", kin, N)):
        yield f"add: the parent is {how}", past, sync(add(parent_id=parent)), "merged invalid_parent", None, {
            "does": "N*E"}
        single = past.list if isinstance(past, Past) else past
        yield f"add by a single call: the parent is {how}", single, add(parent_id=parent), \
            "invalid_request; /parent_id invalid_parent"
        item = E if parent != N else N
        if item == E:
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
            "does": "A+^ B+A:parent_id C+B:parent_id"}
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
        transfer(after=X)), "applied", "D", {**to(), "there": "XACBYZ", "does": "A! C! B!"}
    yield "transfer: a child in trash stays", listed("ABCD", parents=FAMILY, trashed="B"), sync(transfer()), \
        "applied", "D", {**to(), "there": "XYZAC", "does": "A! C!"}
    yield "transfer: a child alone has no parent there", kin, sync(transfer(B)), "applied", "ACD", {
        **to(), "there": "XYZB", "does": "B!"}
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
    yield "transfer: a viewer here", listed(), sync(transfer(), GUEST), "forbidden", None, to(other(members={
        VIEWER: "owner"}))
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
        **to(), "there": "XABCYZ", "does": "A! B! C!"}
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
    yield "transfer by a single call: no such list before the role", listed(), {
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


def decide_cases():
    for group in (field_cases, leave_cases, place_cases, parent_cases, transfer_cases):
        for name, lst, given, expect, *rest in group():
            order, more = rest[0] if rest else None, rest[1] if len(rest) > 1 else {}
            prefix = "sync: " if "base_revision" in given else ""
            yield (prefix + name, lst, given, expect, order), more

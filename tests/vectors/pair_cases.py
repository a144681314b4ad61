"""Cases of sync in pairs: what others did first, and an op whose maker had not seen it. What each comes to is in a
table, written by hand; the model adds effects and values.
"""
from cases import A, B, E, LAPTOP, Past, add, move, op, set_
from sync_cases import (OWN, back, clear, listed, me, other, out, purge, remove, restore, revert, sync, them, title,
                        transfer)

WORDS = {"a": "applied", "m": "merged", "o": "overridden", "s": "skipped", "t": "merged item_trashed",
         "k": "skipped item_trashed", "P": "overridden invalid_parent", "i": "merged invalid_parent",
         "M": "item_moved", "p": "purged"}

OFF, ON = ({**op(kind), "client_id": LAPTOP} for kind in ("remove-list", "restore-list"))

FIRST = {  # What they did, and how A and B stood before where it matters. B follows A.
    "text": ([set_(text="theirs")], {}),
    "note": ([set_(note="theirs")], {}),
    "tick": ([set_(done=True)], {}),
    "re-open": ([set_(done=False)], {"done": "A"}),
    "parent": ([set_(parent_id=B)], {}),
    "child": ([add(parent_id=A)], {}),
    "move": ([move(A, after=B)], {}),
    "move B": ([move(B, after=None)], {}),
    "remove": ([remove()], {}),
    "remove B": ([remove(B)], {}),
    "restore": ([restore()], {"done": "A", "trashed": "A"}),
    "and back": ([remove(), restore()], {}),
    "transfer": ([out()], {}),
    "transfer B": ([out(B)], {}),
    "there, back": ([out(), back(A)], {}),
    "purge": ([purge()], {}),
    "purge B": ([purge(B)], {}),
    "clear-done": ([clear()], {"done": "A"}),
    "revert": ([set_(text="theirs"), "revert"], {}),
    "title": ([title("Theirs")], {}),
    "archived": ([op("set-list", fields={"archived": True})], {}),
    "list away": ([OFF, ON], {}),
}

LATER = {  # What I mean to do.
    "text": set_(text="mine"),
    "tick": set_(done=True),
    "re-open": set_(done=False),
    "parent": set_(parent_id=B),
    "move": move(A, after=B),
    "move B": move(B, before=A),
    "remove": remove(),
    "restore": restore(),
    "clear": clear(),
    "transfer": transfer(),
    "add": add(item=E, after=A),
    "child": add(item=E, parent_id=A),
    "title": title("Mine"),
    "revert": revert(1),  # Of a text that I gave A before, and had seen.
}

TABLE = """
             text tick re-open parent move move-B remove restore clear transfer add child title revert
text         o    m    .       m      a    a      a      .       .     a        .   .     a     s
note         m    m    .       m      .    .      a      .       .     .        .   .     .     a
tick         m    s    o       m      a    .      a      .       a     a        .   a     .     a
re-open      m    o    s       m      a    .      s      .       s     a        .   .     .     a
parent       m    m    .       s      a    a      a      s       s     a        .   i     .     a
child        a    a    .       P      a    .      s      .       .     a        a   a     .     a
move         a    a    .       a      s    s      a      .       .     a        a   a     .     a
move-B       .    .    .       a      s    s      .      .       .     .        a   .     .     a
remove       t    t    k       t      k    s      s      a       s     k        a   i     .     a
remove-B     a    .    .       P      s    k      a      .       .     .        a   .     .     .
restore      a    s    a       a      a    a      s      s       s     a        a   a     .     a
and-back     a    a    s       a      a    .      s      s       .     a        a   a     .     a
transfer     M    M    M       M      M    s      M      M       s     M        a   i     .     s
transfer-B   .    .    .       P      s    M      a      .       .     .        a   .     .     .
there,-back  o    o    s       o      s    s      s      s       .     a        a   a     .     s
purge        p    p    p       p      p    s      p      p       s     p        a   i     .     s
purge-B      .    .    .       P      s    p      a      .       .     .        a   .     .     .
clear-done   t    k    t       t      k    s      s      a       s     k        a   i     .     a
revert       o    m    .       m      a    .      a      .       .     a        .   .     .     s
title        a    .    .       .      .    .      .      .       .     .        .   .     o     .
archived     .    .    .       .      .    .      .      .       .     .        .   .     m     .
list-away    a    .    .       .      a    .      a      .       .     a        a   .     a     a
"""


def past_of(first, seen, order):
    """The list after what they did; before that I may have given A a text, which I had seen."""
    steps, on = FIRST[first]
    steps = [them(revert(len(seen) + 1)) if s == "revert" else s if "client_id" in s else them(s) for s in steps]
    return Past(listed(order, **on), *seen, *steps)


def decide_cases():
    head, *rows = (line.split() for line in TABLE.strip().splitlines())
    assert head == [name.replace(" ", "-") for name in LATER]
    assert [row[0] for row in rows] == [name.replace(" ", "-") for name in FIRST]
    for (first, *words), name in zip(rows, FIRST):
        for later, word in zip(LATER, words):
            if word == ".":
                continue
            seen = [me(set_(text="before"))] if later == "revert" else []
            given = sync(LATER[later], OWN, 10 + len(seen))
            to = {"target": {"list": other("A" if name == "transfer" else "", gone={
                "A": "moved"} if name == "there, back" else {})}} if later == "transfer" else {}
            order = "AB" if B in str((FIRST[name], LATER[later])) else "A"
            yield (f"pair: they {name}, I {later}", past_of(name, seen, order), given, WORDS[word]), {
                "told": ..., "kept": ..., **to}

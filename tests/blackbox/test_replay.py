"""The judge is judged: a log as it should be passes, and each planted fault is found."""
import copy

import pytest

import replay
from client import uuid7

LIST, USER, A, B, C = uuid7(), uuid7(), uuid7(), uuid7(), uuid7()


def _at(n):
    return f"2026-01-01T00:00:{n:02}.000Z"


def _item(text, n, **more):
    return {"text": text, "note": "", "done": False, "done_at": None, "due": None, "repeat": None,
            "labels": [], "parent_id": None, "created_by": USER, "created_at": _at(n),
            "deleted_at": None, **more}


def _change(n, kind, effects, item=None):
    made = {"revision": n, "op_id": uuid7(), "at": _at(n), "actor_id": USER, "client_id": None,
            "kind": kind, "status": "applied", "effects": effects}
    return made if item is None else {**made, "item_id": item}


def _effect(item, new, old, **places):
    return {"entity": "item", "id": item, "set": new, "previous": old, **places}


def good_log():
    """Made, three added (b in the middle), one moved, ticked, cleared, restored, renamed."""
    row = {"title": "L", "archived": False, "created_at": _at(1), "deleted_at": None}
    a, b, c = _item("a", 2), _item("b", 4), _item("c", 3)
    done = {**a, "done": True, "done_at": _at(6)}
    log = [
        _change(1, "create-list", [
            {"entity": "list", "id": LIST, "set": row, "previous": None},
            {"entity": "member", "id": USER, "set": {"role": "owner"}, "previous": None}]),
        _change(2, "add", [_effect(A, a, None, after=None)], A),
        _change(3, "add", [_effect(C, c, None, after=A)], C),
        _change(4, "add", [_effect(B, b, None, after=A)], B),
        _change(5, "move", [_effect(A, {}, {}, after=C, was_after=None)], A),
        _change(6, "set", [_effect(A, {"done": True, "done_at": _at(6)}, {"done": False, "done_at": None})], A),
        _change(7, "clear-done", [_effect(A, {"deleted_at": _at(7)}, done, was_after=C)]),
        _change(8, "set", [_effect(A, {"text": "A"}, {"text": "a"})], A),
        _change(9, "restore", [_effect(A, {**done, "text": "A"}, {"deleted_at": _at(7)}, after=C)], A),
        _change(10, "set-list", [{"entity": "list", "id": LIST, "set": {"title": "M"}, "previous": {"title": "L"}}]),
    ]
    served = {"id": LIST, **row, "title": "M", "role": "owner", "revision": 10, "updated_at": _at(10),
              "item_count": 3, "done_count": 1, "members": [{"user_id": USER, "role": "owner"}],
              "items": [{"id": B, **b, "revision": 4, "updated_at": _at(4)},
                        {"id": C, **c, "revision": 3, "updated_at": _at(3)},
                        {"id": A, **done, "text": "A", "revision": 9, "updated_at": _at(9)}]}
    return log, served


def test_a_good_log_passes():
    log, served = good_log()
    view = replay.check_log(log, LIST, served, USER)
    assert view.order == [B, C, A]


def _drop(n):
    return lambda log, served: log.pop(n)


def _set(n, path, value):
    def plant(log, _):
        part = log[n]
        for step in path[:-1]:
            part = part[step]
        part[path[-1]] = value
    return plant


def _remove(n, path):
    def plant(log, _):
        part = log[n]
        for step in path[:-1]:
            part = part[step]
        del part[path[-1]]
    return plant


def _serve(path, value):
    def plant(_, served):
        part = served
        for step in path[:-1]:
            part = part[step]
        part[path[-1]] = value
    return plant


FAULTS = {
    "gap": _drop(3),
    "last change lost": _drop(9),
    "repeat": lambda log, served: log.insert(3, copy.deepcopy(log[2])),
    "same op twice": lambda log, served: log[3].update(op_id=log[2]["op_id"]),
    "time backwards": _set(4, ["at"], _at(3)),
    "made without all fields": _remove(1, ["effects", 0, "set", "note"]),
    "made in trash": _set(1, ["effects", 0, "set", "deleted_at"], _at(2)),
    "made without a place": _remove(1, ["effects", 0, "after"]),
    "after somebody unknown": _set(2, ["effects", 0, "after"], uuid7()),
    "placed elsewhere": _set(3, ["effects", 0, "after"], None),
    "moved from elsewhere": _set(4, ["effects", 0, "was_after"], B),
    "moved to elsewhere": _set(4, ["effects", 0, "after"], B),
    "move without leaving": _remove(4, ["effects", 0, "was_after"]),
    "wrong previous": _set(5, ["effects", 0, "previous", "done"], True),
    "previous without a field": _remove(5, ["effects", 0, "previous", "done_at"]),
    "set without a field": _remove(5, ["effects", 0, "set", "done_at"]),
    "what follows is set": _set(5, ["effects", 0, "set", "updated_at"], _at(6)),
    "a rank is shown": _set(5, ["effects", 0, "rank"], "aaa"),
    "trashed in parts": _set(6, ["effects", 0, "previous"], {"deleted_at": None}),
    "trashed without was_after": _remove(6, ["effects", 0, "was_after"]),
    "trashed as it was not": _set(6, ["effects", 0, "previous", "text"], "z"),
    "edit in trash lost": _set(8, ["effects", 0, "set", "text"], "a"),
    "restored in parts": _set(8, ["effects", 0, "set"], {"deleted_at": None}),
    "restored elsewhere": _set(8, ["effects", 0, "after"], B),
    "nothing changed": _set(9, ["effects", 0, "set", "title"], "L"),
    "no owner": lambda log, served: log[0]["effects"].pop(1),
    "no effects": lambda log, served: log[9].update(effects=[]),
    "without item_id": _remove(5, ["item_id"]),
    "unknown kind": _set(5, ["kind"], "tick"),
    "served text differs": _serve(["items", 0, "text"], "x"),
    "served order differs": lambda log, served: served["items"].reverse(),
    "served item missing": lambda log, served: served["items"].pop(),
    "served revision differs": _serve(["revision"], 11),
    "served item's revision differs": _serve(["items", 2, "revision"], 6),
    "served item's time differs": _serve(["items", 2, "updated_at"], _at(10)),
    "served count differs": _serve(["done_count"], 0),
    "served members differ": _serve(["members", 0, "role"], "editor"),
    "served with more": _serve(["rank"], "a"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault):
    log, served = copy.deepcopy(good_log())
    FAULTS[fault](log, served)
    with pytest.raises(replay.Broken):
        replay.check_log(log, LIST, served, USER)


def _purged(**more):
    return {**replay.BLANK, "deleted_at": None, **more}


def purged_log():
    """Two added, the first edited, trashed, restored and erased; the other one gone to another list."""
    log, _ = good_log()
    log = log[:1] + [
        _change(2, "add", [_effect(A, _purged(), None, after=None)], A),
        _change(3, "add", [_effect(C, _item("c", 3), None, after=A)], C),
        _change(4, "set", [_effect(A, {}, {})], A),
        _change(5, "remove", [_effect(A, {"deleted_at": _at(5)}, _purged(), was_after=None)], A),
        _change(6, "restore", [_effect(A, _purged(), {"deleted_at": _at(5)}, after=None)], A),
        _change(7, "purge", [_effect(A, None, _purged(), was_after=None)], A),
        _change(8, "transfer", [_effect(C, None, _item("c", 3), was_after=None)], C)]
    served = {"id": LIST, "title": "L", "archived": False, "created_at": _at(1), "deleted_at": None,
              "role": "owner", "revision": 8, "updated_at": _at(8), "item_count": 0, "done_count": 0,
              "members": [{"user_id": USER, "role": "owner"}], "items": []}
    return log, served


def test_a_log_of_what_was_erased_passes():
    replay.check_log(*purged_log()[:1], LIST, purged_log()[1], USER)


def test_who_held_it_before_it_was_erased_can_follow():
    log, served = purged_log()
    before = copy.deepcopy(log[:3])
    before[1]["effects"][0]["set"] = _item("a", 2)
    view = replay.replay(before, LIST)
    for change in log[3:]:
        if change["kind"] not in ("set", "remove", "restore"):
            continue
        change["effects"] = []
        change["status"] = "skipped"
    for change in log[3:]:
        replay.apply(view, change, LIST)
    replay.compare(view, served, USER)


@pytest.mark.parametrize("plant", [
    _set(1, ["effects", 0, "set", "text"], "a"), _set(1, ["effects", 0, "set", "created_by"], USER),
    _remove(1, ["effects", 0, "set", "purged"]), _remove(1, ["effects", 0, "set", "labels"]),
    _set(3, ["effects", 0, "set"], {"text": "b"}), _set(4, ["effects", 0, "previous", "note"], "n"),
    _set(6, ["effects", 0, "previous", "labels"], ["l"]), _remove(6, ["effects", 0, "was_after"]), _remove(7, ["item_id"]),
    _set(7, ["effects", 0, "previous", "text"], "d")])
def test_a_word_of_what_was_erased_is_found(plant):
    log, served = purged_log()
    plant(log, served)
    with pytest.raises(replay.Broken):
        replay.check_log(log, LIST, served, USER)


def test_backwards_is_judged_too():
    """Effects whose order matters only backwards: two items trashed in one change."""
    log, _ = good_log()
    log = log[:4]
    a, b, c = _item("a", 2), _item("b", 4), _item("c", 3)
    log.append(_change(5, "clear-done", [_effect(A, {"deleted_at": _at(5)}, a, was_after=None),
                                         _effect(B, {"deleted_at": _at(5)}, b, was_after=None)]))
    view = replay.replay(log, LIST)
    assert view.order == [C] and view.items[C] == c
    replay.check_log(log, LIST, view.served(USER), USER)
    log[4]["effects"].reverse()
    with pytest.raises(replay.Broken):
        replay.check_log(log, LIST, view.served(USER), USER)


def test_a_new_epoch_is_no_gap():
    log, _ = good_log()
    log[9]["revision"] = (1 << 32) + 10
    assert replay.replay(log, LIST).revision == (1 << 32) + 10
    log[9]["revision"] = (1 << 32) + 11
    with pytest.raises(replay.Broken):
        replay.replay(log, LIST)

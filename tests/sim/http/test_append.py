"""One list's history, while processes are killed, is strictly serialisable; and the judge of that finds
what is not."""
import copy
import math
import os
import random

import pytest

import append
from append import Op, judge
from harness import Fleet, sign_up

SECONDS = 180 if os.environ.get("LISTS_TEST_LONG") else 6


class Process:
    """One of a fleet's, as services.Caller knows them."""

    def __init__(self, address):
        self.address = address


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_appends_and_reads_have_one_order(database, tmp_path, capsys):
    fleet = Fleet(database, tmp_path)
    chance, kills = random.Random(1), []

    def kill():
        victim = chance.randrange(len(fleet.all))
        fleet.kill_one(victim)
        fleet.start_one(victim)
        kills.append(victim)

    try:
        fleet.start()
        person = sign_up(fleet.address)
        list_id = person.make_list("appended to")
        services = [Process(address) for address in fleet.address.processes]
        work = append.run(services, person, list_id, seed=1, seconds=SECONDS, kill=kill)
        final = append.final_of(services, person, list_id, work.newest)
    finally:
        fleet.close()
    appends = sum(op.kind == "append" for op in work.history)
    reads = len(work.history) - appends
    with capsys.disabled():
        print(f"\n{database}: {appends} appends, {reads} reads, {len(kills)} kills, {len(final)} items")
    assert not work.problems, work.problems[:5]
    assert not list(judge(work.history, final)), list(judge(work.history, final))[:5]
    assert len(kills) >= 2 and len(final) > 50 and reads > 50


# ---- The judge

def a_history():
    """Four clients, a call of each after the other; some calls overlap."""
    chance, items, history, time = random.Random(3), [], [], 0.0
    for number in range(400):
        time += chance.random()
        if chance.random() < 0.5:
            items.append(f"i{number}")
            history.append(Op("append", time - 0.2, time + 0.2, item=items[-1], revision=len(items) + 1))
        else:
            history.append(Op("read", time - 0.2, time + 0.2, items=tuple(items), revision=len(items) + 1))
        time += 0.3
    return history, tuple(items)


def longest_read(history):
    return max((op for op in history if op.kind == "read"), key=lambda op: len(op.items))


def test_what_is_right_is_found_right():
    history, final = a_history()
    assert not list(judge(history, final))
    lost = Op("append", 1.0, math.inf, item="never answered")
    assert not list(judge([*history, lost], final))
    assert not list(judge([*history, lost], (*final, "never answered")))


def _lose(history, final):
    return history, final[:-1]


def _double(history, final):
    return history, (*final, final[-1])


def _phantom(history, final):
    return history, (*final, "of nobody")


def _swap(history, final):
    read = longest_read(history)
    read.items = (*read.items[:3], read.items[4], read.items[3], *read.items[5:])
    return history, final


def _hole(history, final):
    read = longest_read(history)
    read.items = (*read.items[:3], *read.items[4:])
    return history, final


def _stale(history, final):
    read = longest_read(history)
    read.items = read.items[:-3]
    return history, final


def _foresee(history, final):
    read = next(op for op in history if op.kind == "read")
    read.items = final[:len(read.items) + 1]
    return history, final


def _late(history, final):
    """An acknowledged append comes to stand before one that had ended when it began."""
    items = list(final)
    items.insert(5, items.pop(9))
    for op in history:
        if op.kind == "read":
            op.items = tuple(item for item in items if item in op.items)
    return [op for op in history if op.kind == "append"], tuple(items)


LIES = [_lose, _double, _phantom, _swap, _hole, _stale, _foresee, _late]


@pytest.mark.parametrize("lie", LIES, ids=[lie.__name__.strip("_") for lie in LIES])
def test_a_lie_is_found(lie):
    history, final = a_history()
    assert list(judge(*lie(copy.deepcopy(history), final)))

"""A local store that syncs through several processes in turn misses nothing, whatever goes on meanwhile."""
import glob
import itertools
import time

import pytest

from by_hand import Session, rename, set_role
from client import Address
from cluster import DATABASE, Cluster
from failover import EPOCH, WAITS, behind_a_proxy, lead, way_of_the_log
from services import Fleet, Together, is_long, make_lists, pause, run, sign_up, uuid7, wait_until
from storm import Storm, blowing
from stores import Store

SECONDS = 60 if is_long() else 8
CHANGES_MAX = 2000


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet():
    with Cluster(memory=True) as cluster, Fleet(cluster, 3) as fleet:
        yield fleet


def until(threads, condition, what, seconds=30):
    """Or until one of the threads has failed."""
    wait_until(lambda: threads.errors or condition(), seconds, what)
    if threads.errors:
        raise threads.errors[0]


def until_told(threads, store, list_id, revision):
    """The store has it. One of the threads follows."""
    until(threads, lambda: list_id in store.views and store.views[list_id].revision >= revision,
          f"{list_id} at {revision} is told")


def check(storm, store, node=None):
    """What was acknowledged is in the log, and the log is what was told."""
    store.sync()
    assert storm.judge(node) == []
    store.check()
    print(f"{storm.writes} writes, {store.syncs} syncs, {store.repeats} changes told again")


# ---- Late commits

def test_commits_that_hang_are_told_when_they_end():
    """Their replica is lost. Commits that do not wait for it, begun before them and after, are seen first."""
    with Cluster(replicas=True, memory=True) as cluster, Fleet(cluster) as fleet, \
            Session(cluster) as earlier, Session(cluster) as later:
        person = fleet.person()
        caller, store = fleet.caller(person), Store(fleet.caller(person))
        storm = Storm(fleet, person, make_lists(caller, 8))
        one, other = make_lists(caller, 2)
        for session in (earlier, later):
            session.say("SET synchronous_commit = local")
        with blowing(storm, writers=4, readers=0) as threads:
            threads.run(store.follow, threads.over)
            until(threads, lambda: storm.writes > 100, "writes")
            earlier.say("BEGIN;" + rename(one, "List 0", "Earlier"))
            cluster.sync.pause()
            until(threads, lambda: cluster.primary.sql(WAITS), "commits that hang")
            hanging = set(cluster.primary.sql(WAITS).split())
            later.say("BEGIN;" + rename(other, "List 1", "Later") + ";COMMIT")
            until_told(threads, store, other, 2)
            earlier.say("COMMIT")
            until_told(threads, store, one, 2)
            writes, syncs = storm.writes, store.syncs
            pause(SECONDS)
            assert storm.writes == writes and store.syncs > syncs + 10
            assert hanging & set(cluster.primary.sql(WAITS).split()), "none of them hangs any more"
            cluster.sync.resume()
            until(threads, lambda: storm.writes > writes + 100, "writes go on")
        check(storm, store)
        assert store.repeats > 0 and store.resets == 0


def test_a_transaction_that_is_held_open_is_told_when_it_ends(fleet):
    person = fleet.person()
    caller, store = fleet.caller(person), Store(fleet.caller(person)).sync()
    storm = Storm(fleet, person, make_lists(caller, 8))
    (late,) = make_lists(caller, 1)
    with Session(fleet.cluster) as session:
        with blowing(storm, writers=2, readers=0) as threads:
            threads.run(store.follow, threads.over)
            until_told(threads, store, late, 1)
            session.say("BEGIN;" + rename(late, "List 0", "Late"))
            writes, syncs = storm.writes, store.syncs
            until(threads, lambda: storm.writes > writes + 300 and store.syncs > syncs + 20, "writes")
            pause(SECONDS if is_long() else 0)
            assert store.views[late].revision == 1
            session.say("COMMIT")
            until_told(threads, store, late, 2)
        check(storm, store)
    assert store.resets == 0 and store.repeats > 0 and store.views[late].row["title"] == "Late"


# ---- Clocks

def ahead(seconds) -> dict:
    (library,) = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return {"LD_PRELOAD": library, "FAKETIME": f"+{seconds}s", "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def test_clocks_20_s_apart(fleet):
    two = Fleet(fleet.cluster, 2)
    right, wrong = two.all
    wrong.env = ahead(20)
    with two:
        person = sign_up(Address([right.address]))  # A token of the other is not valid here yet.
        caller, store, made = two.caller(person), Store(two.caller(person)), []
        storm = Storm(two, person, make_lists(caller, 6))
        with blowing(storm, writers=3, readers=1) as threads:
            threads.run(store.follow, threads.over)
            for number, service in zip(range(10), itertools.cycle((wrong, right))):
                answer = caller.once("POST", "/v1/lists", {"title": f"{number}"}, service=service)
                made.append(answer.json()["id"])
                until_told(threads, store, made[-1], 1)
            until(threads, lambda: storm.writes > 300, "writes")
        check(storm, store)
        at = [store.told[each][1]["at"] for each in made]
        assert at[0::2] == sorted(at[0::2]) and at[1::2] == sorted(at[1::2]) and max(at[1::2]) < min(at[0::2])
        assert [list(store.told).index(each) for each in made] == sorted(map(list(store.told).index, made))
    assert store.resets == 0


# ---- Another primary

def test_a_promoted_replica_goes_on_with_the_cursor():
    with behind_a_proxy() as (cluster, proxy, fleet):
        person = fleet.person()
        caller, store = fleet.caller(person), Store(fleet.caller(person))
        storm = Storm(fleet, person, make_lists(caller, 10))
        with blowing(storm, writers=6, readers=0) as threads:
            threads.run(store.follow, threads.over)
            until(threads, lambda: storm.writes > 300 and store.cursor, "writes")
            cluster.primary.kill()
            cluster.sync.promote()
            lead(proxy, cluster.sync)
            writes = storm.writes
            until(threads, lambda: storm.writes > writes + 300, "writes go on")
        check(storm, store, cluster.sync)
        assert store.resets == 0


def keep_renaming(caller, lists, told, over):
    """`told`: of each list, the newest revision that was acknowledged."""
    for number in itertools.count():
        if over.is_set():
            break
        list_id = lists[number % len(lists)]
        answer = caller.settled("PATCH", f"/v1/lists/{list_id}", {"title": f"Number {number}"})
        assert answer.status == 200, answer
        told[list_id] = answer.revision


def test_a_promotion_with_loss_is_a_reset():
    """What was lost goes, what was not known comes; from the new epoch on nothing is missed."""
    with behind_a_proxy() as (cluster, proxy, fleet), way_of_the_log(cluster) as wal:
        cluster.follow(cluster.async_, port=wal.port)
        cluster.wait_streaming("async")
        person, told = fleet.person(), {}
        caller, store = fleet.caller(person), Store(fleet.caller(person))
        lists = make_lists(caller, 10)
        cluster.wait_caught_up(cluster.async_)
        wal.freeze()
        (lost,) = make_lists(caller, 1)
        for list_id in lists[:5]:
            caller.settled("PUT", f"/v1/lists/{list_id}/items/{uuid7()}", {"text": "Lost"})
        assert lost in store.sync().views and store.views[lists[0]].order
        with Together() as threads:
            threads.run(store.follow, threads.over)
            threads.run(keep_renaming, fleet.caller(person), lists[3:8], told, threads.over)
            until(threads, lambda: len(told) == 5, "writes")
            cluster.primary.kill()
            cluster.sync.kill()
            cluster.async_.promote()
            run("epoch", "bump", "--database", cluster.url("lists_owner", cluster.async_))
            lead(proxy, cluster.async_)
            until(threads, lambda: len(told) == 5 and min(told.values()) > EPOCH, "writes of the new epoch")
            pause(1.1)  # What is in memory may be shown for a second.
            threads.over.set()
        store.sync().check()
        assert store.resets == 1 and lost not in store.seen
        assert all(store.views[list_id].revision >= revision for list_id, revision in told.items())
        assert not any(store.views[list_id].order for list_id in lists)


# ---- What comes into sight and goes

class Sight:
    """What another person does to a member's sight of a list, and when they had none."""

    def __init__(self, fleet, member):
        self.primary, self.member, self.gone, self.none = fleet.cluster.primary, member, {}, []

    def set_role(self, list_id, before, after):
        if after is not None:
            self.returns(list_id)
        self.primary.sql(f"BEGIN; {set_role(list_id, self.member.id, before, after)}; COMMIT;",
                         database=DATABASE)
        if after is None:
            self.goes(list_id)

    def goes(self, list_id):
        self.gone[list_id] = time.monotonic()

    def returns(self, list_id):
        if list_id in self.gone:
            self.none.append((list_id, self.gone.pop(list_id), time.monotonic()))

    def leaks(self, store) -> list:
        """Answers that were asked for, and there, while they saw nothing of a list, and told of it."""
        spans = self.none + [(each, began, time.monotonic()) for each, began in self.gone.items()]
        return [span for span in spans for began, ended, lists in store.asked
                if span[1] < began and ended < span[2] and span[0] in lists]


def settled(caller, method, target, json=None):
    answer = caller.settled(method, target, json)
    assert answer.status in (200, 201, 204), answer
    return answer


def test_members_come_and_go_and_lists_to_trash_and_back(fleet):
    owner, member, turns = fleet.person(), fleet.person(), 10 if is_long() else 3
    caller, store, sight = fleet.caller(owner), Store(fleet.caller(member)), Sight(fleet, member)
    storm = Storm(fleet, owner, make_lists(caller, 3))
    shared, (trashed,) = storm.lists[0], make_lists(caller, 1)
    with blowing(storm, writers=3, readers=0) as threads:
        threads.run(store.follow, threads.over)
        sight.set_role(trashed, None, "viewer")
        for turn in range(turns):
            sight.set_role(shared, None, "editor")
            settled(caller, "PATCH", f"/v1/lists/{trashed}", {"title": f"{turn}"})
            until(threads, lambda: {shared, trashed} <= set(store.views), "both are seen")
            sight.set_role(shared, "editor", None)
            settled(caller, "DELETE", f"/v1/lists/{trashed}")
            sight.goes(trashed)
            until(threads, lambda: not store.views, "both are gone")
            writes, syncs = storm.writes, store.syncs
            until(threads, lambda: storm.writes > writes + 50 and store.syncs > syncs + 10, "writes")
            sight.returns(trashed)
            settled(caller, "POST", f"/v1/lists/{trashed}/restore")
        for list_id in storm.lists:
            sight.set_role(list_id, None, "editor")
    check(storm, store)
    assert sight.leaks(store) == [] and len(sight.none) == 2 * turns
    for list_id in (shared, trashed):
        # Told again where something older was open; apart from that, come and gone in turn.
        in_turn = [is_here for is_here, _ in itertools.groupby(store.sights[list_id])]
        assert in_turn == [True, False] * turns + [True]
    assert store.views[shared].members == {owner.id: "owner", member.id: "editor"}


# ---- Pages

def fill(caller, list_id, count):
    """Items by sync, a hundred an answer."""
    client_id = str(uuid7())
    for start in range(0, count, 100):
        ops = [{"op_id": uuid7(), "list_id": list_id, "kind": "add", "base_revision": 0, "item_id": uuid7(),
                "fields": {"text": f"{start + number}"}} for number in range(100)]
        answer = caller.settled("POST", "/v1/sync", {"user_id": caller.person.id, "client_id": client_id,
                                                     "ops": ops})
        assert answer.status == 200, answer
        results = answer.json()["results"].values()
        assert {each["status"] for each in results} == {"applied"}, results


def keep_filling(caller, lists, over):
    for list_id in itertools.cycle(lists):
        if over.is_set():
            break
        fill(caller, list_id, 100)


@pytest.mark.parametrize("is_eager", [False, True])
def test_pages_over_changes_that_go_on(fleet, is_eager):
    """Of lists that are filled, and of lists between them that many write to."""
    person = fleet.person()
    caller, store = fleet.caller(person), Store(fleet.caller(person), is_eager)
    lists = make_lists(caller, 12)
    filled, storm = lists[0::2], Storm(fleet, person, lists[1::2])
    store.sync()
    before = store.syncs
    for list_id in filled:
        fill(caller, list_id, 600)
    assert sum(caller.whole(list_id)["revision"] for list_id in filled) > CHANGES_MAX + 1000
    with blowing(storm, writers=3, readers=0) as threads:
        threads.run(keep_filling, fleet.caller(person), filled, threads.over)
        for number in range(6):
            writes = storm.writes
            until(threads, lambda: storm.writes > writes + 10, "writes")  # pylint: disable=cell-var-from-loop
            store.step()
            assert store.has_more or number > 1
    pages = store.syncs - before
    check(storm, store)
    assert pages > 3 and store.resets == 0

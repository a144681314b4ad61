"""The synchronous replica stops: nothing is acknowledged that it does not have."""
import collections
import time

from cluster import DATABASE, Cluster
from failover import WAITS, problem
from services import Fleet, Together, is_long, make_lists, pause, uuid7, wait_until
from storm import Storm, blowing


def test_no_success_while_the_synchronous_replica_is_stopped():
    with Cluster(replicas=True, memory=True) as cluster, Fleet(cluster) as fleet:
        person = fleet.person()
        storm = Storm(fleet, person, make_lists(fleet.caller(person), 20))
        with blowing(storm):
            wait_until(lambda: storm.writes > 100, 30, "writes")
            cluster.sync.pause()
            pause(0.5)  # What it had confirmed is on its way.
            writes, reads = storm.writes, storm.reads
            pause(20 if is_long() else 9)
            assert storm.writes == writes, "a success that the replica does not have"
            assert storm.reads > reads + 100, "reads do not go on"
            cluster.sync.resume()
            began = time.monotonic()
            wait_until(lambda: storm.writes > writes + 200, 20, "writes")
            print(f"200 writes {time.monotonic() - began:.2f} s after it goes on")
        print(storm.codes)
        assert storm.codes["outcome_unknown"] > 0
        assert storm.judge() == []


def cancel_all(node, over):
    """Whoever waits for the replica is let go, as by an operator in a hurry."""
    while not over.is_set():
        node.sql(f"SELECT pg_cancel_backend(pid) FROM ({WAITS}) AS waiting")
        pause(0.1)


def test_a_cancelled_wait_is_no_success():
    """Nor is a repeat, which finds at the primary what the replica does not have."""
    with Cluster(replicas=True, memory=True) as cluster, Fleet(cluster) as fleet:
        person = fleet.person()
        caller = fleet.caller(person)
        lists = make_lists(caller, 3)
        made = uuid7()
        calls = [("PUT", f"/v1/lists/{lists[0]}/items/{uuid7()}", {"text": "By id"}, None),
                 ("POST", f"/v1/lists/{lists[1]}/items", {"text": "By key"}, uuid7()),
                 ("PATCH", f"/v1/lists/{lists[2]}", {"title": "Renamed"}, uuid7()),
                 ("PUT", f"/v1/lists/{made}", {"title": "Made"}, None)]
        cluster.sync.pause()
        told = []

        def repeat(call, over):
            own = fleet.caller(person)
            while not over.is_set():
                answer = own.once(*call[:3], Idempotency_Key=call[3])
                if answer is not None:
                    told.append((call[0], *problem(answer), answer.header("Idempotent-Replayed")))
                over.wait(0.2)

        with Together() as threads:
            threads.run(cancel_all, cluster.primary, threads.over)
            for call in calls:
                threads.run(repeat, call, threads.over)
            pause(10)
            threads.over.set()
        cluster.sync.resume()
        print(collections.Counter(told))
        assert [each for each in told if each[1] < 300] == []
        for call in calls:
            assert caller.settled(*call[:3], Idempotency_Key=call[3]).status in (200, 201)
        for list_id in lists[:2]:
            assert [item["text"] for item in caller.whole(list_id)["items"]] in (["By id"], ["By key"])


def test_what_a_restart_made_visible_is_no_success():
    """A primary that starts again shows what its replica never had."""
    with Cluster(replicas=True, memory=True) as cluster, Fleet(cluster, 1) as fleet:
        person = fleet.person()
        caller = fleet.caller(person, timeout=15)
        list_id = make_lists(caller, 1)[0]
        target, body = f"/v1/lists/{list_id}/items/{uuid7()}", {"text": "Only here"}
        cluster.sync.kill()
        with Together() as threads:
            threads.run(lambda: fleet.caller(person).once("PUT", target, body))
            wait_until(lambda: cluster.primary.sql(WAITS), 10, "a commit that waits")
            cluster.primary.kill()
        cluster.primary.start()
        told, end = [], time.monotonic() + 6
        while time.monotonic() < end and 200 not in told:
            answer = caller.once("PUT", target, body)
            told.append(answer and answer.status)
        cluster.primary.kill()
        cluster.sync.start().promote()
        items = cluster.sync.sql("SELECT text FROM items", database=DATABASE)
        assert not told.count(200) or items == "Only here", (told, items)

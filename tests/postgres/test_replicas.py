"""Cold reads go to replicas that lag, are cut off and come back; nobody is shown the past."""
import contextlib
import random

from cluster import DATABASE, Cluster
from proxy import Proxy
from services import Fleet, Together, is_long, make_lists, uuid7, wait_until
from sessions import Sessions

SESSIONS, OPERATIONS = 16, 200_000 if is_long() else 20_000
LISTS, ITEMS = 80, 8
USED = 'postgres_replica_used{server="replica-%d"}'
LAG = 'postgres_replica_lag_seconds{server="replica-%d"}'


@contextlib.contextmanager
def with_replicas(*arguments):
    """Two processes that know a replica which is quick and one which is late, each by a proxy."""
    with Cluster(replicas=True, memory=True) as cluster, contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(("127.0.0.1", node.port)))
                   for node in (cluster.sync, cluster.async_)]
        replicas = [cluster.url(port=proxy.port) for proxy in proxies]
        with Fleet(cluster, replicas=replicas, arguments=arguments) as fleet:
            yield cluster, proxies, fleet


def fill(fleet, person) -> tuple:
    """Lists that are too much for a small cache; and of each an item to be changed."""
    lists, first = make_lists(fleet.caller(person), LISTS), {}

    def add(some):
        caller = fleet.caller(person)
        for list_id in some:
            for number in range(ITEMS):
                item = uuid7()
                answer = caller.settled("PUT", f"/v1/lists/{list_id}/items/{item}",
                                        {"text": f"Item {number}", "note": random.randbytes(4000).hex()})
                assert answer.status in (200, 201), answer
                first.setdefault(list_id, item)

    with Together() as threads:
        for part in range(8):
            threads.run(add, lists[part::8])
    return lists, first


def all_used(fleet):
    return all(service.metrics().get(USED % number) == 1 for service in fleet.all for number in (1, 2))


def disturb(proxies, fleet, sessions, over):
    """Replicas are cut off, for a moment or a second, in turn or both; a process starts again."""
    chance, rounds = random.Random(11), 0
    while not over.is_set() and sessions.count < OPERATIONS:
        rounds += 1
        some = proxies if rounds % 4 == 0 else [chance.choice(proxies)]
        for proxy in some:
            proxy.refuse(rounds % 2 == 0)
            proxy.cut()
        over.wait(chance.uniform(0.3, 1.0))
        for proxy in some:
            proxy.refuse(False)
        if rounds % 5 == 0:
            chance.choice(fleet.all).kill()
            for service in fleet.all:
                if not service.is_running():
                    service.start()
        over.wait(0.3)
    return rounds


def violations(cluster, proxies, fleet) -> tuple:
    """What was wrong in all those operations, and how many reads replicas had."""
    person = fleet.person()
    sessions = Sessions(fleet, person, *fill(fleet, person))
    cluster.delay(cluster.async_, 200)
    wait_until(lambda: all_used(fleet), 20, "all replicas are used")
    reads = passed = 0
    with sessions.run(SESSIONS, OPERATIONS) as threads:
        wait_until(lambda: sessions.count > OPERATIONS // 4 or threads.over.is_set(), 300, "a quarter of it")
        reads += sum(service.metric("list_replica_reads_total") for service in fleet.all)
        passed += sum(service.metric("list_replica_passed_over_total") for service in fleet.all)
        disturb(proxies, fleet, sessions, threads.over)
    print(f"{sessions.count} operations, in its first quarter {reads} reads by replicas, {passed} passed "
          f"over; 503: {sessions.codes}")
    return sessions.problems, reads, passed


def test_nobody_is_shown_the_past():
    with with_replicas("--cache-mib", "1") as (cluster, proxies, fleet):
        problems, reads, passed = violations(cluster, proxies, fleet)
        assert problems == []
        assert reads > OPERATIONS // 100 and passed > 0
        wait_until(lambda: all_used(fleet), 20, "all replicas are used again")
        activity = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'lists_service'"
        for node in (cluster.sync, cluster.async_):
            assert int(node.sql(activity, database=DATABASE)) > 0


def test_a_replica_far_behind_is_left_out():
    with with_replicas() as (cluster, _, fleet):
        person = fleet.person()
        caller = fleet.caller(person)
        list_id = make_lists(caller, 1)[0]
        wait_until(lambda: all_used(fleet), 20, "all replicas are used")

        def write_on(over):
            own, number = fleet.caller(person), 0
            while not over.wait(0.1):
                number += 1
                assert own.settled("PATCH", f"/v1/lists/{list_id}", {"title": f"{number}"}).status == 200

        with Together() as threads:
            threads.run(write_on, threads.over)
            cluster.delay(cluster.async_, 3_600_000)
            for service in fleet.all:
                wait_until(lambda one=service: one.metrics()[USED % 2] == 0, 12, "replica 2 is left out")
                assert service.metrics()[LAG % 2] >= 5
                assert service.metrics()[USED % 1] == 1
                assert '"replica left out","replica":2' in service.log()
            cluster.delay(cluster.async_, 0)
            wait_until(lambda: all_used(fleet), 12, "it is used again")
            threads.over.set()
        assert all('"replica in use","replica":2' in service.log() for service in fleet.all)


def test_reads_go_on_without_replicas():
    with with_replicas("--cache-mib", "1") as (cluster, proxies, fleet):
        person = fleet.person()
        caller = fleet.caller(person)
        lists, _ = fill(fleet, person)
        wait_until(lambda: all_used(fleet), 20, "all replicas are used")
        cluster.drop_synchronous()
        proxies[0].black_hole()
        cluster.async_.kill()
        for list_id in lists:
            assert len(caller.whole(list_id)["items"]) == ITEMS
        for service in fleet.all:
            wait_until(lambda one=service: one.metrics()[USED % 1] == one.metrics()[USED % 2] == 0, 10,
                       "none is used")
        for list_id in lists:
            answer = caller.once("GET", f"/v1/lists/{list_id}")
            assert answer.status == 200, answer

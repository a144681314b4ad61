"""Writes that only the old primary, or a replica of it, had: nobody shows them, nothing is built on them."""
from cluster import DATABASE
from failover import WAITS, behind_a_proxy, is_answer, lead, way_of_the_log
from services import Together, make_lists, pause, replay, run, wait_until


def test_a_replica_of_the_lost_history_is_not_read():
    """It cannot follow the promoted one, stays up, and knows more than the primary ever had."""
    with behind_a_proxy(1, ["sync"]) as (cluster, proxy, fleet), way_of_the_log(cluster) as wal:
        person, service = fleet.person(), fleet.all[0]
        cluster.follow(cluster.async_, port=wal.port)
        cluster.wait_streaming("async")
        caller = fleet.caller(person)
        lists = make_lists(caller, 10)
        cluster.wait_caught_up(cluster.async_)
        wal.freeze()
        for list_id in lists:
            assert caller.settled("PATCH", f"/v1/lists/{list_id}", {"title": "Lost"}).revision == 2
        cluster.wait_caught_up(cluster.sync)
        cluster.primary.kill()
        service.kill()
        cluster.async_.promote()
        run("epoch", "bump", "--database", cluster.url("lists_owner", cluster.async_))
        cluster.follow(cluster.sync, cluster.async_)
        lead(proxy, cluster.async_)
        service.start()
        wait_until(lambda: service.metric("postgres_replica_lag_seconds") < 1e6, 5, "the replica is judged")
        pause(1.5)
        for list_id in lists * 3:
            answer = caller.settled("GET", f"/v1/lists/{list_id}")
            assert (answer.json()["revision"], answer.json()["title"] != "Lost") == (1, True), answer


def test_a_replica_that_was_ahead_of_the_promoted_one_is_not_read():
    """It holds a write that nobody was told of, and cannot follow: the same revision is another's now."""
    with behind_a_proxy(1, ["async"]) as (cluster, proxy, fleet), way_of_the_log(cluster) as wal:
        person, service = fleet.person(), fleet.all[0]
        caller = fleet.caller(person, timeout=15)
        list_id = make_lists(caller, 1)[0]
        target = f"/v1/lists/{list_id}"
        cluster.follow(cluster.sync, port=wal.port)
        cluster.wait_streaming("sync", state="sync")
        cluster.wait_caught_up(cluster.sync)
        wal.freeze()
        with Together() as threads:
            threads.run(lambda: fleet.caller(person).once("PATCH", target, {"title": "Never told"}))
            query = "SELECT title FROM lists"
            wait_until(lambda: cluster.async_.sql(query, database=DATABASE) == "Never told", 10,
                       "the other replica has it")
            cluster.primary.kill()
            service.kill()
        cluster.sync.promote()
        cluster.follow(cluster.async_, cluster.sync)
        lead(proxy, cluster.sync)
        service.start()
        pause(1.5)
        assert caller.whole(list_id)["title"] == "List 0"
        written = caller.settled("PATCH", target, {"title": "Told"})
        assert (written.status, written.revision) == (200, 2)
        service.kill()
        service.start()
        pause(1.5)
        assert caller.whole(list_id, Min_Revision=2)["title"] == "Told"


def test_what_is_in_memory_of_a_lost_history_is_not_shown():
    """Read from a primary that its replica had not followed; the same revision is another's now."""
    with behind_a_proxy(2) as (cluster, proxy, fleet):
        person, (first, second) = fleet.person(), fleet.all
        caller = fleet.caller(person, timeout=15)
        list_id = make_lists(caller, 1)[0]
        target = f"/v1/lists/{list_id}"
        cluster.sync.kill()
        with Together() as threads:
            own = fleet.caller(person)
            threads.run(lambda: own.once("PATCH", target, {"title": "Never told"}, service=second))
            wait_until(lambda: cluster.primary.sql(WAITS), 10, "a commit that waits")
            cluster.primary.kill()
        cluster.primary.start()
        wait_until(lambda: is_answer(caller.once("GET", target, service=first)), 10, "a reader")
        cluster.primary.kill()
        cluster.sync.start().promote()
        lead(proxy, cluster.sync)
        second.kill()
        second.start()
        body = {"title": "Told"}
        written = wait_until(lambda: is_answer(caller.once("PATCH", target, body, service=second)), 20,
                             "a write")
        assert (written.status, written.revision) == (200, 2), written
        shown = wait_until(lambda: is_answer(caller.once("GET", target, service=first, Min_Revision=2)),
                           20, "a read")
        # And nothing is decided on it.
        written = caller.once("PATCH", target, {"archived": True}, service=first)
        assert (written.status, written.revision) == (200, 3), written
        replay.check_log(caller.log(list_id), list_id, caller.whole(list_id, Min_Revision=3), person.id)
        assert shown.json()["title"] == written.json()["title"] == "Told", shown

"""Servers and processes are killed while many write: what was acknowledged is there, once."""
import random
import re

from cluster import Cluster
from services import Fleet, is_long, make_lists, wait_until
from storm import Storm, blowing

LISTS = 20
SECONDS = 180 if is_long() else 20


def kill_one(fleet, chance):
    """The primary or a process, and starts it again."""
    victim = chance.choice([fleet.cluster.primary, *fleet.all])
    victim.kill()
    victim.start()


def blow(storm, seconds, chance):
    """The storm, in which something dies every 2 to 4 seconds. How many did."""
    deaths = 0
    with blowing(storm) as threads:
        left = seconds
        while left > 0 and not threads.over.is_set():
            rest = min(left, chance.uniform(2, 4))
            threads.over.wait(rest)
            left -= rest
            if left > 0 and not threads.over.is_set():
                kill_one(storm.fleet, chance)
                deaths += 1
    return deaths


def test_nothing_acknowledged_is_lost_or_doubled():
    with Cluster(replicas=True, memory=True) as cluster, Fleet(cluster) as fleet:
        person = fleet.person()
        storm = Storm(fleet, person, make_lists(fleet.caller(person), LISTS))
        deaths = blow(storm, SECONDS, random.Random(7))
        print(f"{storm.writes} writes, {storm.reads} reads, {storm.codes} repeats, {deaths} deaths")
        assert deaths >= SECONDS // 5 and storm.writes > 10 * SECONDS and storm.reads > 10 * SECONDS
        assert storm.judge() == []
        cluster.wait_caught_up(cluster.sync)
        query = "SELECT id, revision, item_count, (SELECT count(*) FROM changes) FROM lists ORDER BY id"
        assert cluster.sync.sql(query, database="devops_demo_service") == \
            cluster.primary.sql(query, database="devops_demo_service")


def find_losses():
    """The same with commits that are not on disk when they are acknowledged."""
    with Cluster(memory=True) as cluster, Fleet(cluster) as fleet:
        cluster.primary.set(synchronous_commit="off", wal_writer_delay="1000ms")
        person = fleet.person()
        for number in range(10):
            storm = Storm(fleet, person, make_lists(fleet.caller(person), LISTS), seed=number)
            with blowing(storm, readers=0):
                wait_until(lambda now=storm: now.writes > 200, 30, "writes")
                cluster.primary.kill()
                cluster.primary.start()
            problems = storm.judge()
            lost = [problem for problem in problems if re.search("lost|revision_ahead", problem)]
            if lost:
                return lost
            assert not problems, problems
        return []


if is_long():
    def test_the_judge_finds_losses():
        assert find_losses() != []

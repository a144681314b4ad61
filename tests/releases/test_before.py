"""The release before runs on the schema after: alone, and beside the new one, as while it is rolled out.
What a migration must not do then (drop, rename, demand more) is found by the same checks.
"""
import pytest

import suite
from builds import PROGRAM, ROOT, build
from cluster import Cluster
from services import BINARY, Fleet, is_long, make_lists, replay, run, wait_until
from storm import Storm, blowing
from tour import Tour

RENAMED = "ALTER TABLE lists RENAME COLUMN title TO name"
BREAKING = {"renamed": RENAMED,
            "dropped": "ALTER TABLE sessions DROP COLUMN history",
            "demanded": "ALTER TABLE lists ADD COLUMN colour text NOT NULL",
            "narrowed": "ALTER DOMAIN item_text ADD CHECK (VALUE <> 'Once')"}
HARMLESS = """
    ALTER TABLE lists ADD COLUMN colour text NOT NULL DEFAULT 'none';
    ALTER TABLE users ADD COLUMN born date;
    CREATE TABLE more (id bigint PRIMARY KEY);
    CREATE INDEX items_by_revision ON items (list_id, revision);
    """


@pytest.fixture(name="before", scope="session")
def fixture_before():
    """The folder of its sources."""
    return build("before")


@pytest.fixture(name="cluster", scope="module")
def fixture_cluster():
    with Cluster(memory=True) as cluster:
        yield cluster


def fleet_on(cluster, name, binaries, change="") -> Fleet:
    """On a database of its own, migrated by the new program and then so changed."""
    cluster.fresh_database(name)
    run("migrate", "--database", cluster.url("lists_owner", database=name))
    cluster.primary.sql(change, database=name)
    return Fleet(cluster, migrate=False, binaries=binaries, database=cluster.url(database=name))


# ---- Alone

def test_its_own_black_box_tests_pass(before, tmp_path):
    told = suite.run(before, suite.program(tmp_path / "lists", before / PROGRAM),
                     ROOT / "build" / "test-results" / "releases-before.xml",
                     "tests/blackbox", "--ignore", "tests/blackbox/test_openapi.py")
    assert not told.failed and len(told.passed) > 300, told.output[-10000:]


def test_they_find_a_renamed_column(before, tmp_path):
    told = suite.run(before, suite.program(tmp_path / "lists", before / PROGRAM, RENAMED), tmp_path / "report.xml",
                     "tests/blackbox/test_lists.py", "tests/blackbox/test_cookies.py")
    assert any(name.startswith("test_lists::") for name in told.failed), told.output[-10000:]
    assert any(name.startswith("test_cookies::") for name in told.passed), told.output[-10000:]


# ---- Side by side

def test_old_and_new_go_on_with_what_the_other_wrote(before, cluster):
    with fleet_on(cluster, "both", [before / PROGRAM, BINARY]) as fleet:
        for _ in range(3 if is_long() else 1):
            Tour(*fleet.all).run()
            Tour(*fleet.all[::-1]).run()


def test_old_and_new_write_the_same_lists(before):
    with Cluster(memory=True) as cluster, Fleet(cluster, binaries=[before / PROGRAM, BINARY] * 2) as fleet:
        person = fleet.person()
        storm = Storm(fleet, person, make_lists(fleet.caller(person), 5))
        with blowing(storm):
            wait_until(lambda: storm.writes > (10000 if is_long() else 1000) or storm.problems, 300, "writes")
        print(storm.codes)
        assert storm.judge() == []


def test_what_a_migration_may_do_is_no_problem(before, cluster):
    with fleet_on(cluster, "harmless", [before / PROGRAM] * 2, HARMLESS) as fleet:
        Tour(*fleet.all).run()


@pytest.mark.parametrize("what", BREAKING)
def test_what_a_migration_must_not_do_is_found(before, cluster, what):
    with fleet_on(cluster, what, [before / PROGRAM] * 2, BREAKING[what]) as fleet:
        with pytest.raises((AssertionError, replay.Broken)) as found:
            Tour(*fleet.all).run()
        print(found.value)
        assert '"sqlstate":' in fleet.log(), "it failed of something else"

"""With the guard taken out of the batch the black-box tests fail: that nothing is lost is its doing, and
they would see it if it were.

The log's primary key stands behind it: two changes of one revision cannot both be kept, so what would be
lost is refused. Without that key too, updates are lost; with the guard alone, none is.
"""
import re

import pytest

import suite
from builds import PROGRAM, ROOT, build
from services import BINARY

TESTS = "tests/blackbox/test_concurrency.py"
MANY = "test_concurrency::test_64_clients_on_one_list"
LOST = {MANY: "each write has a revision of its own",
        "test_concurrency::test_optimistic_writers_lose_no_update": r"'\d+' == '\d+'"}  # Fewer were counted.
ALONE = "test_concurrency::test_one_address_is_taken_once"  # Of no list: it must work as ever.
NO_KEY = "ALTER TABLE changes DROP CONSTRAINT changes_pkey; CREATE INDEX ON changes (list_id, revision)"


@pytest.fixture(name="unguarded", scope="session")
def fixture_unguarded():
    return build("unguarded") / PROGRAM


def told_of(tmp_path, binary, change=""):
    return suite.run(ROOT, suite.program(tmp_path / "lists", binary, change), tmp_path / "report.xml", TESTS)


def test_without_the_guard_the_tests_of_many_writers_fail(unguarded, tmp_path):
    told = told_of(tmp_path, unguarded)
    assert MANY in told.failed and ALONE in told.passed, told.output[-10000:]
    assert re.search("^E .*503", told.failed[MANY], re.MULTILINE), told.failed[MANY]


def test_without_the_guard_and_the_log_s_key_updates_are_lost(unguarded, tmp_path):
    told = told_of(tmp_path, unguarded, NO_KEY)
    assert MANY in told.failed and ALONE in told.passed, told.output[-10000:]
    assert any(re.search(f"^E .*{lost}", told.failed.get(name, ""), re.MULTILINE) for name, lost in LOST.items()), \
        told.output[-10000:]


def test_the_guard_alone_is_enough(tmp_path):
    told = told_of(tmp_path, BINARY, NO_KEY)
    assert not told.failed and {MANY, ALONE} <= told.passed, told.output[-10000:]

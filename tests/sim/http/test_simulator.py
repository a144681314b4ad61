"""Clients of the page against the real service, at random: see driver/simulation.ts. A seed that fails is
named in its error; `simulate.py --on sqlite --seed N --ops M` runs it again.
"""
import os

import pytest

from harness import Failed, Run

SEEDS = range(1, 21 if os.environ.get("LISTS_TEST_LONG") else 3)
OPS = 20_000
KILLS = 0.04
RETENTION = {seed: (3, 9, 1)[seed // 2 % 3 - 1] for seed in SEEDS if seed % 2 == 0}
DATABASES = ("sqlite", "postgres")
# What each seed must have met, or it tested nothing; what only some meet is not among it.
MET = ["applied", "merged", "overridden", "skipped", "refused forbidden", "repeats answered", "calls repeated",
       "transfers in both logs", "kills", "views that agree", "sightings", "acknowledged ops in the log",
       "acknowledged calls in the log", "refused item_moved", "brought in", "overridden values kept", "call purge",
       "saved and loaded", "restored from an old copy", "member changes", "refused purged",
       "refused list_trashed", "refused not_revertible", "call revert", "call transfer"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("database", DATABASES)
def test_all_come_to_hold_the_same(database, seed, tmp_path, capsys):
    run = Run(database, seed, OPS, retention=RETENTION.get(seed), kills=KILLS, folder=tmp_path)
    counts = run.run()
    met = [*MET, "replays from where the log begins" if seed in RETENTION else "logs judged"]
    with capsys.disabled():
        told = ("changes", "sync", "acknowledged ops in the log", "repeats answered", "sightings", "kills", "seconds")
        print(f"\n{database} seed {seed}: " + ", ".join(f"{counts.get(name, 0)} {name}" for name in told))
    assert not [name for name in met if not counts.get(name)], counts


@pytest.mark.parametrize("lie", ["lost op", "another result", "a gap", "another value", "somebody else's"])
def test_a_lie_is_found(lie, tmp_path):
    with pytest.raises(Failed, match="Error: "):
        Run("sqlite", 5, 200, lie=lie, kills=0, folder=tmp_path).run()

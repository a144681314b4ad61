#!/usr/bin/env python3
"""One seed of the simulator over HTTP, or several: simulate.py [--on sqlite|postgres] [--seed N] [--seeds N]
[--ops N] [--retention SECONDS] [--kills SHARE]
"""
import argparse
import json
import sys

from harness import Failed, Run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", default="sqlite", choices=("sqlite", "postgres"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ops", type=int, default=1000)
    parser.add_argument("--retention", type=int)
    parser.add_argument("--kills", type=float, default=0.05)
    parser.add_argument("--tolerate", action="append", default=[])
    parser.add_argument("--lie")
    options = parser.parse_args()
    bad = 0
    for seed in range(options.seed, options.seed + options.seeds):
        try:
            print(json.dumps(Run(options.on, seed, options.ops, retention=options.retention,
                                 kills=options.kills, tolerated=options.tolerate,
                                 lie=options.lie).run(), indent=1))
        except Failed as failed:
            bad += 1
            print(f"FAILED {failed}", flush=True)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())

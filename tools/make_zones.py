#!/usr/bin/env python3
"""Writes src/http/zones.inc: the names of the IANA time zone database, sorted.

Usage: tools/make_zones.py > src/http/zones.inc    (needs Debian's tzdata)
"""

import pathlib

ROOT = pathlib.Path("/usr/share/zoneinfo")
NOT_ZONES = {"localtime", "posixrules", "Factory"}


def zones():
    for path in ROOT.rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if name.split("/")[0] in {"posix", "right"} or name in NOT_ZONES or not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(4) == b"TZif":
                yield name


for each in sorted(zones()):
    print(f'    "{each}",')

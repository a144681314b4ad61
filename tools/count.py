#!/usr/bin/env python3
"""Counts the tests of JUnit reports: prints `PASSED FAILED` and names what failed.

Usage: tools/count.py REPORT.xml...
A test that was skipped counts as failed: nothing may pass by not running. A report that is missing
or broken, or that names no test, is one failure. Exits with 1 if anything failed.
"""

import sys
import xml.etree.ElementTree as ET


def count(path):
    """The report's passed and failed tests, the latter by name."""
    passed, failed = 0, []
    try:
        cases = list(ET.parse(path).getroot().iter("testcase"))
    except (OSError, ET.ParseError) as error:
        return 0, [f"{path}: {error}"]
    for case in cases:
        name = f"{case.get('classname', '')} {case.get('name', '')}".strip()
        bad = [kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None]
        if bad or case.get("status") in ("fail", "disabled", "notrun"):
            failed.append(f"{name} ({bad[0] if bad else case.get('status')})")
        else:
            passed += 1
    return passed, failed or ([] if cases else [f"{path}: no test ran"])


def main():
    passed, failed = 0, []
    for path in sys.argv[1:]:
        more, bad = count(path)
        passed += more
        failed += bad
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    print(passed, len(failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The black-box tests, run as a whole on some program and a PostgreSQL server of their own."""
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree

from builds import ROOT
from cluster import BIN
from services import BINARY


class Told:
    """What a run told: how many passed, and of those that did not the text by name."""

    def __init__(self, report, output):
        self.passed, self.failed, self.output = set(), {}, output
        if not report.exists():
            return
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname').rsplit('.', 1)[-1]}::{case.get('name')}"
            bad = [each for each in case if each.tag in ("failure", "error", "skipped")]
            if bad:
                self.failed[name] = "\n".join(f"{each.get('message')}\n{each.text}" for each in bad)
            else:
                self.passed.add(name)


def program(path, binary, change=""):
    """A program that is `binary`, but migrates as the tested one does; then comes the SQL `change`."""
    migrate, psql = shlex.quote(BINARY), shlex.join([str(BIN / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"])
    path.write_text(f"""#!/bin/sh
if [ "$1" = migrate ]; then
  {migrate} "$@" && exec {psql} -c {shlex.quote(change)} "$3"
fi
exec {shlex.quote(str(binary))} "$@"
""", "utf-8")
    path.chmod(0o755)
    return path


def run(tests, binary, report, *what) -> Told:
    """`tests`: the folder of the sources whose tests they are. Plain counts, over two processes."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("LISTS_", "PYTEST_", "PG"))}
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    with subprocess.Popen(
            [sys.executable, ROOT / "tests" / "postgres" / "cluster.py", "run", "--memory", "--set",
             "max_connections=400", "--", sys.executable, "-m", "pytest", "-c", "tests/blackbox/pytest.ini",
             "-q", "-m", "not alone and not embedded", f"--junitxml={report}", *what],
            cwd=tests, env={**kept, "LISTS_BIN": str(binary), "LISTS_TEST_ON": "postgres"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output, _ = process.communicate()
    return Told(report, output)

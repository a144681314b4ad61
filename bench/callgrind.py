"""Instructions that a request costs, counted by callgrind: the same for the same program and inputs, on
a busy machine too. Valgrind shows every program the same processor, so the machine hardly matters."""
import pathlib
import re
import shutil
import subprocess
import time

import data
from harness import LOAD_CORE, SERVER_CORE, WORK

# Cryptography, and the C library, in which argon2 fills and wipes its 19 MiB.
OUTSIDE = re.compile(r"lib(argon2|crypto|c)\.so")


class Counted:
    """The program on a folder, or on what `serve` starts it on, under callgrind."""

    def __init__(self, folder, *arguments, serve=data.serve):
        self.out = WORK / "callgrind"
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        wrap = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}/out.%p", "--dump-line=no",
                "--compress-strings=no", "--compress-pos=no"]
        self.program = serve(folder, "--loops", "1", *arguments, cores=(SERVER_CORE, LOAD_CORE), wrap=wrap,
                             log="callgrind.log")
        self.port = self.program.port
        self.idle_rates = {}

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.program.stop()

    def control(self, what):
        subprocess.run(["callgrind_control", what, str(self.program.pid)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def idle(self, without):
        """Instructions a second of a service that nobody asks: its timers."""
        if without not in self.idle_rates:
            seconds = 3.0
            self.control("--zero")
            time.sleep(seconds)
            self.idle_rates[without] = total(self.dump(), without) / seconds
        return self.idle_rates[without]

    def dump(self):
        before = set(self.out.iterdir())
        self.control("--dump")
        self.last = (set(self.out.iterdir()) - before).pop()
        return self.last

    def count(self, calls, without=None):
        """Instructions a call of all that `calls` sends: a function that makes them and returns how many.
        `without`: objects whose own instructions do not count. What timers do meanwhile is taken off."""
        idle = self.idle(without)
        self.control("--zero")
        began = time.monotonic()
        made = calls()
        took = time.monotonic() - began
        return (total(self.dump(), without) - idle * took) / made


def total(dump, without):
    """Of a dump: all instructions, but those of the objects named."""
    instructions, is_counted, is_call = 0, True, False
    for line in pathlib.Path(dump).read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            is_counted = not (without and without.search(line))
        elif line.startswith("calls="):
            is_call = True  # The next line tells what the called function cost, which is told there.
        elif line[:1].isdigit():
            if is_call:
                is_call = False
            elif is_counted:
                instructions += int((line.split() + ["0"])[1])  # A cost of nothing is left out.
    return instructions

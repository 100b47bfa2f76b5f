# SPDX-License-Identifier: MIT
"""Traces storms for a long time, and beside them makes short runs of every kind, over and over. Prints a table; fails where a record
is not the truth, the tracer grows, or anything of ours is left in the kernel.

usage: soak.py SECONDS [SEED]   (environment: see tests/e2e/harness.py)
"""

import collections
import contextlib
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import harness

STORMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "storms.py")
RATE = 60 if harness.SANITIZED else 300  # processes a second of the long run: its records are to fit the disk


def require(condition, what):
    if not condition:
        raise AssertionError(what)


class KernelObjects:
    """Programs, maps and links that tracers of ours were seen to hold, by their ids; ids do not come again."""

    def __init__(self):
        self.seen = collections.defaultdict(set)

    def look_at(self, pid):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with contextlib.suppress(OSError):
                    with open(f"/proc/{pid}/fdinfo/{fd}") as file:
                        for kind, number in re.findall(r"(?m)^(prog|map|link)_id:\s*(\d+)", file.read()):
                            self.seen[kind].add(int(number))

    @staticmethod
    def all(kind):
        """Without arrays of programs: the kernel (6.18) never frees one that somebody, bpftool say, looks at while it is released."""
        done = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, text=True)
        return {entry["id"] for entry in json.loads(done.stdout or "[]") if entry.get("type") != "prog_array"}

    def left(self):
        """What is still there; the kernel takes its time to free them, and is better not looked at meanwhile."""
        time.sleep(1)
        deadline = time.monotonic() + 20
        while True:
            found = {kind: sorted(numbers & self.all(kind)) for kind, numbers in self.seen.items()}
            if not any(found.values()) or time.monotonic() > deadline:
                return {kind: numbers for kind, numbers in found.items() if numbers}
            time.sleep(0.5)

    def count(self):
        return sum(map(len, self.seen.values()))


class Watch(threading.Thread):
    """What the long run's tracer takes, twice a second."""

    def __init__(self, pid, objects):
        super().__init__(daemon=True)
        self.pid, self.objects, self.over = pid, objects, threading.Event()
        self.rss_kb, self.fds, self.threads = [], [], []

    def run(self):
        while not self.over.wait(0.5):
            with contextlib.suppress(OSError):
                rss, threads = harness.status_kb(self.pid, "VmRSS"), harness.status_kb(self.pid, "Threads")
                fds = len(os.listdir(f"/proc/{self.pid}/fd"))
                if rss:
                    self.rss_kb.append(rss)
                    self.threads.append(threads)
                    self.fds.append(fds)
            self.objects.look_at(self.pid)


def fifth(values, number):
    size = max(len(values) // 5, 1)
    return values[number * size : (number + 1) * size] or values[-1:]


class Soak:
    def __init__(self, seconds, seed, directory):
        self.seconds, self.dir = seconds, directory
        self.random = random.Random(seed)
        self.objects = KernelObjects()
        self.mark = f"soak-{os.getpid()}-{seed}"
        self.runs, self.processes = collections.Counter(), 0
        self.spilled = 0
        self.number = 0
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DUCT_", "SUDO_"))}
        self.environment.update({harness.MARK: self.mark, "HOME": directory, "LC_ALL": "C"})

    # --- one short run ---

    def start(self, *words):
        self.number += 1
        prefix = f"{self.number}_"
        process = subprocess.Popen([harness.BIN, "-q", "--fail-time", "0", "-p", prefix, *words], cwd=self.dir, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return process, prefix

    def finish(self, started):
        process, prefix = started
        self.objects.look_at(process.pid)
        _, stderr = process.communicate(timeout=harness.PATIENCE)
        run = harness.Run(self.dir, prefix, process.returncode, b"", stderr, process.pid, 0, 0, 0)
        require("Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr)
        return run

    def check(self, run, status, processes, exact=True):
        require(run.status == status, f"{run.prefix}: status {run.status}, not {status}: {run.stderr}")
        complete = run.completeness
        if exact:
            require(complete["exact"] is True, f"{run.prefix}: {complete}")
            require(len(run.processes) == processes, f"{run.prefix}: {len(run.processes)} processes, not {processes}")
            self.processes += processes
            self.spilled += complete["spilled"]
        for name in os.listdir(self.dir):
            if name.startswith(run.prefix):
                os.unlink(os.path.join(self.dir, name))

    def one(self, words, status, processes, exact=True):
        self.check(self.finish(self.start(*words)), status, processes, exact)

    # --- kinds of short runs ---

    def plain(self):
        self.one(["/bin/true"], 0, 1)

    def forks(self):
        count, code = self.random.randint(1, 500), self.random.randint(1, 99)
        self.one(["--", harness.fixture("forkstorm"), str(count), str(code)], 0, count + 1)

    def tiny_ring(self):
        count = harness.scaled(2000)
        self.one(["--ring-size", "4K", "--", harness.fixture("forkstorm"), str(count)], 0, count + 1)

    def exact_memory(self):
        self.one(["--memory", "exact", "--pss", "--", harness.fixture("touch"), "20", "free"], 0, 1)

    def terminal(self):
        self.one(["--pty", "-o", "none", "sh", "-c", "/bin/true; exit 5"], 5, 2)

    def as_user(self):
        self.one(["--user", "nobody", "id"], 0, 1)

    def sampled(self):
        self.one(["--sampler", "procfs", "--sample-interval", "0.01", "--", "sleep", "0.05"], 0, 1, exact=False)

    def no_such_command(self):
        run = self.finish(self.start("no-such-command-at-all"))
        require(run.status == 127, f"status {run.status} of a command that does not exist")

    def terminated(self):
        started = self.start("sleep", "60")
        self.wait_for_child(started[0].pid)
        started[0].terminate()
        self.check(self.finish(started), 143, 1)

    def killed(self):
        """The tracer by SIGKILL: the command goes on, what is in the files is whole, and nothing stays in the kernel (see left())."""
        started = self.start("sh", "-c", "for i in 1 2 3 4 5; do /bin/true; done; sleep 0.3")
        self.wait_for_child(started[0].pid)
        time.sleep(self.random.random() * 0.2)
        self.objects.look_at(started[0].pid)
        started[0].kill()
        run = self.finish(started)
        for line in (run.read("processes.jsonl") or b"").splitlines():
            json.loads(line)

    def attached(self):
        sleeper = subprocess.Popen(["sleep", "60"], env=self.environment)
        try:
            self.one(["--attach", str(sleeper.pid), "--duration", "0.1"], 0, 1)
        finally:
            sleeper.kill()
            sleeper.wait()

    def parallel(self):
        counts = [self.random.randint(50, 300) for _ in range(5)]
        started = [self.start("--", harness.fixture("forkstorm"), str(count)) for count in counts]
        for each, count in zip(started, counts):
            self.check(self.finish(each), 0, count + 1)

    def wait_for_child(self, pid):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    children = file.read().split()
                if children and os.readlink(f"/proc/{children[0]}/exe") != os.path.realpath(harness.BIN):
                    return
            time.sleep(0.005)
        raise AssertionError("the command was not started")

    # --- the whole ---

    def short_runs_until(self, deadline, still_there):
        kinds = [self.plain, self.forks, self.tiny_ring, self.exact_memory, self.terminal, self.as_user, self.sampled, self.no_such_command,
                 self.terminated, self.killed, self.attached, self.parallel]
        order = []
        while time.monotonic() < deadline and still_there():
            order = order or self.random.sample(kinds, len(kinds))
            kind = order.pop()
            try:
                kind()
            except AssertionError as failure:
                raise AssertionError(f"short run, {kind.__name__}: {failure}") from failure
            self.runs[kind.__name__] += 1

    def check_long_run(self, run, truth):
        require(run.status == 0, f"the long run: status {run.status}: {run.stderr}")
        require(run.completeness["exact"] is True, run.completeness)
        endings, threads, lines = collections.Counter(), 0, 0
        with open(run.path("processes.jsonl"), "rb") as file:
            for line in file:
                process = json.loads(line)
                lines += 1
                endings[f"signal {process['exit_signal']}" if "exit_signal" in process else str(process["exit_code"])] += 1
                threads = max(threads, process["max_threads"])
        require(lines == truth["processes"] == run.summary["num_processes"], f"{lines} records of {truth['processes']} processes")
        require(dict(endings) == truth["endings"], f"endings {endings}, not {truth['endings']}")
        require(threads == truth["max_threads"], f"{threads} threads, not {truth['max_threads']}")
        error = abs(run.summary["cpu_time"] - truth["cpu"])
        require(error <= 0.01 * truth["cpu"] + 0.1, f"CPU time {run.summary['cpu_time']}, not {truth['cpu']}")

    def check_tracer(self, watch):
        early, late = max(fifth(watch.rss_kb, 1)), max(fifth(watch.rss_kb, 4))
        if not harness.SANITIZED:  # whose allocator keeps what is freed
            require(late <= early * 1.15 + 2048, f"the tracer grew from {early} to {late} KiB")
        for name, values in (("descriptors", watch.fds), ("threads", watch.threads)):
            early, late = max(fifth(values, 1)), max(fifth(values, 4))
            require(late <= early + 2, f"the tracer's {name} grew from {early} to {late}")  # open for the moment of a look

    def run(self):
        os.chmod(self.dir, 0o777)
        before = {kind: len(KernelObjects.all(kind)) for kind in ("prog", "map", "link")}
        started = time.monotonic()
        long_run = self.start("-o", "none", "--sample-interval", "0.2", "--report-interval", "5", "--",
                              harness.PYTHON, "-B", STORMS, str(self.seconds), str(self.random.randrange(1000)), str(RATE), harness.FIXTURES)
        watch = Watch(long_run[0].pid, self.objects)
        watch.start()
        try:
            self.short_runs_until(started + self.seconds, lambda: long_run[0].poll() is None)
            run = self.finish(long_run)
        finally:
            watch.over.set()
            watch.join()
            for process in harness.DuctTest.marked(self):
                os.kill(process, signal.SIGKILL)
        truth = run.lines("stdout")[-1]
        left = self.objects.left()
        self.report(run, truth, watch, before, left)
        self.check_long_run(run, truth)
        self.check_tracer(watch)
        require(not left, f"left in the kernel: {left}")

    def report(self, run, truth, watch, before, left):
        after = {kind: len(KernelObjects.all(kind)) for kind in before}
        complete, summary = run.completeness, run.summary
        rows = {
            "kernel": platform.release(),
            "seconds": f"{summary['wall_clock_time']:.0f}",
            "storms": ", ".join(f"{count} {name}" for name, count in sorted(truth["storms"].items())),
            "processes of the long run, recorded / true": f"{summary['num_processes']} / {truth['processes']}",
            "kinds of exit code and signal among them": str(len(truth["endings"])),
            "their CPU time, recorded / wait4's": f"{summary['cpu_time']:.3f} s / {truth['cpu']:.3f} s",
            "lost / came late by the spill maps": f"{sum(v for k, v in complete.items() if k.startswith('lost_'))} / {complete['spilled']}",
            "CPU of the tracer": f"{run.info['tracer']['overhead_cpu']:.2f} s",
            "memory of the tracer, highest in each fifth": ", ".join(f"{max(fifth(watch.rss_kb, i)) / 1024:.1f}" for i in range(5)) + " MiB",
            "its descriptors, in each fifth": ", ".join(str(max(fifth(watch.fds, i))) for i in range(5)),
            "its threads, in each fifth": ", ".join(str(max(fifth(watch.threads, i))) for i in range(5)),
            "short runs beside it": f"{self.runs.total()}: " + ", ".join(f"{count} {name}" for name, count in sorted(self.runs.items())),
            "their processes, all recorded": f"{self.processes}, {self.spilled} late by the spill maps",
            "BPF programs, maps, links that were held / are left": f"{self.objects.count()} / {sum(map(len, left.values()))}",
            "all of the machine before / after": ", ".join(f"{before[k]} / {after[k]} {k}s" for k in before),
        }
        print("| what | |\n|---|---|")
        for name, value in rows.items():
            print(f"| {name} | {value} |")


def main():
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if why := harness.missing_requirement():
        print(f"BPF cannot work here: {why}", file=sys.stderr)
        sys.exit(1 if os.environ.get("DUCT_BPF_REQUIRE_BPF") == "1" else 77)
    directory = tempfile.mkdtemp(prefix="duct-bpf-soak-")
    try:
        Soak(seconds, seed, directory).run()
    except AssertionError as failure:
        sys.exit(f"soak: {failure}\nsoak: the records are in {directory}")
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()

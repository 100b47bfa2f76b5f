# SPDX-License-Identifier: MIT
"""The workloads, in the sizes that the machine allows, and what is true of each by construction."""

import collections.abc
import dataclasses
import glob
import os
import resource
import subprocess
import sys

SLEEPER_BYTES = 250 << 10  # what a forked process costs the machine, page tables and kernel stack included


@dataclasses.dataclass
class Workload:
    name: str  # for --only, which also takes what is before the dash
    title: str
    argv: list[str]
    processes: int | None = None  # by construction; None: the program says it
    rounds_factor: float = 1.0  # of short ones more, of long ones fewer
    limit_s: float = 60.0
    outside: bool = False  # runs beside the tool, which looks at a command that sleeps
    prepare: collections.abc.Callable | None = None  # before each run
    note: str = ""  # such as: scaled down


@dataclasses.dataclass
class Machine:
    available_bytes: int
    max_processes: int


def this_machine():
    with open("/proc/meminfo") as file:
        available = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:")) * 1024
    with open("/proc/sys/kernel/pid_max") as file:
        processes = int(file.read())
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return Machine(available, processes if limit == resource.RLIM_INFINITY else min(processes, limit))


def affordable_mb(wanted_mb, machine):
    """Never more than half of what is available; and a note where that is less than wanted."""
    affordable = machine.available_bytes // 2 >> 20
    if wanted_mb <= affordable:
        return wanted_mb, ""
    return affordable, f"{affordable} MB in place of {wanted_mb}: not more than half of the available memory"


def affordable_sleepers(wanted, machine):
    affordable = min(machine.max_processes // 2, machine.available_bytes // 2 // SLEEPER_BYTES)
    if wanted <= affordable:
        return wanted, ""
    return affordable, f"{affordable} in place of {wanted}: memory or the limit of processes"


def remove_built(folder):
    for pattern in ("*.o", "*.a", "program"):
        for path in glob.glob(os.path.join(folder, pattern)):
            os.unlink(path)


def make_project(folder, fixtures, files, functions):
    """Writes the project; its build's number of processes: make; gcc, cc1, as for each file; rm, ar; gcc, collect2, ld."""
    generator = os.path.join(fixtures, "make_project.py")
    subprocess.run([sys.executable, "-B", generator, folder, str(files), str(functions)], check=True)
    return 1 + 3 * (files + 1) + 2 + 3


def plan(quick, programs, fixture_sources, folder, machine):
    """All workloads. `programs`: where the built ones are; `folder`: for a project to build."""

    def program(name, *arguments):
        return [os.path.join(programs, name), *map(str, arguments)]

    def count(full):
        """With thousands separated; a quick run is a tenth."""
        return full // 10 if quick else full

    forks, in_turn, execs, aside = count(100_000), count(30_000), count(5_000), count(30_000)
    page_mb, page_note = affordable_mb(256 if quick else 2048, machine)
    sleepers, sleeper_note = affordable_sleepers(count(10_000), machine)
    spike_mb, spike_note = affordable_mb(500, machine)
    turn_mb, turn_note = affordable_mb(5 * 100, machine)
    hold_s, switches, steps, bursts = (1, 50_000, 200, 10) if quick else (3, 300_000, 1000, 40)
    files, functions = (8, 20) if quick else (35, 40)
    project = os.path.join(folder, "project")
    build_processes = make_project(project, fixture_sources, files, functions)
    tiny = os.path.join(programs, "tiny")
    return [
        Workload("true", "/bin/true", ["/bin/true"], processes=1, rounds_factor=4),
        Workload("forks-sequential", f"{in_turn:,} x fork + exit, one after the other", program("forkstorm", in_turn, 0, 1),
                 processes=in_turn + 1, rounds_factor=2),
        Workload("forks-batch", f"{forks:,} x fork + exit, 32 at a time", program("forkstorm", forks, 0, 32),
                 processes=forks + 1, rounds_factor=0.6, limit_s=120),
        Workload("execs", f"{execs:,} x fork + exec, 16 at a time", program("argvs", "storm", execs, 16, tiny), processes=execs + 1),
        Workload("pages-4k", f"touch {page_mb} MB in 4 KB pages, twice", program("pages", page_mb, "4k", 2), note=page_note),
        Workload("pages-thp", f"touch {page_mb} MB in huge pages, 5 times", program("pages", page_mb, "thp", 5), note=page_note),
        Workload("switches", f"pipe ping-pong, {2 * switches:,} switches", program("pingpong", switches)),
        Workload("idle", f"{sleepers:,} idle processes for {hold_s} s", program("sleepers", sleepers, hold_s * 1000), note=sleeper_note),
        Workload("build", f"make -j2 of {files + 1} C files", ["make", "-s", "-j2", "-C", project], processes=build_processes,
                 prepare=lambda: remove_built(project)),
        Workload("cpu", "two burners, fixed work", program("burners", 2, steps)),
        Workload("outside-pages", f"outside the tree: touch {page_mb} MB, twice", program("pages", page_mb, "4k", 2), outside=True, note=page_note),
        Workload("outside-forks", f"outside the tree: {aside:,} x fork + exit", program("forkstorm", aside, 0, 32), outside=True),
        Workload("spike-one", f"{spike_mb} MB for 30 ms", program("spikes", "one", spike_mb, 30), note=spike_note),
        Workload("spike-turns", f"8 processes of {turn_mb // 5} MB, 5 at once", program("spikes", "turns", 8, 5, turn_mb // 5), note=turn_note),
        Workload("spike-bursts", "6 processes, bursts of 1 to 20 ms", program("spikes", "bursts", 6, bursts)),
    ]


def chosen(workloads, names):
    """Those named, by the whole name or what is before its dash. ValueError for a name that there is not."""
    for name in names:
        if not any(name in (w.name, w.name.split("-")[0]) for w in workloads):
            raise ValueError(f"no workload {name}; there are {', '.join(w.name for w in workloads)}")
    return [w for w in workloads if w.name in names or w.name.split("-")[0] in names] if names else workloads

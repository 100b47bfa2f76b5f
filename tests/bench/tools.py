# SPDX-License-Identifier: MIT
"""The tools that are compared: how each is called, and what it says afterwards. Only those installed are used."""

import dataclasses
import json
import os
import re
import shutil
import subprocess


@dataclasses.dataclass
class Seen:
    """What a tool tells of a run; None where it does not tell."""

    processes: int | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None
    own_cpu_s: float | None = None
    exact: bool | None = None


class Tool:
    name = label = version = ""
    slow = False  # several times slower than bare: fewer rounds
    machine_wide = False  # may cost processes that it was not asked to look at

    def wrap(self, argv, folder):
        """The command line that runs argv under the tool; files go into the folder, which is fresh for each run."""
        return argv

    def read(self, folder):
        return Seen()


class Bare(Tool):
    name = label = "bare"
    machine_wide = True  # what the others are compared with


def read_text(folder, name):
    with open(os.path.join(folder, name), errors="replace") as file:
        return file.read()


class DuctBpf(Tool):
    machine_wide = True

    def __init__(self, program, version, sampler, options):
        self.program, self.version, self.options = program, version, options
        self.name, self.label = sampler, "duct-bpf" if sampler == "bpf" else f"duct-bpf --sampler {sampler}"

    def wrap(self, argv, folder):
        return [self.program, "-l", "ERROR", "-p", folder + "/", "--fail-time", "0", *self.options, "--", *argv]

    def read(self, folder):
        info = json.loads(read_text(folder, "info.json"))
        summary, tracer = info["execution_summary"], info.get("tracer", {})
        return Seen(processes=summary.get("num_processes"), cpu_s=summary.get("cpu_time"), peak_bytes=summary.get("peak_rss"),
                    own_cpu_s=tracer.get("overhead_cpu"), exact=info.get("completeness", {}).get("exact"))


class ConDuct(Tool):
    name = label = "con-duct"
    machine_wide = True  # its ps reads every process of the machine

    def __init__(self, program, version):
        self.program, self.version = program, version

    def wrap(self, argv, folder):
        return [self.program, "-l", "ERROR", "-p", folder + "/", "--fail-time", "0", *argv]

    def read(self, folder):
        pids = {pid for line in read_text(folder, "usage.jsonl").splitlines() for pid in json.loads(line)["processes"]}
        return Seen(processes=len(pids), peak_bytes=json.loads(read_text(folder, "info.json"))["execution_summary"].get("peak_rss"))


class GnuTime(Tool):
    """CPU of what was waited for, in hundredths of a second; the memory is that of the largest process."""

    name, label = "time", "GNU time"

    def __init__(self, program, version):
        self.program, self.version = program, version

    def wrap(self, argv, folder):
        return [self.program, "-v", "-o", folder + "/time", *argv]

    def read(self, folder):
        values = dict(line.strip().rsplit(": ", 1) for line in read_text(folder, "time").splitlines() if ": " in line)
        return Seen(cpu_s=float(values["User time (seconds)"]) + float(values["System time (seconds)"]),
                    peak_bytes=int(values["Maximum resident set size (kbytes)"]) * 1024)


class Strace(Tool):
    """Processes are calls of fork and its kin that did well (so threads count), and the first."""

    name, label, slow = "strace", "strace -f -c", True

    def __init__(self, program, version):
        self.program, self.version = program, version

    def wrap(self, argv, folder):
        return [self.program, "-f", "-c", "-o", folder + "/counts", *argv]

    def read(self, folder):
        forks = 0
        for line in read_text(folder, "counts").splitlines():
            words = line.split()
            if words and words[-1] in ("fork", "vfork", "clone", "clone3"):
                forks += int(words[3]) - (int(words[4]) if len(words) == 6 else 0)
        return Seen(processes=forks + 1)


class PerfTrace(Tool):
    """Processes are those (in truth threads) that its summary names."""

    name, label, slow = "perf", "perf trace -s", True

    def __init__(self, program, version):
        self.program, self.version = program, version

    def wrap(self, argv, folder):
        return [self.program, "trace", "-s", "-o", folder + "/summary", "--", *argv]

    def read(self, folder):
        return Seen(processes=len(set(re.findall(r"^ .+ \((\d+)\), \d+ events", read_text(folder, "summary"), re.MULTILINE))))


class Bpftrace(Tool):
    """What the least of BPF costs. It counts every process that ends on the machine, ours and others'."""

    name, label = "bpftrace", "bpftrace, exits counted"
    machine_wide = True
    script = "tracepoint:sched:sched_process_exit /pid == tid/ { @exits = count(); }"

    def __init__(self, program, version):
        self.program, self.version = program, version

    def wrap(self, argv, folder):
        return [self.program, "-o", folder + "/counts", "-e", self.script, "-c", " ".join(argv)]

    def read(self, folder):
        found = re.search(r"@exits: (\d+)", read_text(folder, "counts"))
        return Seen(processes=int(found.group(1)) if found else None)


def output(*argv):
    """What a program prints, stderr as well; empty if it cannot be run."""
    try:
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.decode(errors="replace")


def version_in(text):
    found = re.search(r"\d+\.\d[\w.+-]*", text)
    return found.group(0) if found else ""


def find(duct_bpf):
    """The tools that are there, and the reasons why the others are not: (tools, {name: reason}). Bare is the first."""
    tools, missing = [Bare()], {}
    version, text = version_in(output(duct_bpf, "--version")), output(duct_bpf, "--help")
    if "--sampler" in text:
        tools += [DuctBpf(duct_bpf, version, s, ["--sampler", s]) for s in ("bpf", "procfs")]
    else:
        tools.append(DuctBpf(duct_bpf, version, "bpf", []))
        missing["procfs"] = "this duct-bpf has no --sampler"
    for kind, names, package in ((GnuTime, ["time"], "time"), (Strace, ["strace"], "strace"), (PerfTrace, ["perf"], "linux-perf"),
                                 (Bpftrace, ["bpftrace"], "bpftrace")):
        path = next(filter(None, map(shutil.which, names)), None)
        if path:
            tools.append(kind(path, version_in(output(path, "--version"))))
        else:
            missing[kind.name] = f"not installed (Debian package {package})"
    path = shutil.which("duct")
    if path and "--sample-interval" in (text := output(path, "--help")) and "duct-bpf" not in text:
        tools.append(ConDuct(path, version_in(output(path, "--version"))))
    else:
        missing["con-duct"] = "not installed (PyPI package con-duct, command duct)"
    return tools, missing

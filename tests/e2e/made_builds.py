# SPDX-License-Identifier: MIT
"""Made-up runs of a build: a command and its children, four at a time, with all that our records hold."""

import json
import os
import random

import made_records
from made_records import START

CPUS = 4
COMMAND = 1000  # its pid


def process(number, begin, end, **more):
    """A child of the command, `number` behind it by pid; half busy."""
    busy = end - begin
    argv = more.pop("argv", ["/bin/tool", f"input-{number}.c"])
    usual = {"cpu_time": round(busy / 2, 9), "user_time": round(busy / 4, 9), "system_time": round(busy / 4, 9), "minor_faults": 100, "major_faults": 0,
             "peak_rss": 1 << 20}
    return made_records.process(COMMAND + number, more.pop("ppid", COMMAND), round(begin, 6), round(end, 6), argv, **{**usual, **more})


def command(end, **more):
    return process(0, 0, end, **{"ppid": 1, "argv": ["make", "-j4"], **more})


def many(count, seed=1):
    """`count` processes, some of which fail."""
    rng = random.Random(seed)
    lines, free = [], [0.001] * CPUS
    for number in range(1, count):
        lane = free.index(min(free))
        begin, length = free[lane] + rng.uniform(0, 0.002), rng.expovariate(100) + 0.0005
        free[lane] = begin + length
        lines.append(process(number, begin, begin + length, argv=["/usr/bin/" + rng.choice(["cc1", "as", "sh", "ld"]), "-O2", f"unit-{number}.c"],
                             peak_rss=rng.randrange(1 << 20, 200 << 20), exit_code=1 if rng.random() < 0.01 else 0))
    return [command(max(free) + 0.01), *lines]


def info(lines, summary=None, **more):
    """Its info.json; `summary`: what is else in execution_summary."""
    end = max(line["end_time"] for line in lines) - START
    usual = {"peak_rss": 300 << 20, "average_rss": 1e8, "peak_pcpu": 100.0 * CPUS, "average_pcpu": 50.0, "num_samples": 10, "num_reports": 2,
             "max_processes": CPUS + 1, "peak_rss_time": START + end / 2, "peak_pss": 100 << 20, "termination": "exit", "exit_signal": None,
             "peak_rss_processes": [{"pid": line["pid"], "start_time": line["start_time"], "cmd": line["cmd"], "rss": 1 << 20} for line in lines[:3]]}
    return {"command": lines[0]["cmd"], "system": {"cpu_total": CPUS, "memory_total": 16 << 30, "hostname": "made", "uid": 0, "user": "root"}, "env": {},
            "duct_version": "0.1.0", "schema_version": "0.2.2", "record_version": "1.0",
            "execution_summary": made_records.summary(lines, **{**usual, **(summary or {})}),
            "tracer": {"sampler": "bpf", "kernel_release": "6.1", "memory_method": "fast", "memory_error_bound": 1 << 20, "startup_time": 0.01, "overhead_cpu": 0.1},
            "completeness": made_records.completeness(lines), "working_directory": "/work", "message": "", **more}


def write_run(prefix, lines, record=None, usage=None):
    """Files of a run: PREFIXinfo.json, and processes.jsonl and usage.jsonl where they are given."""
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    for name, content in (("info.json", [record or info(lines)]), ("processes.jsonl", lines), ("usage.jsonl", usage)):
        if content is not None:
            with open(prefix + name, "w") as file:
                file.writelines(json.dumps(line) + "\n" for line in content)
    return prefix

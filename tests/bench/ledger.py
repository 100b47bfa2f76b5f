#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the ledger costs and how exact it is: bare and traced runs in turn, medians of paired ratios, as a Markdown table.

usage: tests/bench/ledger.py DUCT_BPF FIXTURES [PAIRS]
Needs root.
"""
import json
import os
import statistics
import sys
import tempfile
import time


def run(argv):
    """Wall seconds and CPU seconds (user and system, all that was waited for) of a command."""
    began = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{argv} failed: status {status}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def records(prefix):
    with open(prefix + "info.json") as file:
        info = json.load(file)
    with open(prefix + "processes.jsonl") as file:
        processes = [json.loads(line) for line in file]
    return info, processes


def compare(name, duct, workload, truth, pairs, folder):
    ratios, walls, starts, own, exact, shares, found = [], [], [], [], [], [], []
    for number in range(pairs + 1):
        prefix = f"{folder}/{number}_"
        bare, _ = run(workload)
        traced, cpu = run([duct, "-q", "-p", prefix, "--fail-time", "0", "--"] + workload)
        if number == 0:
            continue  # warm-up
        info, processes = records(prefix)
        summary, tracer = info["execution_summary"], info["tracer"]
        ratios.append(summary["wall_clock_time"] / bare)
        walls.append((traced - bare) * 1e3)
        starts.append(tracer["startup_time"] * 1e3)
        own.append(tracer["overhead_cpu"])
        exact.append(info["completeness"]["exact"])
        found.append(len({(p["pid"], p["start_time"]) for p in processes}))
        # wait4 gives the tracer's own CPU time and that of the command, which it waited for, in one number.
        shares.append(sum(p["cpu_time"] for p in processes) / (cpu - tracer["overhead_cpu"]))
    print(f"| {name} | {statistics.median(ratios):.3f} ({min(ratios):.3f}) | {statistics.median(walls):+.1f} | "
          f"{statistics.median(starts):.1f} ({min(starts):.1f}) | {statistics.median(own):.3f} | "
          f"{min(found)} / {truth} | {statistics.median(shares):.4f} | {'yes' if all(exact) else 'NO'} |", flush=True)


def main():
    duct, fixtures = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    pairs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    print("| workload | wall, traced / bare, start apart: median (min) | whole run, ms more | launch to exec, ms | own CPU, s | "
          "processes found / true | CPU, records / rusage | exact |\n|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        compare("/bin/true", duct, ["/bin/true"], 1, 4 * pairs, folder + "/t")
        compare("fork + exit, 100,000", duct, [f"{fixtures}/forkstorm", "100000"], 100001, pairs, folder + "/f")
        compare("fork + exec, 5,000", duct, [f"{fixtures}/argvs", "storm", "5000", "16", "/bin/true"], 5001, pairs, folder + "/e")


if __name__ == "__main__":
    main()

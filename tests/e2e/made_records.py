# SPDX-License-Identifier: MIT
"""Records whose truth is known because they are made here."""

import json
import os

START = 1_800_000_000.0


def process(pid, ppid, begin, end, argv, **more):
    """A line of processes.jsonl. Times are seconds from the start of the run."""
    line = {"pid": pid, "ppid": ppid, "start_time": START + begin, "end_time": START + end, "wall_time": round(end - begin, 9),
            "cmd": " ".join(argv), "argv": argv, "exe": argv[0], "comm": os.path.basename(argv[0])[:15], "num_execs": 1, "exit_code": 0,
            "cpu_time": 0.0, "peak_rss": 1_000_000, "uid": 0, "sid": 100, "depth": 0 if ppid == 1 else 1}
    line.update(more)
    return {key: value for key, value in line.items() if value is not None}


def summary(processes, **more):
    times = [p["start_time"] + p["wall_time"] for p in processes]
    values = {"exit_code": 0, "command": processes[0]["cmd"], "wall_clock_time": max(times) - START, "start_time": START, "end_time": max(times),
              "peak_rss": sum(p["peak_rss"] for p in processes), "cpu_time": sum(p["cpu_time"] for p in processes),
              "num_processes": len(processes), "num_failed": sum(bool(p.get("exit_code") or p.get("exit_signal")) for p in processes),
              "max_processes": len(processes)}
    values.update(more)
    return values


def completeness(processes, **more):
    alive = sum(p.get("alive", False) for p in processes)
    values = {"forks": len(processes) - 1, "execs": len(processes), "exits": len(processes) - alive, "alive_at_end": alive, "lost_forks": 0,
              "lost_execs": 0, "lost_exits": 0, "lost_argv": 0, "spilled": 0, "exact": True}
    values.update(more)
    return values


def write_run(prefix, processes, usage=None, sampler="bpf", complete=None, **more):
    """Writes PREFIX info.json and processes.jsonl (and usage.jsonl); `more` goes into execution_summary."""
    os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
    info = {"command": processes[0]["cmd"], "schema_version": "0.2.2", "record_version": "1.0",
            "system": {"cpu_total": 2, "memory_total": 8_000_000_000, "hostname": "node", "uid": 0, "user": "root"},
            "execution_summary": summary(processes, **more), "tracer": {"sampler": sampler, "memory_error_bound": 0},
            "completeness": completeness(processes) if complete is None else complete, "message": ""}
    with open(prefix + "info.json", "w") as file:
        json.dump(info, file)
    with open(prefix + "processes.jsonl", "w") as file:
        for line in processes:
            file.write(json.dumps(line) + "\n")
    if usage is not None:
        with open(prefix + "usage.jsonl", "w") as file:
            for line in usage:
                file.write(json.dumps(line) + "\n")

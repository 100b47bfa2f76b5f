# SPDX-License-Identifier: MIT
"""150,000 forks in one run: every one there, pids reused, our own memory flat."""

import json
import os
import threading
import unittest

import harness
from harness import cpu_of, fixture


class Storm(harness.DuctTest):
    def test_every_fork_and_flat_memory(self):
        count, first = 150000, 20000
        if harness.SANITIZED:
            count = 40000
        if harness.SLOWNESS > 1:
            count, first = 20000, 10000
        process = self.start("--", fixture("forkstorm"), str(count), "0", "32", "1500")
        peaks, lines = {}, []
        drained = threading.Thread(target=lambda: lines.append(process.stderr.read()))
        drained.start()
        for line in process.stdout:
            lines.append(line)
            said = json.loads(line)
            if said["what"] == "progress":
                peaks[said["forks"]] = harness.status_kb(process.pid, "VmHWM")
        drained.join()
        run = self.finish(process)
        self.assertEqual(run.status, 0)
        self.assert_exact(run)
        self.assertEqual(len(run.processes), count + 1)
        self.assertEqual(run.completeness["forks"], count)
        said = [json.loads(line) for line in lines if line.startswith(b"{")]
        with open("/proc/sys/kernel/pid_max") as file:
            pid_max = int(file.read())
        if pid_max < count:
            self.assertGreater(next(s for s in said if s["what"] == "storm")["wraps"], 0)
            self.assertLess(len({p["pid"] for p in run.processes}), count)
        children = sum(p["cpu_time"] for p in run.processes if p["depth"])
        truth = next(s for s in said if s["what"] == "children")
        self.assert_near(children, cpu_of(truth), 0, 0.002, "CPU of the children")
        if not harness.SANITIZED:  # it keeps freed memory back
            first = min(forks for forks in peaks if forks >= first)  # it says so after each batch
            self.assertGreater(peaks[first], 0)
            self.assertLessEqual(peaks[count], peaks[first] * 1.1 + 1024, f"VmHWM in KiB by forks: {peaks}")
        # Many processes, but few in a report.
        self.assertLess(os.path.getsize(run.path("usage.jsonl")), 8 << 20)
        self.assertEqual(sum(len(r["processes"]) + r.get("others", {}).get("count", 0) for r in run.usage) >= count, True)


if __name__ == "__main__":
    harness.main()

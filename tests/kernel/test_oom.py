# SPDX-License-Identifier: MIT
"""Victims of the kernel's out-of-memory killer, in a control group with a limit. Oracle: the group's own count of kills."""

import contextlib
import os
import unittest

import harness
from harness import fixture

LIMIT = 32 << 20


class OutOfMemory(harness.DuctTest):
    def setUp(self):
        super().setUp()
        self.group = harness.MemoryGroup.make(self.mark, LIMIT)
        if not self.group:
            self.skipTest("no memory controller")
        self.addCleanup(self.group.remove)
        self.enter = f"echo 0 > {self.group.procs} && exec"

    def test_child(self):
        run = self.exact("--", "sh", "-c", f"sh -c '{self.enter} {fixture('touch')} 100 keep'; echo code $?; exit 4")
        self.assertEqual((run.status, run.stdout), (4, "code 137\n"))
        self.assertEqual(self.group.kills(), 1)
        victim = run.by_cmd(fixture("touch"))[0]
        self.assertEqual((victim["exit_signal"], victim.get("oom_killed")), (9, True))
        self.assertNotIn("killed_by", victim)
        self.assertGreater(victim["peak_rss"], LIMIT // 2)
        self.assertEqual(sum(p.get("oom_killed", False) for p in run.processes), 1)
        self.assertEqual([run.summary[k] for k in ("termination", "num_oom_killed", "num_killed")], ["exit", 1, 0])
        self.assertIn(f"\nOut of memory: touch (pid {victim['pid']})\n", run.stderr)
        self.assertNotIn("\nKilled: ", run.stderr)

    def test_command(self):
        run = self.exact("--", "sh", "-c", f"{self.enter} {fixture('touch')} 100 keep")
        self.assertEqual(run.status, 137)
        self.assertEqual(self.group.kills(), 1)
        self.assertEqual([run.summary[k] for k in ("termination", "exit_signal", "exit_code")], ["oom", 9, 137])
        self.assertIs(run.processes[0]["oom_killed"], True)

    def test_several(self):
        # Each reaches the limit alone, one after the other.
        one = f"sh -c '{self.enter} {fixture('touch')} 100 keep'; "
        run = self.exact("--", "sh", "-c", one * 5 + "true")
        self.assertEqual(self.group.kills(), 5)
        self.assertEqual(run.summary["num_oom_killed"], 5)
        self.assertRegex(run.stderr, r"\nOut of memory: touch \(pid \d+\), touch \(pid \d+\), touch \(pid \d+\) and 2 more\n")

    def test_killed_by_somebody_at_the_limit(self):
        # It is at rest just below the limit: whoever kills it there is the killer, memory was not.
        script = f"sh -c '{self.enter} {fixture('touch')} 16 keep sleep 60' & {harness.until_exec('sleep')}; kill -9 $!; wait $!; exit 0"
        run = self.exact("--", "sh", "-c", script)
        killed = run.by_cmd("sleep 60")[0]
        self.assertNotIn("oom_killed", killed)
        self.assertEqual(killed["killed_by"]["comm"], "sh")
        self.assertEqual((self.group.kills(), run.summary["num_oom_killed"]), (0, 0))

    def test_victim_with_threads(self):
        script = ("import threading, time\n"
                  "threads = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range(8)]\n"
                  "[t.start() for t in threads]\n"
                  "x = [bytearray(b'x' * (1 << 20)) for _ in range(200)]\n")
        path = self.write("hungry.py", script)
        run = self.exact("--", "sh", "-c", f"{self.enter} {harness.PYTHON} {path}")
        self.assertLess(run.wall, 55, "its threads sleep for 60 s")
        self.assertEqual((self.group.kills(), run.summary["termination"]), (1, "oom"))
        self.assertEqual(run.summary["num_oom_killed"], 1)


if __name__ == "__main__":
    harness.main()

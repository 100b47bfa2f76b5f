# SPDX-License-Identifier: MIT
"""Thread groups: one record each, whatever its threads do. Oracle: wait4's rusage of the group."""

import os
import unittest

import harness
from harness import cpu_of, fixture


class Threads(harness.DuctTest):
    def group(self, *words):
        """Runs the fixture under wait4; its record and what wait4 said."""
        run = self.exact("--", fixture("reap"), "1", "1", fixture("threads"), *words)
        child = run.said("child")[0]
        process = run.process(child["pid"])
        self.assert_near(process["cpu_time"], cpu_of(child), 0.001, 0.005, "CPU time")
        self.assertAlmostEqual(process["user_time"] + process["system_time"], process["cpu_time"], delta=1e-6)
        return process, child, run

    def test_all_at_once(self):
        process, child, run = self.group("burn", "8", "25")
        self.assertGreaterEqual(process["cpu_time"], 0.200)
        self.assertEqual(process["max_threads"], 9)
        self.assertEqual(len(run.processes), 2, "threads are not processes")
        self.assertEqual(run.by_cmd(fixture("reap"))[0]["max_threads"], 1)

    def test_one_after_the_other(self):
        process, _, _ = self.group("serial", "500")
        # join returns a moment before the kernel lets go of the thread.
        self.assertGreaterEqual(process["max_threads"], 2)
        self.assertLessEqual(process["max_threads"], 2 + harness.slack(1))

    def test_leader_exits_first(self):
        process, child, _ = self.group("leader", "3", "60")
        self.assertGreaterEqual(process["cpu_time"], 0.180)
        self.assertEqual(process["exit_code"], os.waitstatus_to_exitcode(child["status"]))
        self.assertGreaterEqual(process["wall_time"], 0.06, "the group lived until its last thread ended")

    def test_leader_exits_first_and_a_thread_sets_the_code(self):
        process, child, _ = self.group("leadercode", "50", "7")
        self.assertEqual(os.waitstatus_to_exitcode(child["status"]), 7)
        self.assertEqual(process["exit_code"], 7)
        self.assertGreaterEqual(process["wall_time"], 0.05)

    def test_exec_by_another_than_the_leader(self):
        process, child, run = self.group("exec", "3", fixture("burn"), "40", "6")
        self.assertEqual(process["exit_code"], 6)
        self.assertEqual(process["num_execs"], 2)  # the fixture, then burn
        self.assertEqual(process["argv"], [fixture("burn"), "40", "6"])
        self.assertEqual(process["max_threads"], 5)
        self.assertEqual(len(run.processes), 2)
        self.assertGreaterEqual(process["cpu_time"], 0.040)

    def test_exit_group_while_others_run(self):
        process, child, _ = self.group("exitgroup", "6", "11")
        self.assertEqual(process["exit_code"], 11)
        self.assertEqual(process["max_threads"], 8)

    def test_many_groups_that_end_at_once(self):
        # Two threads of a group that exit at the same time must not make two ends of it.
        count = harness.scaled(100)
        run = self.exact("--", fixture("reap"), str(count), "8", fixture("threads"), "burn", "4", "1")
        self.assertEqual(len(run.processes), count + 1)
        for child in run.said("child"):
            process = run.process(child["pid"])
            self.assertEqual(process["max_threads"], 5)
            self.assert_near(process["cpu_time"], cpu_of(child), 0.001, 0.005)

    def test_threads_that_fork(self):
        run = self.exact("--", fixture("threads"), "forker", "6")
        self.assertEqual(len(run.processes), 1 + 300)
        self.assertEqual({p["depth"] for p in run.processes}, {0, 1})
        children = sum(p["cpu_time"] for p in run.processes if p["depth"])
        self.assert_near(children, cpu_of(run.said("children")[0]), 0.003, 0.01, "CPU of the children")


if __name__ == "__main__":
    harness.main()

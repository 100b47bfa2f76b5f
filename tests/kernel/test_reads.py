# SPDX-License-Identifier: MIT
"""The two ways of reading the kernel's structs: directly (6.2 on), or by a helper's call; the second is also what is left where the
kernel refuses the first. Oracles: wait4's rusage, and what the fixtures do."""

import unittest

import harness
from harness import cpu_of, fixture

REFUSED = "no direct reads of kernel structs"


class Reads(harness.DuctTest):
    def check(self, **env):
        run = self.exact("--sample-interval", "0.05", "-l", "DEBUG", "--", "sh", "-c",
                         '"$0" 40 4 "$1" 20 keep; "$0" 1 1 "$2" burn 4 100', fixture("reap"), fixture("touch"), fixture("threads"),
                         env=env)
        children = run.said("child")
        self.assertEqual(len(children), 41)
        for child in children:
            process = run.process(child["pid"])
            self.assert_near(process["cpu_time"], cpu_of(child), 0.001, 0.005, f"pid {child['pid']}")
            self.assert_near(process["minor_faults"], child["minflt"], 3)
        for process in run.by_cmd(fixture("touch")):
            self.assertGreaterEqual(process["peak_rss"], 20 << 20)
            self.assertLess(process["peak_rss"], 30 << 20)
        self.assertEqual(run.by_cmd(fixture("threads"))[0]["max_threads"], 5)
        # Samples and events tell of the same memory: at least what one held, at most what four held at once.
        self.assertGreaterEqual(run.summary["peak_rss"], 20 << 20)
        self.assertLess(run.summary["peak_rss"], 4 * (30 << 20) + (20 << 20))
        self.assertTrue(any(report["totals"]["rss"] > 0 for report in run.usage))
        return run

    def test_as_the_kernel_has_it(self):
        refused = REFUSED in self.check().stderr
        self.assertFalse(refused and harness.kernel_version() >= (6, 2), "this kernel could be read directly")

    def test_by_helper(self):
        self.assertNotIn(REFUSED, self.check(DUCT_BPF_READS="helper").stderr)

    def test_refused(self):
        """By a library that is preloaded in the kernel's place."""
        if harness.kernel_version() < (6, 2):
            self.skipTest("not tried on such a kernel")
        run = self.check(LD_PRELOAD=fixture("preload_no_kfuncs.so"), ASAN_OPTIONS="verify_asan_link_order=0")
        self.assertIn(REFUSED, run.stderr)


if __name__ == "__main__":
    harness.main()

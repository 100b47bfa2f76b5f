# SPDX-License-Identifier: MIT
"""Peak memory per process and per image. Oracles: sizes touched, wait4's ru_maxrss."""

import unittest

import harness
from harness import fixture

MB = 1 << 20
ERROR = 2 * MB  # the kernel's own maxrss is off by up to a batch of pages per CPU and kind


class Memory(harness.DuctTest):
    def touched(self, *words):
        run = self.exact("--", fixture("reap"), "1", "1", fixture("touch"), *words)
        child = run.said("child")[0]
        return run.process(child["pid"]), child, run

    def test_kept(self):
        process, child, run = self.touched("200", "keep")
        self.assert_near(process["peak_rss"], 202 * MB, 3 * MB, 0, "known size")
        self.assert_near(process["peak_rss"], child["maxrss_kb"] * 1024, ERROR, 0.01, "ru_maxrss")
        self.assertEqual(process["peak_rss"], process["peak_rss_image"])
        self.assertGreaterEqual(run.summary["peak_rss"], 200 * MB)
        if harness.kernel_version() >= (6, 16):
            self.assertGreaterEqual(process["peak_vsz"], 200 * MB)
        else:  # the address space is gone when the exit is seen
            self.assertNotIn("peak_vsz", process)

    def test_given_back(self):
        process, child, _ = self.touched("150", "free")
        self.assert_near(process["peak_rss"], 152 * MB, 3 * MB, 0, "known size")
        self.assert_near(process["peak_rss"], child["maxrss_kb"] * 1024, ERROR, 0.01, "ru_maxrss")

    def test_exec_from_a_large_image(self):
        process, child, _ = self.touched("300", "keep", "/bin/true")
        self.assert_near(process["peak_rss"], 302 * MB, 3 * MB, 0, "known size")
        self.assert_near(process["peak_rss"], child["maxrss_kb"] * 1024, ERROR, 0.01, "ru_maxrss")
        self.assertLess(process["peak_rss_image"], 10 * MB, "of the last image")
        self.assertGreater(process["peak_rss_image"], 0)

    def test_small_child_of_a_large_parent(self):
        # exec replaces what fork shared: the child is small, and says so.
        run = self.exact("--", harness.PYTHON, "-c", "import subprocess; x = b'x' * (100 << 20); subprocess.run(['/bin/true'])")
        self.assertGreaterEqual(run.by_cmd(harness.PYTHON)[0]["peak_rss"], 100 * MB)
        self.assertLess(run.by_cmd("/bin/true")[0]["peak_rss_image"], 10 * MB)

    def test_reports_hold_what_no_sample_saw(self):
        # 100 MB for a few milliseconds, at the default interval of a second.
        run = self.exact("--", fixture("touch"), "100", "free")
        self.assertGreaterEqual(run.summary["peak_rss"], 100 * MB)
        self.assertGreaterEqual(max(r["totals"]["rss"] for r in run.usage), 100 * MB)

    def test_alive_at_the_end(self):
        run = self.exact("--", "sh", "-c", f"setsid {fixture('touch')} 50 keep sleep 60 & {harness.until_exec('sleep')}")
        process = run.by_cmd("sleep 60")[0]
        self.kill_marked()
        self.assertIs(process["alive"], True)
        self.assertGreaterEqual(process["peak_rss"], 50 * MB)
        self.assertLess(process["peak_rss_image"], 10 * MB)


if __name__ == "__main__":
    harness.main()

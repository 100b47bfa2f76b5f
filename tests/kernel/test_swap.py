# SPDX-License-Identifier: MIT
"""What was written to swap is not resident: the tree's memory goes down by it, whoever pushed it out, and up again as it comes back. Only where
swap harms nobody: in a virtual machine of its own, by scripts/vm-test, which sets DUCT_BPF_SWAP_DEVICE. Oracles: smaps_rollup, counted page by
page, wait4's rusage, memory.peak."""

import os
import subprocess
import sys

import harness
from harness import fixture

MB = 1 << 20
DEVICE = os.environ.get("DUCT_BPF_SWAP_DEVICE")
FILES = 8 * MB  # at most: programs and libraries of the few processes here, which are resident as well
STEP_MS = str(int(harness.slack(200)))


class Swap(harness.DuctTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["mkswap", DEVICE], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["swapon", DEVICE], check=True)
        self.addCleanup(subprocess.run, ["swapoff", DEVICE], check=True)

    def recorded(self, *words):
        run = self.exact("--sample-interval", "0.1", "--report-interval", "0.2", "--", *words)
        self.assertEqual(run.status, 0, run.stderr)
        return run, {said["step"]: said for said in run.said("memory")}, run.info["tracer"]["memory_error_bound"]

    def test_out_and_in_again(self):
        run, steps, bound = self.recorded(fixture("reap"), "1", "1", fixture("swapped"), "alone", "150", STEP_MS)
        child = run.said("child")[0]
        process = run.process(child["pid"])
        self.assertGreater(steps["out"]["swap"], 140 * MB, "the kernel did write it out")
        most = max(step["rss"] for step in steps.values())
        self.assert_near(process["peak_rss"], most, bound + 2 * MB, 0, "once, not twice")
        self.assert_near(run.summary["peak_rss"], most, bound + FILES)
        self.assertLess(run.summary["peak_pss"], most + FILES)
        # There, away, and there again.
        sizes = [r["totals"]["rss"] for r in run.usage]
        full = [i for i, size in enumerate(sizes) if size > 140 * MB]
        between = [size for size in sizes[full[0] : full[-1]] if size < 100 * MB]
        self.assertTrue(between, sizes)
        self.assert_near(min(between), steps["out"]["rss"], bound + FILES)
        # (Minor ones, where what was written is still in the swap cache.)
        self.assertEqual([process[f"{kind}_faults"] for kind in ("major", "minor")], [child["majflt"], child["minflt"]])

    def test_pushed_out_by_another(self):
        limit = 150 * MB
        group = harness.MemoryGroup.make(self.mark, limit, "max", versions=(2,))
        if not group:
            self.skipTest("no memory controller in cgroup v2")
        self.addCleanup(group.remove)
        run, steps, bound = self.recorded(fixture("incgroup"), group.procs, fixture("swapped"), "group", "100", STEP_MS)
        self.assertGreater(steps["child"]["swap"], 30 * MB, "the child's memory was pushed out by its parent's")
        for step, pid in (("taken", steps["child"]["pid"]), ("parent", steps["parent"]["pid"])):
            self.assert_near(run.process(pid)["peak_rss"], steps[step]["rss"], bound + 2 * MB, 0, "each for itself")
        child = run.said("child")[0]
        self.assertGreater(child["majflt"], 0, "read from swap")
        self.assertEqual(run.process(child["pid"])["major_faults"], child["majflt"])
        # Together never more than the group may have.
        self.assertLess(run.summary["peak_rss"], limit + bound + FILES)
        self.assertGreater(run.summary["peak_rss"], steps["child"]["rss"] + steps["parent"]["rss"] - bound - MB)
        held = {holder["pid"]: holder["rss"] for holder in run.summary["peak_rss_processes"]}
        self.assert_near(sum(held.values()), run.summary["peak_rss"], 0, 0.01, "sum over the holders")
        if (peak := group.read("memory.peak")) is not None:
            self.assert_near(run.summary["peak_rss"], peak, bound + FILES, 0, "memory.peak")


if __name__ == "__main__":
    if not DEVICE:
        print("this machine must not swap", file=sys.stderr)
        sys.exit(77)
    harness.main()

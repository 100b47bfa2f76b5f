# SPDX-License-Identifier: MIT
"""duct-log show, tree and by, on records whose truth is known."""

import json
import os
import subprocess

import harness
from log_harness import RECORDS, LogTest
from made_records import process, write_run

HOSTILE = "\x1b]0;pwned\x07\x1b[2J<b>\u202e\n| x"


def build():
    """make, 3 x (gcc, with a cc1 and an as below each), one gcc whose cc1 was killed; then a fork."""
    lines = [process(100, 1, 0, 5, ["make", "-j2"], cpu_time=0.1, peak_rss=3_000_000)]
    for i in range(4):
        gcc, failed = 200 + 10 * i, i == 3
        lines.append(process(gcc, 100, 1 + i / 10, 2 + i / 10, ["gcc", "-c", f"f{i}.c"], cpu_time=0.01, depth=1, exit_code=1 if failed else 0))
        killed = {"exit_code": None, "exit_signal": 9, "killed_by": {"pid": 77, "comm": "oom\x1b[31m", "uid": 5}} if failed else {}
        lines.append(process(gcc + 1, gcc, 1.1 + i / 10, 1.9 + i / 10, ["/usr/lib/cc1", f"f{i}.c"], cpu_time=0.5, peak_rss=50_000_000 + i, depth=2, **killed))
        lines.append(process(gcc + 2, gcc, 1.91 + i / 10, 1.95 + i / 10, ["as", HOSTILE if i == 2 else f"f{i}.s"], cpu_time=0.02, depth=2))
    lines.append(process(300, 100, 4, 4.001, ["make", "-j2"], cpu_time=0.001, depth=1, num_execs=0))
    return lines


class Show(LogTest):
    def test_a_run_on_one_screen(self):
        write_run(self.path("r_"), build())
        out = self.log("show", "r_")
        self.assertLessEqual(len(out.splitlines()), 35)
        self.assertTrue(all(len(line) <= 100 for line in out.splitlines()), out)
        self.assertIn("14, 14 at once, 2 failed", out)
        self.assertIn("yes, 13 forks, 14 exits, nothing lost", out)
        self.assertIn("The command returned 0, but 2 processes below the command failed", out)
        top = out[out.index("Most CPU") :].splitlines()[2:7]
        self.assertEqual([line.split()[0:2] for line in top], [["500", "ms"]] * 4 + [["100", "ms"]])
        self.assertRegex(out, r"KILL +oom\\x1b\[31m \(pid 77, uid 5\) +231 +230 +800 ms +cc1 f3.c")

    def test_who_killed(self):
        lines = [process(100, 1, 0, 5, ["sh"])]
        for pid, how in ((101, {"killed_by": {"pid": 101, "comm": "sh", "uid": 0}}), (102, {"oom_killed": True}), (103, {"killed_by": {"pid": 7, "comm": "k", "uid": 9}}), (104, {})):
            lines.append(process(pid, 100, 1, pid / 100 + 2, ["x"], exit_code=None, exit_signal=9, **how))
        write_run(self.path("r_"), lines, exit_code=137, exit_signal=9, termination="oom")
        out = self.log("show", "r_")
        self.assertIn("137 (killed by SIGKILL), by the kernel: out of memory", out)
        for killer, pid in (("itself", 101), ("the kernel: out of memory", 102), (r"k \(pid 7, uid 9\)", 103), ("", 104)):
            self.assertRegex(out, rf"KILL +{killer} +{pid} ")
        self.assertEqual(self.log("tree", "r_", "-e", "oom_killed").count("KILL by the"), 1)

    def test_a_narrow_terminal(self):
        write_run(self.path("r_"), build(), user_time=1.5, system_time=0.7, peak_pss=5, average_pcpu=44.4, peak_pcpu=155.5)
        out = self.log("show", "r_", env={"COLUMNS": "60"})
        self.assertTrue(all(len(line) <= 60 for line in out.splitlines()), out)
        for text in ("peak 155.5 % of 200 %", "14 exits, nothing lost", "2 processes below the command failed"):
            self.assertIn(text, " ".join(out.split()))

    def test_sentences_fit_a_narrow_terminal(self):
        """Tables have a least width; what is said below them has none."""
        write_run(self.path("r_"), build())
        for words in (["by", "r_"], ["tree", "r_"], ["audit", "r_"], ["by", os.path.join(RECORDS, "build_")], ["compare", "r_", os.path.join(RECORDS, "build_")]):
            out = self.log(*words, env={"COLUMNS": "60"})
            sentences = [line for line in out.splitlines() if "  " not in line.strip()]
            self.assertGreater(len(sentences), 0, words)
            self.assertLessEqual(max(map(len, sentences)), 60, words)

    def test_losses_are_said(self):
        lines = build()
        complete = {"forks": 14, "exits": 14, "lost_forks": 3, "lost_argv": 2, "exact": False}
        write_run(self.path("r_"), lines, complete=complete)
        self.assertIn("no, lost: 3 processes, 2 command lines", self.log("show", "r_"))
        write_run(self.path("r_"), lines, sampler="procfs")
        self.assertIn("no: sampled", self.log("show", "r_"))

    def test_con_duct(self):
        out = self.log("show", os.path.join(RECORDS, "spike_"))
        self.assertIn("no: sampled", out)
        self.assertIn("525.1 MB", out)
        self.assertIn("137", self.log("show", os.path.join(RECORDS, "killed_")))

    def test_cut_off(self):
        write_run(self.path("r_"), build())
        self.write("r_info.json", "")
        self.assertIn("14, 2 failed", self.log("show", "r_", warns="empty (the run is not over"))
        os.unlink(self.path("r_processes.jsonl"))
        self.log("show", "r_", status=1, warns="empty")

    def test_the_latest(self):
        self.log("show", status=1, warns="no run at .duct/logs/*info.json")
        write_run(self.path(".duct/logs/x-1_"), build())
        os.utime(self.path(".duct/logs/x-1_info.json"), (1, 1))
        write_run(self.path(".duct/logs/x-2_"), build()[:1])
        self.assertIn(".duct/logs/x-2_", self.log("show"))
        self.log("show", ".duct/logs", status=2, warns="the latest is .duct/logs/x-2_")

    def test_hostile_text(self):
        lines = build()
        lines[0]["cmd"] = lines[0]["argv"][0] = HOSTILE
        write_run(self.path("r_"), lines)
        for command in (("show",), ("tree",), ("tree", "--no-collapse", "--rows", "0"), ("by",), ("by", "--key", "words"), ("ls",)):
            out = self.log(*command, "r_")
            for bad in ("\x1b", "\x07", "\u202e"):
                self.assertNotIn(bad, out, command)

    def test_a_million_processes(self):
        count = 100_000 if harness.SANITIZED else 1_000_000
        line = json.dumps(process(7, 5, 1, 1.05, ["/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "-quiet", "-imultiarch", "x86_64-linux-gnu", "f.c"], cpu_time=0.04))
        with open(self.path("m_processes.jsonl"), "w") as file:
            for start in range(0, count, 1000):
                file.write("".join(line.replace('"pid": 7', f'"pid": {i + 2}') + "\n" for i in range(start, start + 1000)))
        write_run(self.path("i_"), build())
        os.rename(self.path("i_info.json"), self.path("m_info.json"))
        for words in (("show", "m_"), ("by", "m_")):
            run = subprocess.Popen([self.LOG, *words], cwd=self.dir, stdout=subprocess.PIPE, text=True)
            out = run.stdout.read()
            run.stdout.close()
            _, status, usage = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(run.returncode, 0)
            self.assertIn(f"{count:,}", out)
            if not harness.SANITIZED:
                self.assertLess(usage.ru_maxrss, 200 * 1024, words)
                self.assertLess(usage.ru_utime + usage.ru_stime, 15, f"{words}: s of CPU; 5 where nothing else runs")


class Tree(LogTest):
    def rows(self, *words):
        out = self.log("tree", "r_", *words, env={"COLUMNS": "200"})
        header, *lines = out.splitlines()
        place = header.index("command")
        return [line if " processes in " in line else line[place:] for line in lines]

    def test_equal_siblings(self):
        write_run(self.path("r_"), build())
        rows = self.rows()
        self.assertEqual(rows[:7], ["make -j2", "├─ 3 x gcc -c f0.c", "│  ├─ 3 x cc1 f0.c", "│  └─ 3 x as f0.s", "├─ gcc -c f3.c",
                                    "│  ├─ cc1 f3.c", "│  └─ as f3.s"])
        self.assertEqual(rows[7], "└─ (fork) make -j2")
        self.assertEqual(rows[8], "14 processes in 8 rows: equal siblings are one row")
        out = self.log("tree", "r_")
        self.assertRegex(out, r"2\.22 s +100 ms +3\.0 MB +5\.00 s +0 +make -j2")
        self.assertRegex(out, r"1\.50 s +1\.50 s +50\.0 MB +800 ms +0 +│  ├─ 3 x cc1")
        self.assertIn("KILL by oom\\x1b[31m (pid 77, uid 5)", self.log("tree", "r_", env={"COLUMNS": "200"}))

    def test_no_collapse_filter_rows_depth(self):
        write_run(self.path("r_"), build())
        self.assertEqual(len(self.rows("--no-collapse")), 14)
        self.assertEqual(self.rows("-e", "exit_signal == 9")[:3], ["make -j2", "└─ gcc -c f3.c", "   └─ cc1 f3.c"])
        self.assertEqual(self.rows("-e", "failed and comm == 'gcc'")[:2], ["make -j2", "└─ gcc -c f3.c"])
        self.assertEqual(self.rows("--rows", "3")[:5],
                         ["make -j2", "├─ 3 x gcc -c f0.c", "│  ├─ 3 x cc1 f0.c", "│  └─ ... 3 more, and those below them",
                          "└─ ... 2 more, and those below them"])
        self.assertEqual(self.rows("--depth", "0")[:2], ["make -j2", "└─ ... 5 more, and those below them"])
        self.log("tree", "r_", "-e", "nonsense == 1", status=2, warns="no field 'nonsense'")

    def test_shapes_of_trees(self):
        # A pid that is used again, with a child each time; an orphan; one whose parent started in the same tick.
        lines = [process(10, 1, 0, 9, ["root"]), process(20, 10, 1, 2, ["first"]), process(21, 20, 1.5, 1.6, ["of-first"]),
                 process(20, 10, 3, 4, ["second"]), process(22, 20, 3.5, 3.6, ["of-second"]), process(99, 5555, 3, 4, ["orphan"]),
                 process(8, 9, 5, 6, ["same-tick-child"], depth=2), process(9, 10, 5, 6, ["same-tick-parent"], depth=1),
                 process(50, 50, 6, 7, ["own-parent"])]
        write_run(self.path("r_"), lines)
        self.assertEqual(self.rows(), ["root", "├─ first", "│  └─ of-first", "├─ second", "│  └─ of-second", "└─ same-tick-parent",
                                       "   └─ same-tick-child", "orphan", "own-parent"])

    def test_a_chain_of_forks(self):
        count = 20_000 if harness.SANITIZED else 100_000
        write_run(self.path("r_"), [process(i + 2, i + 1, i * 1e-4, 100, ["a"], depth=i, cpu_time=0.001) for i in range(count)])
        rows = self.rows("--rows", "0")
        self.assertEqual(len(rows), count)
        self.assertIn("deep)", rows[-1])

    def test_con_duct_has_no_tree(self):
        self.log("tree", os.path.join(RECORDS, "spike_"), status=1, warns="con-duct keeps no record of processes")


class By(LogTest):
    def test_programs(self):
        write_run(self.path("r_"), build())
        out = self.log("by", "r_")
        self.assertRegex(out, r"\n +4 +2\.00 s +90\.0 % +500 ms +50\.0 MB +1 +cc1\n")
        self.assertRegex(out, r"\n +4 +40\.0 ms +1\.8 % +10\.0 ms +1\.0 MB +1 +gcc\n")
        self.assertRegex(out, r"\n +14 +2\.22 s +100\.0 % .* 2 +all\n")
        self.assertIn("Short-lived (100 ms at most): 5 of 14 processes, 81.0 ms of CPU (3.6 %).", out)

    def keys(self, *words):
        return [line.split()[-1] for line in self.log("by", "r_", *words).splitlines()[1:-2]]

    def test_keys_sorts_filters(self):
        write_run(self.path("r_"), build())
        self.assertEqual(self.keys(), ["cc1", "make", "as", "gcc"])
        self.assertEqual(self.keys("--sort", "count"), ["cc1", "as", "gcc", "make"])
        self.assertEqual(self.keys("--sort", "memory")[0], "cc1")
        self.assertEqual(self.keys("--key", "depth"), ["2", "0", "1"])
        self.assertEqual(self.keys("--key", "words", "-e", "comm == 'cc1'", "--sort", "memory", "--short", "9"), ["f3.c", "f2.c", "f1.c", "f0.c"])
        self.assertIn("3 more rows (-n 0 shows all)", self.log("by", "r_", "-n", "1"))
        self.assertIn("uid", self.log("by", "r_", "--key", "uid"))
        self.assertEqual(self.keys("-e", "'f3.c' in argv and not argv_truncated"), ["cc1"])

    def test_con_duct(self):
        out = self.log("by", os.path.join(RECORDS, "build_"))
        self.assertIn("Seen by samples alone", out)
        self.assertRegex(out, r"\n +34 +- +- +- +12\.1 MB +- +perl\n")  # how they ended nobody saw


class OfOurs(LogTest):
    def test_a_real_run(self):
        """What sh says itself of its children, by a record of ours."""
        run = self.exact("sh", "-c", "true & wait; sh -c 'exit 7'; sh -c 'kill -KILL $$'; exit 0")
        self.assertEqual(run.status, 0, run.stderr)
        out = self.log("show", "d_")
        self.assertIn("The command returned 0, but 2 processes below the command failed", out)
        self.assertRegex(out, r"\n +7 ")
        self.assertRegex(out, r"\n +KILL ")
        self.assertEqual(self.log("tree", "d_", "--no-collapse").count("\n") - 1, run.summary["num_processes"])


if __name__ == "__main__":
    harness.main(needs_bpf=os.environ.get("DUCT_BPF_REQUIRE_BPF") == "1")

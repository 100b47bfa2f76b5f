# SPDX-License-Identifier: MIT
"""--sampler procfs: what polling /proc can see is right, what it cannot see is absent, and no privilege is needed."""

import json
import os
import subprocess
import unittest

import harness
from harness import fixture

TICK = 1 / os.sysconf("SC_CLK_TCK")
FAST = ("--sampler", "procfs", "--fail-time", "0", "--sample-interval", "0.02", "--report-interval", "0.1")
# Bound by the kernel, not by us: whether the tracer to compare with can work here.
NO_BPF = None if os.environ.get("DUCT_BPF_REQUIRE_BPF") == "1" else harness.missing_requirement()

# Starts what its arguments say, leaves it a zombie for a while, and says what wait4() says.
KEEPER = """
import json, os, sys, time
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
time.sleep(float(sys.argv[1]))
_, status, usage = os.wait4(pid, 0)
print(json.dumps({"what": "child", "pid": pid, "status": status, "cpu": usage.ru_utime + usage.ru_stime,
                  "minflt": usage.ru_minflt}))
"""

# Holds 64 MB for a moment, then nothing of it until three more reports were made.
SPIKE = """
import json, mmap, os, time
def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
area = mmap.mmap(-1, 64 << 20)
for at in range(0, 64 << 20, 4096):
    area[at] = 1
area.close()
def reports():
    return open("d_usage.jsonl").read().count("\\n")
enough = reports() + 3
while reports() < enough:
    time.sleep(0.05)
print(json.dumps({"what": "memory", "pid": os.getpid(), "peak": status("VmHWM"), "rss": status("VmRSS"), "vsz": status("VmSize")}))
"""


class ProcfsTest(harness.DuctTest):
    def procfs(self, *words, **options):
        run = self.duct(*FAST, *words, **options)
        self.assertIsNotNone(run.info, run.stderr)
        self.assertEqual(run.info["tracer"]["sampler"], "procfs")
        self.assertIs(run.completeness["exact"], False)
        return run

    def python(self, script, *words):
        return (harness.PYTHON, "-c", script, *map(str, words))


class WhatIsSeen(ProcfsTest):
    def test_processes_of_the_session(self):
        run = self.procfs("--wait-all", fixture("tree"), "300", "1")
        self.assertEqual(run.status, 0, run.stderr)
        told = {o["what"]: o for o in run.said()}
        self.assertEqual(sorted(told), ["child", "daemon", "orphan", "session"])
        for kind in ("child", "orphan"):
            process = run.process(told[kind]["pid"])
            self.assertEqual(process["sid"], told[kind]["sid"])
            self.assert_near(process["cpu_time"], told[kind]["cpu_ns"] / 1e9, 0.15, what=kind)
        for kind in ("session", "daemon"):  # a moment before its setsid() it may have been seen
            self.assertFalse([p for p in run.processes if p["pid"] == told[kind]["pid"] and p["cpu_time"] > 0.1])
        root = run.process(run.processes[-1]["sid"])
        self.assertEqual((root["depth"], root["exit_code"], root["ppid"]), (0, 0, run.pid))
        self.assertEqual(len(run.processes), run.summary["num_processes"])

    @unittest.skipIf(NO_BPF, f"BPF cannot work here: {NO_BPF}")
    def test_the_kernel_sees_those_that_left_it(self):
        run = self.exact("--wait-all", fixture("tree"), "300", "1")
        for told in run.said():
            self.assertGreater(run.process(told["pid"])["cpu_time"], 0.29)

    def test_cpu_time_of_what_was_seen_to_the_end(self):
        for words, slack in (((fixture("burn"), 200, 7), 0.002), ((fixture("threads"), "burn", 3, 60), 3 * TICK)):
            run = self.procfs("--clobber", *self.python(KEEPER, 1, *words))
            (child,) = run.said("child")
            process = run.process(child["pid"])
            self.assert_near(process["cpu_time"], child["cpu"], slack, what=words[0])
            self.assert_near(process["user_time"] + process["system_time"], process["cpu_time"], 1e-6)
            self.assertLessEqual(abs(process["minor_faults"] - child["minflt"]), 2)
            self.assertEqual(process["exit_code"], os.waitstatus_to_exitcode(child["status"]), "a zombie tells")
        self.assertEqual(process["max_threads"], 4)

    def test_cpu_time_of_what_went_between_samples(self):
        run = self.procfs(*self.python(KEEPER, 0, fixture("burn"), 200))
        (child,) = run.said("child")
        process = run.process(child["pid"])
        self.assertLessEqual(process["cpu_time"], child["cpu"] + 0.001)
        self.assertGreater(process["cpu_time"], child["cpu"] - 0.15)
        self.assertLessEqual(process["end_time"], run.process(process["ppid"])["end_time"])

    def test_the_command_itself_is_complete(self):
        run = self.procfs("--sample-interval", "0.1", fixture("burn"), "130", "5")
        (process,) = run.processes
        self.assertEqual((run.status, process["exit_code"]), (5, 5))
        self.assertGreaterEqual(process["cpu_time"], 0.13)
        self.assertEqual(process["argv"], [fixture("burn"), "130", "5"])
        run = self.procfs("--clobber", "sh", "-c", "kill -SEGV $$")
        self.assertEqual((run.status, run.processes[-1]["exit_signal"]), (139, 11))
        self.assertNotIn("exit_code", run.processes[-1])

    def test_memory(self):
        run = self.procfs("--sample-interval", "0.1", *self.python(SPIKE))
        (memory,) = run.said("memory")
        process = run.process(memory["pid"])
        self.assert_near(process["peak_rss"], memory["peak"], 512 << 10, what="VmHWM, also between two samples")
        self.assertGreater(memory["peak"], 64 << 20)
        last = run.usage[-2]["processes"][str(memory["pid"])]  # the last one has the peak, as it ended
        self.assert_near(last["rss"], memory["rss"], 1 << 20, what="VmRSS")
        self.assert_near(last["vsz"], memory["vsz"], 1 << 20, what="VmSize")
        self.assertGreaterEqual(run.summary["peak_rss"], process["peak_rss"])
        self.assertEqual(run.info["tracer"]["memory_method"], "sampled")

    def test_states_as_ps_prints_them(self):
        process = self.start(*FAST, "sh", "-c", "nice -n 5 sleep 300 & sleep 301; wait")
        pids = self.wait_for(lambda: (found := [p for p in self.marked() if self.cmdline(p).startswith("sleep")]) and len(found) == 2 and found, "both sleep")
        shown = subprocess.run(["ps", "-o", "pid=,stat=", "-p", ",".join(map(str, pids))], capture_output=True, text=True).stdout
        lines = self.text("d_usage.jsonl").count("\n")
        self.wait_for(lambda: self.text("d_usage.jsonl").count("\n") > lines + 2, "two reports since")
        for pid in pids:
            os.kill(pid, 15)
        run = self.finish(process)
        seen = {}
        for pid, row in (item for line in run.usage for item in line["processes"].items()):
            seen.setdefault(pid, set()).update(row["stat"])
        sleepers = dict(line.split() for line in shown.splitlines())
        self.assertIn("SN", sleepers.values())
        for pid, stat in sleepers.items():
            self.assertIn(stat, seen[pid])

    def test_an_exec_is_noticed(self):
        run = self.procfs("sh", "-c", "sleep 0.2; exec sh -c 'sleep 1.21; :'")
        self.assertEqual(run.processes[-1]["argv"], ["sh", "-c", "sleep 1.21; :"], "the same program, other arguments")

    def test_a_hostile_name(self):
        name = "a) R 1 2 (b\n"
        script = "import sys, time; open('/proc/self/comm', 'w').write(sys.argv[1]); time.sleep(1)"
        run = self.procfs(*self.python(script, name))
        (process,) = run.processes
        self.assertEqual(process["comm"], name[:15])
        self.assertEqual((process["ppid"], process["sid"]), (run.pid, process["pid"]))

    def test_arguments_are_cut_where_asked(self):
        run = self.procfs("--max-argv", "1K", "sh", "-c", "sleep 1; :", "x" * 5000)
        (process,) = [p for p in run.processes if p["depth"] == 0]
        self.assertIs(process["argv_truncated"], True)
        self.assertEqual(sum(len(word) + 1 for word in process["argv"]) - 1, 1024)

    def test_many_come_and_go(self):
        run = self.procfs(fixture("forkstorm"), str(harness.scaled(2000)))
        self.assertEqual(run.status, 0)
        keys = {(p["pid"], p["start_time"]) for p in run.processes}
        self.assertEqual(len(keys), len(run.processes), "(pid, start_time) is unique")
        self.assertEqual(len(run.processes), run.summary["num_processes"])


class WhatIsNotKnown(ProcfsTest):
    def test_is_absent(self):
        run = self.procfs("sh", "-c", "sleep 0.3; false; sleep 0.3; :")
        for process in run.by_cmd("sleep"):
            # A machine short of CPU may leave it a zombie for as long as a sample takes to come, and that tells its status.
            self.assertIn(process.get("exit_code"), (None, 0))
            for name in ("exit_signal", "num_execs", "read_bytes", "write_chars", "voluntary_switches", "cgroup_id"):
                self.assertNotIn(name, process)
            self.assertIn("end_time", process)
        complete = dict(run.completeness)
        self.assertEqual((complete.pop("exact"), complete.pop("alive_at_end")), (False, 0))
        self.assertEqual(set(complete.values()), {None})
        self.assertIsNone(run.summary["num_execs"])
        self.assertIsNone(run.summary["num_failed"])

    def test_what_lived_between_samples_is_not_there(self):
        run = self.procfs("--sample-interval", "0.5", "--report-interval", "0.5", fixture("forkstorm"), "200")
        self.assertLess(run.summary["num_processes"], 100)

    @unittest.skipIf(NO_BPF, f"BPF cannot work here: {NO_BPF}")
    def test_the_records_have_the_same_keys(self):
        command = ("sh", "-c", f"{fixture('burn')} 150; sleep 1; :")
        sampled, exact = self.procfs(*command), self.exact("--clobber", *FAST[2:], *command)

        def keys(value, path=""):
            found = {path}
            for name, inner in value.items() if isinstance(value, dict) else ():
                found |= keys(inner, f"{path}/{'PID' if name[0].isdigit() else '' if path.endswith('stat') else name}")
            return found

        self.assertEqual(keys(sampled.info), keys(exact.info))
        self.assertEqual(set().union(*map(keys, sampled.usage)), set().union(*map(keys, exact.usage)))
        known = set().union(*exact.processes)
        for process in sampled.processes:
            self.assertLessEqual(set(process), known)
            self.assertLessEqual({"pid", "ppid", "start_time", "end_time", "wall_time", "cmd", "argv", "comm", "cpu_time",
                                  "peak_rss", "max_threads", "uid", "sid", "depth"}, set(process))
        for record, other in zip(sampled.processes, exact.processes, strict=True):
            self.assertEqual(record["argv"], other["argv"])
            self.assert_near(record["cpu_time"], other["cpu_time"], 0.1, what=record["cmd"])


class Modes(ProcfsTest):
    def test_without_privilege(self):
        binary = harness.copy_program(self.dir)
        before = ["setpriv", "--reuid", str(harness.NOBODY), "--regid", str(harness.NOBODY), "--clear-groups"] if os.geteuid() == 0 else []
        place = self.path("place")
        os.mkdir(place)
        os.chmod(place, 0o777)
        run = self.procfs("sh", "-c", "echo hello; sleep 1; exit 4", before=before, binary=binary, cwd=place)
        self.assertEqual((run.status, run.stdout), (4, "hello\n"))
        self.assertEqual(run.read("stdout"), b"hello\n")
        (root,) = [p for p in run.processes if p["depth"] == 0]
        self.assertEqual(root["exit_code"], 4)
        self.assertEqual({p["uid"] for p in run.processes}, {os.stat(run.path("info.json")).st_uid})
        self.assertEqual(len(run.by_cmd("sleep 1")), 1)
        # And where BPF is asked for, the way out is named.
        run = self.duct("true", before=before, binary=binary, cwd=place, prefix="e_")
        self.assertEqual(run.status, 1)
        self.assertIn("--sampler procfs", run.stderr)

    def test_by_the_environment(self):
        run = self.duct("sleep", "0.05", env={"DUCT_SAMPLER": "procfs"})
        self.assertEqual(run.info["tracer"]["sampler"], "procfs")
        run = self.duct("--sampler", "procfs", "no-such-command", prefix="n_")
        self.assertEqual((run.status, run.files()), (127, []))

    def test_limits_of_the_command_are_its_own(self):
        run = self.procfs("sh", "-c", "ulimit -Sn", before=["sh", "-c", 'ulimit -Sn 300; exec "$@"', "sh"])
        self.assertEqual(run.stdout, "300\n")

    def test_current_session(self):
        self.addCleanup(self.kill_marked)
        there = harness.until_exec("sleep")
        script = f'sleep 300 >/dev/null 2>&1 & {there}; setsid sleep 301 >/dev/null 2>&1 & {there}; exec "$@"'
        run = self.procfs("--mode", "current-session", "sh", "-c", "sleep 1; exit 3", before=["sh", "-c", script, "sh"], start_new_session=True)
        self.kill_marked()
        self.assertEqual(run.status, 3)
        (lived,) = run.by_cmd("sleep 300")
        self.assertEqual((lived.get("adopted"), lived.get("alive"), lived["depth"]), (True, True, 0))
        self.assertFalse(run.by_cmd("sleep 301"))
        self.assertEqual(len(run.by_cmd("sleep 1")), 1)
        self.assertFalse([p for p in run.processes if p["pid"] == run.pid], "not the tracer itself")

    def test_attach(self):
        victim = subprocess.Popen(["sh", "-c", f"sleep 300 & while [ ! -e go ]; do sleep 0.02; done; setsid {fixture('burn')} 150; sleep 0.1; kill $!; exit 9"],
                                  env=self.environment(), cwd=self.dir, stdin=subprocess.DEVNULL)
        self.addCleanup(victim.wait)
        self.addCleanup(self.kill_marked)
        self.wait_for(lambda: any(self.cmdline(pid) == "sleep 300" for pid in self.marked()), "its child")
        process = self.start(*FAST, "--attach", str(victim.pid))
        self.assertIn(b"is attached to process", process.stderr.readline())
        self.write("go", "")
        run = self.finish(process)
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(run.process(victim.pid)["adopted"], True)
        (burner,) = run.by_cmd(fixture("burn"))
        self.assertNotIn("adopted", burner)
        self.assertEqual((burner["ppid"], burner["depth"]), (victim.pid, 1))
        self.assertGreater(burner["cpu_time"], 0.05)
        self.assertEqual(len(run.by_cmd("sleep 300")), 1)
        self.assertIn(run.summary["exit_code"], (9, None))

    def test_wait_all(self):
        run = self.procfs("--wait-all", "sh", "-c", "sleep 2 & sleep 1; exit 0")
        self.assertGreater(run.summary["wall_clock_time"], 1.95)
        self.assertEqual(run.completeness["alive_at_end"], 0)
        run = self.procfs("--clobber", "sh", "-c", "sleep 300 >/dev/null 2>&1 & sleep 1; exit 0")
        self.kill_marked()
        self.assertLess(run.summary["wall_clock_time"], 200)
        (sleeper,) = run.by_cmd("sleep 300")
        self.assertIs(sleeper["alive"], True)
        self.assertNotIn("end_time", sleeper)
        run = self.procfs("--clobber", "--sample-interval", "30", "--report-interval", "30", "--wait-all", "true")
        self.assertLess(run.wall, 28, "nobody is left to wait for")

    def test_terminal_and_signals(self):
        run = self.procfs("--pty", "sh", "-c", "tty; sleep 1; :")
        self.assertIn("/dev/pts/", run.stdout)
        self.assertEqual(len(run.by_cmd("sleep 1")), 1)
        process = self.start(*FAST, "--clobber", "sleep", "60")
        self.wait_for(lambda: any(self.cmdline(pid) == "sleep 60" for pid in self.marked()), "the command")
        process.terminate()
        run = self.finish(process)
        self.assertEqual((run.status, run.processes[-1]["exit_signal"]), (143, 15))

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_as_another_user(self):
        run = self.procfs("--user", str(harness.NOBODY), "sh", "-c", "sleep 1; :")
        self.assertEqual({p["uid"] for p in run.processes}, {harness.NOBODY})

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_proc_of_another_pid_namespace_is_refused(self):
        run = self.duct("--sampler", "procfs", "touch", "was-run", before=["unshare", "--pid", "--fork"])
        self.assertEqual(run.status, 1)
        self.assertIn("another pid namespace", run.stderr)
        self.assertIn("mount -t proc", run.stderr)
        self.assertFalse(os.path.exists(self.path("was-run")))


if __name__ == "__main__":
    harness.main(needs_bpf=False)

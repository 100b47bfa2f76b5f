# SPDX-License-Identifier: MIT
"""Exit statuses, and signals sent to duct-bpf: passed on, obeyed, recorded."""

import os
import signal
import time
import unittest

import harness

# Notes each INT, TERM and HUP; ends with 5 when the file "end" is there.
STUBBORN = """
import os, signal, time
def note(number, frame):
    with open("got", "a") as file: file.write(signal.Signals(number).name + "\\n")
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, note)
open("ready", "w").write("x")
while not os.path.exists("end"): time.sleep(0.02)
raise SystemExit(5)
"""


class Status(harness.DuctTest):
    def test_code_of_the_command(self):
        for code in (0, 1, 77, 255):
            run = self.duct("-q", "--clobber", "--fail-time", "0", "--", "sh", "-c", f"exit {code}")
            self.assertEqual(run.status, code)
            self.assertEqual((run.summary["exit_code"], run.summary["exit_signal"], run.summary["termination"]), (code, None, "exit"))

    def test_signal_of_the_command(self):
        for number in (9, 11, 15):
            run = self.duct("-q", "--clobber", "--fail-time", "0", "--", "sh", "-c", f"ulimit -c 0; kill -{number} $$")
            self.assertEqual(run.status, 128 + number)
            self.assertEqual((run.summary["exit_code"], run.summary["exit_signal"], run.summary["termination"]), (128 + number, number, "signal"))


class Signals(harness.DuctTest):
    def stubborn(self, *words):
        process = self.start("--fail-time", "0", *words, "--", harness.PYTHON, "-c", STUBBORN)
        self.wait_for_file("ready", b"x")
        return process

    def got(self, *names):
        self.wait_for_file("got", "".join(f"{name}\n" for name in names).encode())

    def test_killed_while_it_waits_to_be_started(self):
        # duct-bpf is stopped somewhere in its start, until that is where its child waits for it.
        too_late = 0
        for attempt in range(200):
            process = self.start("--clobber", "--", "touch", "was-run")
            time.sleep(0.001 + attempt % 20 * 0.0005 * (1 + attempt // 20))  # longer and longer, for machines that are slow to start
            process.send_signal(signal.SIGSTOP)
            child = self.child_of(process.pid)
            if child and os.path.exists(f"/proc/{child}/exe") and os.path.samefile(f"/proc/{child}/exe", f"/proc/{process.pid}/exe"):
                os.kill(child, signal.SIGKILL)
                process.send_signal(signal.SIGCONT)
                _, err = process.communicate(timeout=harness.PATIENCE)
                if process.returncode == 128 + signal.SIGKILL:  # it was in the ledger already
                    too_late += 1
                    continue
                self.assertEqual(process.returncode, 1, err)
                self.assertIn(b"killed before it could be started", err)
                self.assertEqual(os.listdir(self.dir), [])
                return
            process.send_signal(signal.SIGCONT)
            self.assertEqual(self.finish(process).status, 0)
            os.unlink(self.path("was-run"))
        self.assertLess(too_late, 20)
        self.skipTest("never stopped there")

    @staticmethod
    def child_of(pid):
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == pid:
                        return int(name)
            except (FileNotFoundError, ProcessLookupError):
                continue
        return None

    def test_interrupt_is_passed_on_twice_then_kills(self):
        process = self.stubborn()
        os.kill(process.pid, signal.SIGINT)
        self.got("SIGINT")
        os.kill(process.pid, signal.SIGINT)
        self.got("SIGINT", "SIGINT")
        self.assertIsNone(process.poll())
        os.kill(process.pid, signal.SIGINT)
        run = self.finish(process)
        self.assertEqual(run.status, 137)
        self.assertEqual(self.text("got"), "SIGINT\nSIGINT\n")
        self.assert_exact(run)
        self.assertEqual(run.summary["exit_signal"], 9)
        self.assertEqual(run.summary["termination"], "interrupted")

    def test_interrupt_ends_an_ordinary_command(self):
        process = self.start("--fail-time", "0", "--", "sh", "-c", "touch ready; sleep 60")
        self.wait_for_file("ready")
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        run = self.finish(process)
        self.assertEqual((run.status, run.summary["termination"]), (130, "interrupted"))
        self.assert_exact(run)
        self.assertEqual(run.completeness["alive_at_end"], 0, "the whole group has got it")

    def test_terminate_and_hangup(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                process = self.start("--clobber", "--fail-time", "0", "--", "sh", "-c", "touch ready; sleep 60")
                self.wait_for_file("ready")
                time.sleep(0.1)
                os.kill(process.pid, number)
                run = self.finish(process)
                self.assertEqual(run.status, 128 + number)
                self.assertEqual((run.summary["exit_signal"], run.summary["termination"]), (number, "signal"))
                self.assert_exact(run)
                os.unlink(self.path("ready"))

    def test_a_command_that_handles_it_goes_on(self):
        process = self.stubborn()
        os.kill(process.pid, signal.SIGTERM)
        self.got("SIGTERM")
        os.kill(process.pid, signal.SIGHUP)
        self.got("SIGTERM", "SIGHUP")
        self.assertIsNone(process.poll())
        self.write("end", "")
        run = self.finish(process)
        self.assertEqual((run.status, run.summary["termination"], run.summary["exit_code"]), (5, "exit", 5))
        self.assert_exact(run)

    def test_interrupt_ends_the_wait_for_a_daemon(self):
        process = self.start("--wait-all", "--fail-time", "0", "--", "sh", "-c", "setsid sleep 300 & exit 4")
        self.wait_for(lambda: any(self.cmdline(pid) == "sleep 300" for pid in self.marked()), "the daemon")
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        os.kill(process.pid, signal.SIGINT)
        run = self.finish(process)
        self.kill_marked()
        self.assertEqual(run.status, 4)
        self.assertEqual([p.get("alive") for p in run.by_cmd("sleep 300")], [True])

    def test_stop_and_continue(self):
        process = self.start("--", "sh", "-c", "echo $$ > pid.tmp; mv pid.tmp pid; while [ ! -e end ]; do sleep 0.05; done", process_group=0)
        self.wait_for_file("pid", b"\n")
        command = int(self.text("pid"))
        os.kill(process.pid, signal.SIGTSTP)
        # D: the shell waits for a child that was stopped between vfork and exec.
        self.wait_for(lambda: self.state(command) in "TD" and self.state(process.pid) == "T", "both stopped")
        os.kill(process.pid, signal.SIGCONT)
        self.wait_for(lambda: self.state(command) != "T" and self.state(process.pid) != "T", "both go on")
        self.write("end", "")
        run = self.finish(process)
        self.assertEqual(run.status, 0)
        self.assert_exact(run)

    def test_the_command_has_the_usual_handlers(self):
        script = "import signal; print([int(n) for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN], signal.pthread_sigmask(signal.SIG_BLOCK, []))"
        direct = harness.subprocess.run([harness.PYTHON, "-c", script], capture_output=True, text=True)
        run = self.duct("-q", "--", harness.PYTHON, "-c", script)
        self.assertEqual(run.stdout, direct.stdout)

    def test_what_was_ignored_stays_ignored(self):
        # As under nohup.
        run = self.duct("-q", "--fail-time", "0", "--", "sh", "-c", "kill -HUP $$; echo alive", before=["sh", "-c", 'trap "" HUP; exec "$@"', "sh"])
        self.assertEqual((run.status, run.stdout), (0, "alive\n"))


if __name__ == "__main__":
    harness.main()

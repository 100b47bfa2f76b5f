# SPDX-License-Identifier: MIT
"""How a process ended: code, signal, core. Oracle: wait4's status."""

import os
import signal
import struct
import unittest

import harness
from harness import fixture


class ExitStatus(harness.DuctTest):
    def end(self, *words):
        run = self.exact("--", fixture("reap"), "1", "1", fixture("crash"), *words)
        child = run.said("child")[0]
        process = run.process(child["pid"])
        status = child["status"]
        if os.WIFSIGNALED(status):
            self.assertEqual(process.get("exit_signal"), os.WTERMSIG(status))
            self.assertNotIn("exit_code", process)
        else:
            self.assertEqual(process.get("exit_code"), os.WEXITSTATUS(status))
            self.assertNotIn("exit_signal", process)
        self.assertEqual(process.get("core_dumped", False), child["core"])
        self.assertEqual(run.summary["num_failed"], 1 + (run.status != 0) if status else 0)
        return process, child

    def test_codes(self):
        for code in (0, 1, 42, 255):
            with self.subTest(code):
                self.assertEqual(self.end("exit", str(code))[0]["exit_code"], code)
                self._next()

    def test_signals(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGRTMAX):
            with self.subTest(number):
                self.assertEqual(self.end("signal", str(int(number)))[0]["exit_signal"], number)
                self._next()

    def test_crash_without_core(self):
        process, child = self.end("segv")
        self.assertEqual(process["exit_signal"], signal.SIGSEGV)
        self.assertFalse(child["core"])

    def test_core_dumped(self):
        process, child = self.end("abort", "0", "core")
        self.assertEqual(process["exit_signal"], signal.SIGABRT)
        if not child["core"]:
            self.skipTest("the kernel dumps no core here")
        self.assertIs(process["core_dumped"], True)

    @unittest.skipUnless(os.uname().machine == "x86_64", "the program is one of x86-64")
    def test_killed_by_its_exec(self):
        # An address where nothing can be mapped: found out when there is no way back. So the command has never run a program.
        program = self.path("nowhere")
        header = struct.pack("=16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 1 << 22, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        segment = struct.pack("=IIQQQQQQ", 1, 5, 0, 0x7FFFFFFFE000, 0x7FFFFFFFE000, 4096, 1 << 20, 4096)
        with open(program, "wb") as file:
            file.write(header + segment + bytes(4096))
        os.chmod(program, 0o755)
        run = self.exact("--fail-time", "0", "--", program)
        self.assertEqual(run.status, 128 + signal.SIGSEGV)
        process, = run.processes
        self.assertEqual((process["num_execs"], process["exit_signal"]), (0, signal.SIGSEGV))

    def test_killed_from_outside(self):
        run = self.exact("--", "sh", "-c", f"{fixture('burn')} 60000 & {harness.until_exec('burn')}; kill -9 $!; wait $!; exit 0")
        self.assertEqual(run.by_cmd(fixture("burn"))[0]["exit_signal"], 9)

    def _next(self):
        for name in os.listdir(self.dir):
            os.unlink(self.path(name))


if __name__ == "__main__":
    harness.main()

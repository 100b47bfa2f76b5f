# SPDX-License-Identifier: MIT
"""What the command writes and reads: every byte, to where it was asked for."""

import hashlib
import json
import os
import signal
import subprocess
import unittest

import harness

BOTH = ["--", "sh", "-c", "printf 'out\\0\\377no newline'; printf 'err\\n' >&2"]
OUT, ERR = b"out\0\xffno newline", b"err\n"


class Matrix(harness.DuctTest):
    def test_capture_and_outputs(self):
        wanted = {"all": (True, True), "none": (False, False), "stdout": (True, False), "stderr": (False, True)}
        for capture, (file_out, file_err) in wanted.items():
            for outputs, (show_out, show_err) in wanted.items():
                with self.subTest(capture=capture, outputs=outputs):
                    run = self.duct("-q", "--clobber", "-c", capture, "-o", outputs, *BOTH, prefix=f"{capture}-{outputs}_")
                    self.assertEqual(run.status, 0)
                    self.assertEqual(run.stdout_bytes, OUT if show_out else b"")
                    self.assertEqual(run.stderr_bytes, ERR if show_err else b"")
                    self.assertEqual(run.read("stdout"), OUT if file_out else None)
                    self.assertEqual(run.read("stderr"), ERR if file_err else None)

    def test_what_the_command_gets(self):
        # Captured: the file itself, appended to by the command's own hand. Passed only: our own stream. Neither: /dev/null.
        def target(*words):
            return self.duct("-q", "--clobber", *words, "--", "sh", "-c", "readlink /proc/self/fd/2 > where; readlink /proc/$$/fd/2 >> where")

        target("-c", "all", "-o", "all")
        self.assertEqual(self.text("where").split()[-1], self.path("d_stderr"))
        target("-c", "none", "-o", "none")
        self.assertEqual(self.text("where").split()[-1], "/dev/null")
        with open(self.path("our-stderr"), "wb") as file:
            run = self.duct("-q", "--clobber", "-c", "none", "--", "sh", "-c", "readlink /proc/$$/fd/2 > where; echo x >&2", stderr=file)
        self.assertEqual(run.status, 0)
        self.assertEqual(self.text("where").split(), [self.path("our-stderr")])
        self.assertEqual(self.text("our-stderr"), "x\n")

    def test_no_more_descriptors_than_it_had(self):
        run = self.duct("-q", "--", "sh", "-c", "ls /proc/$$/fd")
        direct = subprocess.run(["sh", "-c", "ls /proc/$$/fd"], capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual(run.stdout_bytes, direct.stdout)

    def test_progress_in_place_of_output(self):
        for view in ("spinner", "dotter"):
            with self.subTest(view):
                run = self.duct("-o", view, "-l", "warning", "--", "sh", "-c", "echo out; echo err >&2; sleep 1.6", prefix=f"{view}_")
                self.assertEqual(run.stdout_bytes, b"")
                self.assertNotIn(b"err", run.stderr_bytes)
                self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out\n", b"err\n"))
                self.assertGreater(len(run.stderr_bytes), 0, "nothing is shown")

    def test_large_output(self):
        size = 50_000_000
        block = os.urandom(1_000_000)
        with open(self.path("big"), "wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
        process = self.start("-q", "--", "cat", "big")
        shown = hashlib.sha256()
        count = 0
        while data := process.stdout.read1(1 << 20):
            shown.update(data)
            count += len(data)
        run = self.finish(process)
        expected = hashlib.sha256(block * (size // len(block))).hexdigest()
        self.assertEqual(count, size)
        self.assertEqual(shown.hexdigest(), expected)
        self.assertEqual(hashlib.sha256(run.read("stdout")).hexdigest(), expected)
        self.assertEqual(run.status, 0)

    def test_lines_come_while_the_command_runs(self):
        process = self.start("-q", "--", "sh", "-c", "echo first; read answer; echo $answer", stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"first\n")
        process.stdin.write(b"second\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"second\n")
        self.assertEqual(self.finish(process).status, 0)

    def test_output_of_a_daemon_that_writes_later(self):
        run = self.duct("-q", "--wait-all", "--", "sh", "-c", "(setsid sh -c 'sleep 0.5; echo late' &); echo early")
        self.assertEqual(run.stdout, "early\nlate\n")
        self.assertEqual(run.read("stdout"), b"early\nlate\n")


class Streams(harness.DuctTest):
    def test_stdin_through_a_pipe(self):
        data = os.urandom(3_000_000)
        run = self.duct("-q", "--", "cat", input=data)
        self.assertEqual(run.stdout_bytes, data)
        run = self.duct("-q", "--clobber", "--", "sh", "-c", "read line; echo $line", input=b"one\ntwo\n")
        self.assertEqual(run.stdout, "one\n")

    def test_stdin_is_not_read_by_us(self):
        reader, writer = os.pipe()
        os.write(writer, b"untouched")
        run = self.duct("-q", "--", "true", stdin=reader)
        self.assertEqual(run.status, 0)
        self.assertEqual(os.read(reader, 100), b"untouched")
        os.close(reader)
        os.close(writer)

    def test_stdin_of_a_terminal(self):
        master, slave = os.openpty()
        process = self.start("-q", "--", harness.PYTHON, "-c", "import os; print(os.isatty(0)); print(input())", stdin=slave)
        os.write(master, b"typed\n")
        run = self.finish(process)
        os.close(slave)
        os.close(master)
        self.assertEqual(run.stdout, "True\ntyped\n")

    def test_streams_that_are_closed(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                run = self.duct("--clobber", "--fail-time", "0", "--", "sh", "-c", "echo out; echo err >&2; exit 7",
                                before=["sh", "-c", f'exec "$@" {closed}', "sh"])
                self.assertEqual(run.status, 7)
                self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out\n", b"err\n"))
                self.assert_exact(run)

    def test_reader_that_goes_away(self):
        process = self.start("-q", "--fail-time", "0", "--", "sh", "-c", "echo first; read go; seq 100000; echo $? > code; exit 3", stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"first\n")
        process.stdout.close()
        process.stdout = None
        run = self.finish(process, b"go\n")
        self.assertEqual(run.status, 3)
        self.assertEqual(self.text("code"), "0\n")
        self.assertEqual(run.read("stdout").count(b"\n"), 100001)
        self.assert_exact(run)

    def test_stderr_that_goes_away(self):
        process = self.start("--fail-time", "0", "--", "sh", "-c", "read go; echo err >&2; exit 3", stdin=subprocess.PIPE)
        process.stderr.close()
        process.stderr = None
        run = self.finish(process, b"go\n")
        self.assertEqual(run.status, 3)
        self.assert_exact(run)

    def test_slow_reader_does_not_hold_the_command(self):
        process = self.start("-q", "--", "sh", "-c", "seq 200000; touch done")
        self.wait_for(lambda: os.path.exists(self.path("done")), "the command must not wait for our reader")
        run = self.finish(process)
        self.assertEqual(run.stdout.count("\n"), 200000)

    def test_tracer_killed(self):
        process = self.start("--", "sh", "-c", "echo before; touch ready; while [ ! -e go ]; do sleep 0.05; done; echo after; echo done >&2; touch finished")
        self.wait_for_file("ready")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.write("go", "")
        self.wait_for_file("finished")
        self.assertEqual(self.text("d_stdout"), "before\nafter\n")
        self.assertEqual(self.text("d_stderr"), "done\n")
        process.communicate()
        with open(self.path("d_usage.jsonl")) as file:
            for line in file:
                json.loads(line)


if __name__ == "__main__":
    harness.main()

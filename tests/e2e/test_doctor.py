# SPDX-License-Identifier: MIT
"""What the doctor says, and that it is true: against a real run and the files it names."""

import json
import os
import unittest

import harness
import test_privilege


def facts(text):
    diagnosis = json.loads(text)
    return diagnosis, {fact["name"]: fact for fact in diagnosis["facts"]}


class Doctor(test_privilege.WithCapabilities):
    def doctor(self, *words, **options):
        return self.duct("--doctor", *words, prefix=None, **{**self.options(options), **options})

    def test_root(self):
        run = self.doctor("--json", before=[])
        diagnosis, by_name = facts(run.stdout)
        self.assertEqual((run.status, diagnosis["works"], run.stderr), (0, True, ""))
        self.assertEqual({fact["state"] for fact in diagnosis["facts"]} - {"note"}, {"good"})
        self.assertEqual(by_name["kernel"]["value"], os.uname().release)
        self.assertTrue(by_name["privilege"]["value"].startswith("root"))
        self.assertEqual((diagnosis["run"]["num_processes"], diagnosis["run"]["exact"]), (2, True))
        self.assertEqual(os.listdir(self.place), [], "no file is left")

    def test_user_with_capabilities(self):
        run = self.doctor()
        self.assertEqual((run.status, run.stderr), (0, ""), run.stdout)
        self.assertIn("of the program's file", run.stdout)
        self.assertTrue(run.stdout.endswith("duct-bpf works here.\n"))
        self.assertNotIn("BAD", run.stdout)
        self.assertNotIn("\033", run.stdout)

    def test_user_without(self):
        os.removexattr(self.binary, "security.capability")
        run = self.doctor("--json")
        diagnosis, by_name = facts(run.stdout)
        self.assertEqual((run.status, diagnosis["works"], diagnosis["run"]), (1, False, None))
        privilege = by_name["privilege"]
        self.assertEqual(privilege["state"], "bad")
        self.assertIn(f"setcap cap_bpf,cap_perfmon+ep {self.binary}", privilege["mend"])
        # A real run says the same.
        real = self.run_as_user("--", "true")
        self.assertIn(f"{privilege['meaning']}; hint: {privilege['mend']}", real.stderr)
        self.assertIn("duct-bpf does not work here.", self.doctor().stdout)

    def test_capabilities_that_do_not_count(self):
        run = self.doctor(before=[*test_privilege.AS_USER, "setpriv", "--no-new-privs"])
        self.assertEqual(run.status, 1)
        self.assertIn("no_new_privs", run.stdout)

    def test_user_namespace(self):
        run = self.doctor("--json", before=["unshare", "--user", "--map-root-user"])
        diagnosis, by_name = facts(run.stdout)
        self.assertEqual((run.status, by_name["user namespace"]["state"]), (1, "bad"))

    def test_pid_namespace(self):
        run = self.doctor(before=test_privilege.PidNamespaces.INSIDE)
        self.assertEqual(run.status, 0, run.stdout)
        self.assertIn("found by task", run.stdout)

    def test_usage(self):
        for words in (["--json", "true"], ["--doctor", "true"]):
            run = self.duct(*words, prefix=None)
            self.assertEqual((run.status, len(run.stderr.splitlines())), (2, 1))

    def test_nobody_reads_it(self):
        with open("/dev/full", "w") as full:
            self.assertEqual(self.doctor(before=[], stdout=full).status, 1)


class OtherMachines(harness.DuctTest):
    """What this machine is not, made of mounts of the test's own."""

    NO_CACHE = "mount -t tmpfs none /var/cache"

    def started_with(self, script):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script + ' && exec "$@"', "sh"]

    def diagnosis(self, before, status, works):
        run = self.duct("--doctor", "--json", prefix=None, before=before)
        diagnosis, by_name = facts(run.stdout)
        self.assertEqual((run.status, diagnosis["works"]), (status, works), run.stdout)
        return by_name

    def assert_run_says(self, fact, before):
        """An error says what the doctor does, in one line, and nothing is run."""
        run = self.duct("--", "touch", "was-run", prefix="logs/d_", before=before)
        self.assertEqual(run.status, 1, run.stderr)
        self.assertIn(f"duct-bpf: {fact['meaning']}; hint: {fact['mend']}\n", run.stderr)
        self.assertEqual((len(run.stderr.splitlines()), os.path.exists(self.path("was-run"))), (1, False))

    @unittest.skipUnless(os.path.isdir("/sys/kernel/security"), "nowhere to put it")
    def test_lockdown(self):
        for modes, state in (("none [integrity] confidentiality", "good"), ("none integrity [confidentiality]", "bad")):
            with self.subTest(modes):
                before = self.started_with(f"mount -t tmpfs none /sys/kernel/security && echo '{modes}' > /sys/kernel/security/lockdown")
                by_name = self.diagnosis(before, 0, True)  # this kernel goes on as before
                self.assertEqual((by_name["lockdown"]["value"], by_name["lockdown"]["state"]), (modes, state))
                if state == "bad":
                    self.assertIn("lockdown=confidentiality", by_name["lockdown"]["mend"])

    def test_no_type_data(self):
        for hide, mend in (("mount -t tmpfs none /sys/kernel/btf", "CONFIG_DEBUG_INFO_BTF"), ("umount -l /sys", "mount -t sysfs sysfs /sys")):
            with self.subTest(hide):
                before = self.started_with(f"{self.NO_CACHE} && {hide}")
                by_name = self.diagnosis(before, 1, False)
                self.assertEqual(by_name["type data (BTF)"]["state"], "bad")
                self.assertIn(mend, by_name["type data (BTF)"]["mend"])
                self.assert_run_says(by_name["type data (BTF)"], before)

    @unittest.skipIf(harness.SANITIZED, "the sanitizers need it themselves")
    def test_no_proc(self):
        for cache in ("true", self.NO_CACHE):
            with self.subTest(cache):
                by_name = self.diagnosis(self.started_with(f"{cache} && umount -l /proc"), 0, True)
                self.assertEqual((by_name["pid namespace"]["state"], by_name["pid namespace"]["value"]), ("note", "/proc is not mounted"))
        run = self.duct("--fail-time", "0", "--", "sh", "-c", "echo out; exit 6", before=self.started_with("umount -l /proc"))
        self.assertEqual((run.status, run.read("stdout")), (6, b"out\n"))
        self.assert_exact(run)
        self.assertRegex(run.stderr, r"\[WARNING +\] .*captured but cannot be shown")

    def test_dear_sysctls(self):
        for name, value in (("net/core/bpf_jit_enable", 0), ("kernel/bpf_stats_enabled", 1)):
            with self.subTest(name):
                by_name = self.diagnosis(self.started_with(f"echo {value} > value && mount --bind value /proc/sys/{name}"), 0, True)
                dotted = name.replace("/", ".")
                self.assertEqual((by_name["sysctl"]["value"], by_name["sysctl"]["state"]), (f"{dotted}={value}", "note"))
                self.assertEqual(by_name["sysctl"]["mend"], f"sudo sysctl {dotted}={1 - value}")

    def test_seccomp(self):
        # A filter as containers have it: bpf(2) gives an error, all else is allowed.
        for error, text in ((1, "Operation not permitted"), (38, "Function not implemented")):
            with self.subTest(text):
                before = harness.filtered(harness.BPF_SYSCALL, error)
                fact = self.diagnosis(before, 1, False)["bpf(2)"]
                self.assertEqual((fact["state"], fact["value"]), ("bad", "refused"))
                self.assertIn(f"{text} (by a seccomp filter)", fact["meaning"])
                self.assertIn("--security-opt seccomp", fact["mend"])
                self.assert_run_says(fact, before)

    def test_open_files(self):
        before = ["sh", "-c", 'ulimit -n 79; exec "$@"', "sh"]
        fact = self.diagnosis(before, 1, False)["open files"]
        self.assertEqual((fact["value"], fact["state"], fact["mend"]), ("79", "bad", "ulimit -n 1024"))
        self.assert_run_says(fact, before)
        self.assertEqual(self.diagnosis(["sh", "-c", 'ulimit -n 80; exec "$@"', "sh"], 0, True)["open files"]["state"], "good")

    def test_nosuid(self):
        # There the capabilities of a file do not count.
        script = f'mount -t tmpfs -o nosuid,mode=755 none there && cp {harness.BIN} there/duct-bpf && setcap cap_bpf,cap_perfmon+ep there/duct-bpf && cd there'
        os.mkdir(self.path("there"))
        user = ["setpriv", "--reuid", str(harness.NOBODY), "--regid", str(harness.NOBODY), "--clear-groups"]
        os.chmod(self.dir, 0o755)
        run = self.duct(prefix=None, before=self.started_with(f"{script} && set -- {' '.join(user)} ./duct-bpf --doctor --json"))
        fact = facts(run.stdout)[1]["privilege"]
        self.assertEqual((run.status, fact["state"]), (1, "bad"), run.stderr)
        self.assertIn("the mount option nosuid", fact["meaning"])
        self.assertIn("/usr/local/bin", fact["mend"])


if __name__ == "__main__":
    harness.main()

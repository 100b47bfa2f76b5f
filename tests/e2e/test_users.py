# SPDX-License-Identifier: MIT
"""Whose command, whose files; and what is said where BPF may not be used."""

import os
import unittest

import harness
from harness import NOBODY

SUDO = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY), "SUDO_USER": "nobody"}
WHO = ["sh", "-c", "id -u; id -g; id -G; id -un"]


class Users(harness.DuctTest):
    def owners(self, top):
        found = {}
        for directory, _, names in os.walk(self.path(top)):
            for name in [".", *names]:
                status = os.stat(os.path.join(directory, name))
                found[os.path.join(directory, name)] = (status.st_uid, status.st_gid)
        return found

    def test_user_by_name_and_number(self):
        os.chmod(self.dir, 0o777)
        for user in ("nobody", str(NOBODY)):
            run = self.duct("-q", "--clobber", "--user", user, "--", *WHO)
            self.assertEqual(run.status, 0)
            lines = run.stdout.split("\n")
            self.assertEqual((lines[0], lines[1], lines[3]), (str(NOBODY), str(NOBODY), "nobody"))
            self.assertNotIn("0", lines[2].split(), "root's groups are given up")
            self.assert_exact(run)
            self.assertEqual({p["uid"] for p in run.processes}, {NOBODY})

    def test_user_has_no_capability_left(self):
        run = self.duct("-q", "-u", "nobody", "--", "grep", "^Cap[PE]", "/proc/self/status")
        self.assertEqual({line.split()[1] for line in run.stdout.splitlines()}, {"0" * 16})

    def test_unknown_user(self):
        run = self.duct("--user", "no-such-user", "--", "touch", "was-run", prefix="logs/d_")
        self.assertEqual((run.status, len(run.stderr.splitlines())), (2, 1), run.stderr)
        self.assertEqual(os.listdir(self.dir), [])
        self.assertIn("no-such-user", run.stderr)

    def test_as_invoker(self):
        os.chmod(self.dir, 0o777)
        run = self.duct("-q", "--as-invoker", "--", *WHO, env=SUDO)
        self.assertEqual(run.stdout.split()[:2], [str(NOBODY), str(NOBODY)])
        self.assertEqual({p["uid"] for p in run.processes}, {NOBODY})

    def test_as_invoker_without_sudo(self):
        run = self.duct("--as-invoker", "--", "touch", "was-run", prefix="logs/d_")
        self.assertEqual(run.status, 2)
        self.assertEqual(os.listdir(self.dir), [])

    def test_files_belong_to_who_called_sudo(self):
        for mode in (0o755, 0o777):  # a directory that is root's, then one that is everybody's
            with self.subTest(oct(mode)):
                os.chmod(self.dir, mode)
                top = f"logs{mode}"
                run = self.duct("--", "id", "-u", prefix=f"{top}/deep/d_", env=SUDO)
                self.assertEqual((run.status, run.stdout), (0, "0\n"))
                owners = self.owners(top)
                self.assertEqual(len(owners), 7)
                self.assertEqual(set(owners.values()), {(NOBODY, NOBODY)}, owners)

    def test_files_are_ours_without_sudo(self):
        self.duct("--", "true", prefix="logs/d_")
        self.assertEqual(set(self.owners("logs").values()), {(0, 0)})

    def test_the_invokers_rights_are_not_exceeded(self):
        # A prefix that leads through a link of theirs into a place that is root's must not give that place away.
        os.mkdir(self.path("roots"), 0o700)
        self.write("roots/d_stdout.keep", "x")
        run = self.duct("--", "echo", "hello", prefix="roots/d_", env=SUDO)
        self.assertEqual((run.status, run.stdout), (0, "hello\n"))
        self.assertEqual(os.stat(self.path("roots")).st_uid, 0)


class NoPrivilege(harness.DuctTest):
    def test_one_line_and_not_run(self):
        place = self.path("place")
        os.mkdir(place)
        os.chown(place, NOBODY, NOBODY)
        binary = harness.copy_program(self.dir)
        before = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        run = self.duct("--", "touch", "was-run", binary=binary, cwd=place, before=before, prefix="logs/d_",
                        env=harness.ENV_NO_LEAK_CHECK)
        self.assertEqual(run.status, 1, run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        self.assertIn("[ERROR ", run.stderr)
        self.assertRegex(run.stderr, r"hint: .*(sudo|root|CAP_BPF|cap_bpf)")
        self.assertEqual(os.listdir(place), [])

    def test_version_needs_none(self):
        binary = harness.copy_program(self.dir)
        run = self.duct("--version", binary=binary, prefix=None, before=["setpriv", "--reuid", str(NOBODY), "--clear-groups"])
        self.assertEqual(run.status, 0)


if __name__ == "__main__":
    harness.main()

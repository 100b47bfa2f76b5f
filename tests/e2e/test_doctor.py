# SPDX-License-Identifier: MIT
"""What the doctor says, and that it is true: against a real run and the files it names."""

import json
import os

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


if __name__ == "__main__":
    harness.main()

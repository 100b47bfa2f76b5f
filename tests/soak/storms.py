# SPDX-License-Identifier: MIT
"""What the soak traces: storms of every kind for some seconds, about RATE processes a second. Says at the end, as a line of JSON, how
many processes there were, how they ended, and what CPU time the kernel says they used; all is known by construction and wait4().

usage: storms.py SECONDS SEED RATE FIXTURES
"""

import collections
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time


class Storms:
    def __init__(self, seed, fixtures):
        self.random = random.Random(seed)
        self.fixtures = fixtures
        self.endings = collections.Counter({"0": 1})  # this process
        self.storms = collections.Counter()
        self.max_threads = 0

    def run(self, *words):
        subprocess.run(words, stdout=subprocess.DEVNULL, check=False)

    def fixture(self, name, *words):
        self.run(os.path.join(self.fixtures, name), *map(str, words))
        self.endings["0"] += 1

    def forks(self):
        count, code = self.random.randint(200, 1500), self.random.randint(0, 255)
        self.fixture("forkstorm", count, code)
        self.endings[str(code)] += count

    def execs(self):
        count = self.random.randint(50, 200)
        for _ in range(count):
            pid = os.posix_spawn("/bin/true", ["true"], os.environ)
            os.waitpid(pid, 0)
        self.endings["0"] += count

    def threads(self):
        count = self.random.randint(10, 60)
        self.fixture("threads", "burn", count, 2)
        self.max_threads = max(self.max_threads, count + 1)

    def thread_churn(self):
        self.fixture("threads", "serial", self.random.randint(200, 1000))

    def memory(self):
        self.fixture("touch", self.random.randint(10, 120), self.random.choice(["free", "keep"]))

    def signals(self):
        count = self.random.randint(5, 40)
        pids = [os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ) for _ in range(count)]
        for pid in pids:
            number = self.random.choice([signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGSEGV, signal.SIGHUP])
            os.kill(pid, number)
            _, status = os.waitpid(pid, 0)
            self.endings[f"signal {os.WTERMSIG(status)}"] += 1

    def pipelines(self):
        count = self.random.randint(5, 20)
        for _ in range(count):
            self.run("/bin/sh", "-c", "seq 9 | cat | cat")
        self.endings["0"] += 4 * count

    def long_words(self):
        self.run("/bin/true", *["x" * 1000] * self.random.randint(1, 100))
        self.endings["0"] += 1

    def storm(self):
        kind = self.random.choice([self.forks, self.execs, self.threads, self.thread_churn, self.memory, self.signals, self.pipelines, self.long_words])
        self.storms[kind.__name__] += 1
        kind()


def main():
    seconds, seed, rate, fixtures = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    storms = Storms(seed, fixtures)
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        if storms.endings.total() > rate * passed + 2000:
            time.sleep(0.05)
        else:
            storms.storm()
    cpu = sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)))
    print(json.dumps({"processes": storms.endings.total(), "endings": storms.endings, "cpu": cpu, "storms": storms.storms, "max_threads": storms.max_threads}))


if __name__ == "__main__":
    main()

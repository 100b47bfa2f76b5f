/* SPDX-License-Identifier: MIT */
/*
 * All there is on a machine besides /duct-bpf: its first process, and the command that is traced. Linked statically.
 *   /init            mounts /proc and /sys, traces "/init work", prints the status and the records, powers off (if it is process 1)
 *   /init work       20 children: number i executes "/init leaf i", which exits with code i
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 20 };

static int run(char *const argv[])
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();

	if (!pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int work(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		char number[16];
		char *const argv[] = {"/init", "leaf", number, NULL};

		snprintf(number, sizeof(number), "%d", i);
		if (run(argv) != i)
			return 99;
	}
	return 42;
}

static void print_file(const char *path)
{
	char text[4096];
	size_t got;
	FILE *file = fopen(path, "r");

	printf("--- %s\n", path);
	while (file && (got = fread(text, 1, sizeof(text), file)) > 0)
		fwrite(text, 1, got, stdout);
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	char *const traced[] = {"/duct-bpf", "-p", "/out/d_", "--fail-time", "0", "--", "/init", "work", NULL};
	char *const as_user[] = {"/duct-bpf", "-p", "/out/u_", "--user", "tester", "--", "/init", "leaf", "7", NULL};

	if (argc == 3)
		return atoi(argv[2]);
	if (argc == 2)
		return work();
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/out", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL))
		perror("mount");
	printf("status=%d\n", run(traced));
	print_file("/out/d_info.json");
	print_file("/out/d_processes.jsonl");
	printf("--- as a user\nuser-status=%d\n--- end\n", run(as_user));
	fflush(stdout);
	if (getpid() == 1) {
		sync();
		reboot(RB_POWER_OFF);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * sleepers COUNT HOLD_MS: a tree of COUNT processes (each hundredth is the parent of the next 99) that wait on one pipe for
 * HOLD_MS and then end at once. Says when all of them have begun to wait ("idle") and when that is over ("busy").
 */
#include "news.h"

static int until_end[2], ready[2];

static void wait_for_end(void)
{
	char byte = 0;

	if (write(ready[1], &byte, 1) != 1)
		_exit(1);
	close(ready[1]); /* once nobody has it open the root learns of a process that did not start */
	while (read(until_end[0], &byte, 1) > 0)
		;
}

static void group(int members)
{
	close(until_end[1]);
	for (int i = 1; i < members; i++)
		if (!checked_fork()) {
			wait_for_end();
			_exit(0);
		}
	wait_for_end();
	while (wait(NULL) > 0)
		;
	_exit(0);
}

int main(int argc, char **argv)
{
	int count = number(argv, argc, 1, 100), hold_ms = number(argv, argc, 2, 1000);
	char bytes[4096];

	if (pipe(until_end) || pipe(ready))
		die("pipe");
	for (int begun = 0; begun < count; begun += 100)
		if (!checked_fork())
			group(count - begun < 100 ? count - begun : 100);
	close(ready[1]);
	for (int missing = count; missing > 0;) {
		long got = read(ready[0], bytes, sizeof(bytes));

		if (got <= 0)
			die("a process did not start");
		missing -= got;
	}
	say("{\"what\":\"idle\"}\n");
	usleep(hold_ms * 1000);
	say("{\"what\":\"busy\"}\n");
	close(until_end[1]);
	while (wait(NULL) > 0)
		;
	say("{\"what\":\"truth\",\"processes\":%d}\n", count + 1);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * How the workloads tell the benchmark what is true of them: JSON objects, one a line, into the FIFO named by BENCH_NEWS
 * (a tool in between may use or mix stdout), or on stdout where there is none.
 */
#ifndef NEWS_H
#define NEWS_H

#include "fixture.h"

#include <fcntl.h>
#include <stdarg.h>

__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
	static int out = -1;
	char line[512]; /* below PIPE_BUF: lines of several processes do not mix */
	va_list arguments;
	int length;

	if (out < 0) {
		const char *path = getenv("BENCH_NEWS");

		out = path ? open(path, O_WRONLY | O_CLOEXEC) : STDOUT_FILENO;
		if (out < 0)
			die(path);
	}
	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (write(out, line, length) != length)
		die("write");
}

/* What is resident of the caller now, shared pages included, counted page by page (other files are approximate). */
static inline long long resident_bytes(void)
{
	char text[1024];
	const char *found;
	long length = -1;
	int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);

	if (file >= 0) {
		length = read(file, text, sizeof(text) - 1);
		close(file);
	}
	if (length <= 0)
		die("smaps_rollup");
	text[length] = 0;
	found = strstr(text, "\nRss:");
	return found ? atoll(found + 5) * 1024 : 0;
}

#endif

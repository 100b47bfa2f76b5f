/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every read of a kernel struct. Raw tracepoints hand out plain addresses, so each read is a bpf_probe_read_kernel;
 * a shim names the kernel version that needs it. Feature tests only, never version numbers.
 */
#ifndef DUCT_BPF_TASK_READ_H
#define DUCT_BPF_TASK_READ_H

#include "maps.bpf.h"

#define READ(from, ...) BPF_CORE_READ(from, __VA_ARGS__)

/* The verifier lets nobody calculate with a typed pointer, but with half of it. (C's own way would be to shift it.) */
static __always_inline u64 low_half(void *pointer)
{
	u64 half;

	asm volatile("r2 = %[pointer]\n\tw1 = w2\n\t%[half] = r1" : [half] "=r"(half) : [pointer] "r"(pointer) : "r1", "r2");
	return half;
}

/*
 * The name of a thread group: its signal_struct, which its threads share and which outlives an exec by a non-leader,
 * mixed with its start, which that exec hands on. The address alone comes back within microseconds once it is freed,
 * while somebody may still be busy with the group that had it before.
 */
static __always_inline u64 make_key(struct signal_struct *signal, u64 start_ns)
{
	return low_half(signal) + start_ns * 0x9E3779B97F4A7C15ULL;
}

static __always_inline u64 group_key(struct task_struct *task)
{
	return make_key(READ(task, signal), READ(task, group_leader, start_boottime));
}

/* struct upid {int nr; struct pid_namespace *ns;} numbers[]: 16 bytes each on every 64-bit kernel. */
static __always_inline const char *pid_numbers(struct pid *pid)
{
	return (const char *)__builtin_preserve_access_index(&pid->numbers);
}

/* The number of `pid` as the tracer's pid namespace sees it; `own` gets its number in its own namespace. */
static __always_inline int pid_number(struct pid *pid, int *own)
{
	unsigned int level = READ(pid, level);
	const char *numbers = pid_numbers(pid);
	int seen = 0;

	*own = 0;
	bpf_probe_read_kernel(own, sizeof(*own), numbers + (u64)level * 16);
	if (level == tracer_pid_level)
		return *own;
	bpf_probe_read_kernel(&seen, sizeof(seen), numbers + (u64)tracer_pid_level * 16);
	return seen;
}

static __always_inline long task_state(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return READ(task, __state);
	return READ((struct task_struct___before_5_14 *)task, state);
}

static __always_inline bool rss_is_percpu(void)
{
	return !bpf_core_field_exists(((struct mm_struct___before_6_2 *)0)->rss_stat.count);
}

/* Resident pages as /proc shows them: the counters' common part, off by what CPUs hold back. */
static __always_inline u64 rss_pages_fast(struct mm_struct *mm)
{
	long long pages;

	if (rss_is_percpu()) {
		pages = READ(mm, rss_stat[KERNEL_MM_FILEPAGES].count) + READ(mm, rss_stat[KERNEL_MM_ANONPAGES].count) +
			READ(mm, rss_stat[KERNEL_MM_SHMEMPAGES].count);
	} else { /* before 6.2 */
		struct mm_struct___before_6_2 *old = (void *)mm;

		pages = READ(old, rss_stat.count[KERNEL_MM_FILEPAGES].counter) +
			READ(old, rss_stat.count[KERNEL_MM_ANONPAGES].counter) +
			READ(old, rss_stat.count[KERNEL_MM_SHMEMPAGES].counter);
	}
	return pages > 0 ? pages : 0;
}

/* What the CPUs hold back of the counters of a kind, all four at once: the kernel allocates them side by side (since 6.5). */
static __always_inline long long rss_unfolded(char *first, struct percpu_counter *counters)
{
	u64 stride = bpf_core_type_size(struct percpu_counter);
	char *last = (char *)READ((struct percpu_counter *)((char *)counters + KERNEL_MM_SHMEMPAGES * stride), counters);
	bool together = last - first == KERNEL_MM_SHMEMPAGES * sizeof(int);
	long long sum = 0;

	for (unsigned int cpu = 0; cpu < ABI_EXACT_RSS_CPUS; cpu++) {
		int parts[4] = {};

		if (cpu >= nr_cpus)
			break;
		if (together) {
			bpf_probe_read_kernel(parts, sizeof(parts), first + percpu_offsets[cpu]);
		} else {
			char *anonymous = (char *)READ((struct percpu_counter *)((char *)counters + KERNEL_MM_ANONPAGES * stride), counters);

			bpf_probe_read_kernel(&parts[0], sizeof(int), first + percpu_offsets[cpu]);
			bpf_probe_read_kernel(&parts[1], sizeof(int), anonymous + percpu_offsets[cpu]);
			bpf_probe_read_kernel(&parts[3], sizeof(int), last + percpu_offsets[cpu]);
		}
		sum += parts[KERNEL_MM_FILEPAGES] + parts[KERNEL_MM_ANONPAGES] + parts[KERNEL_MM_SHMEMPAGES];
	}
	return sum;
}

/* Resident pages, exact where the CPUs can be summed (percpu_offsets are learned where they are needed: since 6.2). */
static __always_inline u64 rss_pages_exact(struct mm_struct *mm)
{
	struct percpu_counter *counters;
	long long pages;

	if (!rss_is_percpu() || nr_cpus > ABI_EXACT_RSS_CPUS || !percpu_offsets[0])
		return rss_pages_fast(mm);
	counters = (struct percpu_counter *)__builtin_preserve_access_index(&mm->rss_stat);
	pages = READ(mm, rss_stat[KERNEL_MM_FILEPAGES].count) + READ(mm, rss_stat[KERNEL_MM_ANONPAGES].count) +
		READ(mm, rss_stat[KERNEL_MM_SHMEMPAGES].count);
	pages += rss_unfolded((char *)READ(counters, counters), counters);
	return pages > 0 ? pages : 0;
}

/* For each sample of each process: exact only where that is cheap, or asked for. */
static __always_inline u64 rss_pages_for_sample(struct mm_struct *mm)
{
	return nr_cpus <= ABI_EXACT_SAMPLE_CPUS || every_rss_event ? rss_pages_exact(mm) : rss_pages_fast(mm);
}

/*
 * Most of a task's totals lie close together, and so do a group's: one read for all that are in the window, as a helper's
 * call costs as much as what it does. The conditions are constants once the offsets are known; the verifier leaves out the
 * other branch.
 */
#define WINDOW_BYTES 128

struct totals_window {
	u8 bytes[WINDOW_BYTES];
};

#define WINDOW_READ(window, from) bpf_probe_read_kernel(window, sizeof(*(window)), &(from)->utime)

#define FROM_WINDOW(window, from, path)                                                                               \
	({                                                                                                            \
		u64 at = bpf_core_field_offset((from)->path) - bpf_core_field_offset((from)->utime), number = 0;       \
		if (at <= WINDOW_BYTES - sizeof(u64))                                                                 \
			number = *(u64 *)((window)->bytes + at);                                                      \
		else                                                                                                  \
			number = READ(from, path);                                                                    \
		number;                                                                                               \
	})

/* What the threads that are gone used (all of them, once nr_threads is 0). */
static __always_inline void add_group_usage(struct usage_counts *usage, struct signal_struct *signal,
					    const struct summed_counts *summed, struct totals_window *window)
{
#define SUMMED(name, unit, task_path, help)                                                                           \
	if (bpf_core_field_exists(((struct task_struct *)0)->task_path))                                              \
		usage->name += summed->name;                                                                          \
	else                                                                                                          \
		usage->name = ABI_ABSENT;
	WINDOW_READ(window, signal);
#define METRIC(name, unit, signal_path, task_path, help)                                                              \
	if (bpf_core_field_exists(signal->signal_path))                                                               \
		usage->name += FROM_WINDOW(window, signal, signal_path);                                             \
	else                                                                                                          \
		usage->name = ABI_ABSENT;
#include "metrics.def"
}

static __always_inline void usage_absent(struct usage_counts *usage)
{
#define METRIC(name, unit, signal_path, task_path, help) usage->name = ABI_ABSENT;
#define SUMMED(name, unit, task_path, help) usage->name = ABI_ABSENT;
#include "metrics.def"
}

/* What a thread did that is about to exit. */
static __always_inline void add_summed(struct summed_counts *summed, struct task_struct *task)
{
#define SUMMED(name, unit, task_path, help)                                                                           \
	if (bpf_core_field_exists(task->task_path))                                                                   \
		__sync_fetch_and_add(&summed->name, READ(task, task_path));
#include "metrics.def"
}

/* What a thread that lives did of the same. */
static __always_inline void add_live_summed(struct usage_counts *usage, struct task_struct *task)
{
#define SUMMED(name, unit, task_path, help)                                                                           \
	if (bpf_core_field_exists(task->task_path))                                                                   \
		usage->name += READ(task, task_path);
#include "metrics.def"
}

/* What a thread that is still in its group used. */
static __always_inline void add_task_usage(struct usage_counts *usage, struct task_struct *task,
					   struct totals_window *window)
{
	WINDOW_READ(window, task);
#define METRIC(name, unit, signal_path, task_path, help)                                                              \
	if (bpf_core_field_exists(task->task_path))                                                                   \
		usage->name += FROM_WINDOW(window, task, task_path);
#include "metrics.def"
}

/*
 * The group's totals will not change any more: all threads were released, or there is just a zombie leader that has left
 * its CPU for good.
 */
static __always_inline bool is_resting(struct signal_struct *signal, struct task_struct *leader)
{
	int threads = READ(signal, nr_threads);

	return threads == 0 || (threads == 1 && READ(leader, exit_state) && task_state(leader) & KERNEL_TASK_DEAD &&
				!READ(leader, on_cpu));
}

/* Status as wait() will report it; `leader_exit_code` counts unless the group was ended as a whole. */
static __always_inline int wait_status(struct signal_struct *signal, int leader_exit_code)
{
	return READ(signal, flags) & KERNEL_SIGNAL_GROUP_EXIT ? READ(signal, group_exit_code) : leader_exit_code;
}

static __always_inline unsigned int state_letter(struct task_struct *task)
{
	int exit_state = READ(task, exit_state);
	long state = task_state(task);

	if (exit_state & KERNEL_EXIT_ZOMBIE)
		return 'Z';
	if (exit_state & KERNEL_EXIT_DEAD)
		return 'X';
	if (state & 0x400) /* TASK_NOLOAD: an idle kernel thread's wait */
		return 'I';
	if (state & 0x1)
		return 'S';
	if (state & 0x2)
		return 'D';
	if (state & 0x4)
		return 'T';
	if (state & 0x8)
		return 't';
	return 'R';
}

static __always_inline unsigned int live_bits(struct task_struct *task, struct signal_struct *signal,
					      struct mm_struct *mm)
{
	unsigned int bits = 0;
	int nice = READ(task, static_prio) - 120;
	struct pid *own = READ(task, group_leader, thread_pid);
	struct tty_struct *tty = READ(signal, tty);

	if (READ(signal, pids[KERNEL_PIDTYPE_SID]) == own)
		bits |= LIVE_SESSION_LEADER;
	if (nice > 0)
		bits |= LIVE_NICE_LOW;
	if (nice < 0)
		bits |= LIVE_NICE_HIGH;
	if (mm && READ(mm, locked_vm))
		bits |= LIVE_LOCKED;
	if (READ(signal, nr_threads) > 1)
		bits |= LIVE_MULTITHREADED;
	if (tty) {
		struct pid *foreground;

		if (bpf_core_field_exists(tty->ctrl.pgrp))
			foreground = READ(tty, ctrl.pgrp);
		else /* before 5.16 */
			foreground = READ((struct tty_struct___before_5_16 *)tty, pgrp);
		if (foreground && foreground == READ(signal, pids[KERNEL_PIDTYPE_PGID]))
			bits |= LIVE_FOREGROUND;
	}
	return bits;
}

#endif

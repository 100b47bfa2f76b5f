/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every read of a kernel struct. A shim names the kernel version that needs it. Feature tests only, never version numbers.
 */
#ifndef DUCT_BPF_TASK_READ_H
#define DUCT_BPF_TASK_READ_H

#include "read.bpf.h"

/*
 * Of numbers below 2^63, ABI_ABSENT being less than any. Without a branch: the verifier follows each both ways, and what it keeps for
 * that is what a start waits for.
 */
static __always_inline u64 larger(u64 a, u64 b)
{
	long long more = a - b, sign = more >> 63;

	barrier_var(sign);
	return a - (more & sign);
}

/* What `number` is more than `known`, or 0. */
static __always_inline u64 beyond(u64 number, u64 known)
{
	long long more = number - known, sign = more >> 63;

	barrier_var(sign);
	return more & ~sign;
}

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

static __always_inline u64 group_key_of(struct task_struct *task, struct signal_struct *signal)
{
	return make_key(signal, READ(task, group_leader, start_boottime));
}

static __always_inline u64 group_key(struct task_struct *task)
{
	return group_key_of(task, READ(task, signal));
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

	if (!level)
		return *own = READ(pid, numbers[0].nr);
	*own = 0;
	bpf_probe_read_kernel(own, sizeof(*own), numbers + (u64)level * 16);
	if (level == tracer_pid_level)
		return *own;
	bpf_probe_read_kernel(&seen, sizeof(seen), numbers + (u64)tracer_pid_level * 16);
	return seen;
}

/* The same of any process of the machine; 0: it has none there. */
static __always_inline int number_for_tracer(struct pid *pid)
{
	struct {
		int number;
		struct pid_namespace *space;
	} at = {}; /* struct upid. One of a lower level has none here, and what is read is no address of ours. */

	bpf_probe_read_kernel(&at, sizeof(at), pid_numbers(pid) + (u64)tracer_pid_level * 16);
	return at.space == (struct pid_namespace *)tracer_pid_space ? at.number : 0;
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

/*
 * By a hash of an address space's address, four numbers: what was last seen of the common part of each counter (half of the
 * address and the number), and in place of the one for swap how many processes of the ledger follow one of this hash, which is
 * all that an event of anybody else's looks at. A map of its own, because the tracer would have to fill a global variable of
 * this size.
 */
#define SEEN_SPACES 8192 /* 1 << (64 - 51) */
#define FOLLOWERS KERNEL_MM_SWAPENTS
struct rss_seen {
	u64 numbers[SEEN_SPACES * 4 + 3]; /* so that the verifier sees four of them behind any */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct rss_seen);
} rss_seen SEC(".maps");

static __always_inline u64 space_hash(void *mm)
{
	return low_half(mm) * 0x9E3779B97F4A7C15ULL >> 51;
}

static __always_inline u64 *numbers_of_space(u64 hash)
{
	u32 first = 0;
	u64 index = hash * 4, *numbers;
	struct rss_seen *table = bpf_map_lookup_elem(&rss_seen, &first);

	if (!table)
		return NULL;
	barrier_var(index); /* 5.10 loses track of its bounds: they are given last */
	numbers = &table->numbers[index & (SEEN_SPACES * 4 - 1)];
	barrier_var(numbers); /* made here, where the bounds are known */
	return numbers;
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
	return beyond(pages, 0);
}

/* Half of the address and the common part of a counter. */
static __always_inline u64 rss_mark(struct mm_struct *mm, u64 common)
{
	return low_half(mm) << 32 | (u32)common;
}

/* A number of the counter `kind` in a copy of all four. */
#define FROM_COUNTERS(copy, kind, member, type)                                                                        \
	(*(type *)((copy) + (kind) * bpf_core_type_size(struct percpu_counter) + bpf_core_field_offset(struct percpu_counter, member)))
#define COUNTERS_BYTES 160 /* of the four; more in kernels that check locks */

struct rss_parts {
	long long common[4];
	char *file, *anonymous, *shared; /* per-CPU parts */
	long long sum;
};

static __always_inline void read_rss_parts(struct rss_parts *parts, struct mm_struct *mm)
{
#ifdef DIRECT_READS
	parts->common[KERNEL_MM_FILEPAGES] = READ(mm, rss_stat[KERNEL_MM_FILEPAGES].count);
	parts->common[KERNEL_MM_ANONPAGES] = READ(mm, rss_stat[KERNEL_MM_ANONPAGES].count);
	parts->common[KERNEL_MM_SHMEMPAGES] = READ(mm, rss_stat[KERNEL_MM_SHMEMPAGES].count);
	parts->file = (char *)READ(mm, rss_stat[KERNEL_MM_FILEPAGES].counters);
	parts->anonymous = (char *)READ(mm, rss_stat[KERNEL_MM_ANONPAGES].counters);
	parts->shared = (char *)READ(mm, rss_stat[KERNEL_MM_SHMEMPAGES].counters);
#else
	u64 stride = bpf_core_type_size(struct percpu_counter);

	if (4 * stride <= COUNTERS_BYTES) {
		char copy[COUNTERS_BYTES] = {};

		bpf_probe_read_kernel(copy, 4 * stride, __builtin_preserve_access_index(&mm->rss_stat));
		parts->common[KERNEL_MM_FILEPAGES] = FROM_COUNTERS(copy, KERNEL_MM_FILEPAGES, count, long long);
		parts->common[KERNEL_MM_ANONPAGES] = FROM_COUNTERS(copy, KERNEL_MM_ANONPAGES, count, long long);
		parts->common[KERNEL_MM_SHMEMPAGES] = FROM_COUNTERS(copy, KERNEL_MM_SHMEMPAGES, count, long long);
		parts->file = FROM_COUNTERS(copy, KERNEL_MM_FILEPAGES, counters, char *);
		parts->anonymous = FROM_COUNTERS(copy, KERNEL_MM_ANONPAGES, counters, char *);
		parts->shared = FROM_COUNTERS(copy, KERNEL_MM_SHMEMPAGES, counters, char *);
	} else {
		char *counters = (char *)__builtin_preserve_access_index(&mm->rss_stat);

		parts->common[KERNEL_MM_FILEPAGES] = READ(mm, rss_stat[KERNEL_MM_FILEPAGES].count);
		parts->common[KERNEL_MM_ANONPAGES] = READ(mm, rss_stat[KERNEL_MM_ANONPAGES].count);
		parts->common[KERNEL_MM_SHMEMPAGES] = READ(mm, rss_stat[KERNEL_MM_SHMEMPAGES].count);
		parts->file = (char *)READ((struct percpu_counter *)counters, counters);
		parts->anonymous = (char *)READ((struct percpu_counter *)(counters + KERNEL_MM_ANONPAGES * stride), counters);
		parts->shared = (char *)READ((struct percpu_counter *)(counters + KERNEL_MM_SHMEMPAGES * stride), counters);
	}
#endif
}

/* What a CPU holds back: side by side, as the kernel allocates them together (since 6.5), or not. */
static __always_inline long add_parts_of(u32 cpu, struct rss_parts *of)
{
	int parts[4] = {};
	u64 offset;

	if (cpu >= ABI_EXACT_RSS_CPUS)
		return 1;
	offset = percpu_offsets[cpu];
	bpf_probe_read_kernel(parts, sizeof(parts), of->file + offset);
	if (of->shared - of->file != KERNEL_MM_SHMEMPAGES * sizeof(int)) {
		bpf_probe_read_kernel(&parts[KERNEL_MM_ANONPAGES], sizeof(int), of->anonymous + offset);
		bpf_probe_read_kernel(&parts[KERNEL_MM_SHMEMPAGES], sizeof(int), of->shared + offset);
	}
	of->sum += parts[KERNEL_MM_FILEPAGES] + parts[KERNEL_MM_ANONPAGES] + parts[KERNEL_MM_SHMEMPAGES];
	return 0;
}

#ifdef DIRECT_READS
static long add_next_parts(u32 cpu, struct rss_parts *of)
{
	return add_parts_of(cpu, of);
}

/* Verified once for all CPUs; kernels of direct reads have this helper. */
static __always_inline void add_parts(struct rss_parts *of)
{
	bpf_loop(nr_cpus, add_next_parts, of, 0);
}
#else
static __always_inline void add_parts(struct rss_parts *of)
{
	for (unsigned int cpu = 0; cpu < nr_cpus && !add_parts_of(cpu, of); cpu++)
		;
}
#endif

/*
 * Resident pages of an address space, exact where the CPUs can be summed (percpu_offsets are learned where they are needed: since
 * 6.2). `note`: on_rss is to know what was seen here.
 * Global, so that it is verified once, not for each call and each way there: then it is given numbers alone.
 */
__noinline u64 rss_pages_exact(u64 address, u32 note)
{
	struct mm_struct *mm = ADDRESS_SPACE(address);
	u64 *seen = note ? numbers_of_space(space_hash(mm)) : NULL;
	struct rss_parts of;

	if (!rss_is_percpu() || nr_cpus > ABI_EXACT_RSS_CPUS || !percpu_offsets[0]) {
		if (seen)
			seen[KERNEL_MM_FILEPAGES] = seen[KERNEL_MM_ANONPAGES] = seen[KERNEL_MM_SHMEMPAGES] = 0;
		return rss_pages_fast(mm);
	}
	read_rss_parts(&of, mm);
	if (seen) {
		seen[KERNEL_MM_FILEPAGES] = rss_mark(mm, of.common[KERNEL_MM_FILEPAGES]);
		seen[KERNEL_MM_ANONPAGES] = rss_mark(mm, of.common[KERNEL_MM_ANONPAGES]);
		seen[KERNEL_MM_SHMEMPAGES] = rss_mark(mm, of.common[KERNEL_MM_SHMEMPAGES]);
	}
	of.sum = of.common[KERNEL_MM_FILEPAGES] + of.common[KERNEL_MM_ANONPAGES] + of.common[KERNEL_MM_SHMEMPAGES];
	add_parts(&of);
	return beyond(of.sum, 0);
}

static __always_inline void read_sizes(struct mm_struct *mm, u64 *high_rss, u64 *vsz, u64 *high_vsz)
{
	WINDOW(sizes_window, 32) window = {};

	WINDOW_READ(&window, mm, hiwater_rss);
	*high_rss = FROM_WINDOW(&window, mm, hiwater_rss, hiwater_rss);
	*vsz = FROM_WINDOW(&window, mm, hiwater_rss, total_vm);
	*high_vsz = FROM_WINDOW(&window, mm, hiwater_rss, hiwater_vm);
}

/* The address of a slot's address space: a number to the verifier, as it comes out of a map (volatile: and not out of a pointer). */
static __always_inline u64 number_of_mm(struct group_slot *slot)
{
	return *(volatile u64 *)&slot->mm;
}

/* Of a process whose address space was `mm` a moment ago. */
static __always_inline u64 rss_pages_of(struct group_slot *slot, struct mm_struct *mm)
{
	return (u64)mm == slot->mm ? rss_pages_exact(number_of_mm(slot), false) : rss_pages_fast(mm);
}

/* For each sample of each process: exact only where that is cheap, or asked for. */
static __always_inline u64 rss_pages_for_sample(struct group_slot *slot, struct mm_struct *mm)
{
	return nr_cpus <= ABI_EXACT_SAMPLE_CPUS || every_rss_event ? rss_pages_of(slot, mm) : rss_pages_fast(mm);
}

/* A task's totals, and a group's: most of them lie close together. */
WINDOW(totals_window, 120);

/* What the threads that are gone used (all of them, once nr_threads is 0). */
static __always_inline void add_group_usage(struct usage_counts *usage, struct signal_struct *signal,
					    const struct summed_counts *summed, struct totals_window *window)
{
#define SUMMED(name, unit, task_path, help)                                                                           \
	if (bpf_core_field_exists(((struct task_struct *)0)->task_path))                                              \
		usage->name += summed->name;                                                                          \
	else                                                                                                          \
		usage->name = ABI_ABSENT;
	WINDOW_READ(window, signal, utime);
#define METRIC(name, unit, signal_path, task_path, help)                                                              \
	usage->name += FROM_WINDOW(window, signal, utime, signal_path); /* every kernel has it */
#include "metrics.def"
}

static __always_inline void usage_absent(struct usage_counts *usage)
{
#define METRIC(name, unit, signal_path, task_path, help) usage->name = ABI_ABSENT;
#define SUMMED(name, unit, task_path, help) usage->name = ABI_ABSENT;
#include "metrics.def"
}

/* The rows SUMMED of a task. */
WINDOW(summed_window, 64);

/* What a thread did that is about to exit. */
static __always_inline void add_summed(struct summed_counts *summed, struct task_struct *task)
{
	struct summed_window window = {};

	WINDOW_READ(&window, task, ioac);
#define SUMMED(name, unit, task_path, help)                                                                           \
	if (bpf_core_field_exists(task->task_path))                                                                   \
		__sync_fetch_and_add(&summed->name, FROM_WINDOW(&window, task, ioac, task_path));
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
	WINDOW_READ(window, task, utime);
#define METRIC(name, unit, signal_path, task_path, help)                                                              \
	usage->name += FROM_WINDOW(window, task, utime, task_path);
#include "metrics.def"
}

/*
 * The group's totals will not change any more: all threads were released, or there is just a zombie leader that has left
 * its CPU for good. Global, as rss_pages_exact.
 */
__noinline int is_resting(u64 leader_address)
{
	struct task_struct *leader = TASK(leader_address);
	int threads = READ(leader, signal, nr_threads);

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

// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of processes. A thread group of the tree has a slot in `groups`: fork inserts it, exec renews the image,
 * exit takes end and exit status, free (or `finish`, once everything was reaped) takes the kernel's own totals,
 * sends them and deletes the slot. The ring buffer carries news; what finds it full goes to a spill map.
 *
 * Raw tracepoints and hashes only, so that it loads on 5.10 and starts without parsing the kernel's BTF.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi.h"
#include "kernel_types.h"

char LICENSE[] SEC("license") = "GPL";

#include "maps.bpf.h"
#include "task_read.bpf.h"

/* --- fork --- */

static __always_inline void note_live(void)
{
	u32 cpu = bpf_get_smp_processor_id() & (ABI_MAX_CPUS - 1);
	u64 live;

	count(live);
	live = *(volatile u64 *)&counters.live;
	if (live > cpu_max_live[cpu])
		cpu_max_live[cpu] = live;
}

/* -EBUSY: the bucket's lock is held by what this program interrupted (5.11 .. 6.6); it is free soon. */
#define KERNEL_EBUSY 16
#define KERNEL_EEXIST 17
#define BUSY_ATTEMPTS 3

static __always_inline int insert_group(u64 key, struct group_slot *slot)
{
	long error = 0;

	for (int attempt = 0; attempt < BUSY_ATTEMPTS; attempt++) {
		error = bpf_map_update_elem(&groups, &key, slot, BPF_ANY);
		if (error != -KERNEL_EBUSY)
			break;
	}
	return error;
}

static __always_inline bool delete_group(u64 key)
{
	for (int attempt = 0; attempt < BUSY_ATTEMPTS; attempt++) {
		long error = bpf_map_delete_elem(&groups, &key);

		if (error != -KERNEL_EBUSY)
			return !error;
	}
	return false; /* stays in the ledger, and is found there at the end */
}

static __always_inline void reset_gauges(struct process_info *info)
{
#define GAUGE(name, unit, help) info->name = ABI_ABSENT;
#include "metrics.def"
}

static __always_inline u64 max_present(u64 a, u64 b)
{
	if (a == ABI_ABSENT)
		return b;
	if (b == ABI_ABSENT)
		return a;
	return a > b ? a : b;
}

/* A function of its own: slot and message together are more than the stack holds. */
static __noinline int announce(u64 key, u64 parent_key)
{
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct news_process message = {};
	struct news_fork *fork = (struct news_fork *)&message;

	if (!slot)
		return 0;
	fill_header(&fork->header, NEWS_FORK, sizeof(*fork));
	fork->key = key;
	fork->parent_key = parent_key;
	fork->image_id = slot->info.image_id;
	fork->start_ns = slot->info.start_ns;
	fork->pid = slot->info.pid;
	fork->ppid = slot->info.ppid;
	fork->pid_ns = slot->info.pid_ns;
	fork->depth = slot->info.depth;
	fork->flags = slot->info.flags;
	if (!send_or_spill(&message, sizeof(*fork)))
		count(lost_fork_news);
	return 0;
}

static __always_inline bool is_to_be_adopted(struct task_struct *task)
{
	struct task_struct *ancestor = task;

	if (group_key(task) == tracer_key)
		return false;
	if (!attach_tgid)
		return (u64)READ(task, signal, pids[KERNEL_PIDTYPE_SID]) == tracer_session;
	for (int i = 0; i < 16; i++) {
		u64 key = group_key(ancestor);

		if (bpf_map_lookup_elem(&groups, &key))
			return true;
		ancestor = READ(ancestor, real_parent);
		if (!ancestor)
			break;
	}
	return false;
}

static __noinline int insert_child(struct task_struct *parent, struct task_struct *child, u64 key, u64 start_ns,
				   struct group_slot *parent_slot)
{
	struct group_slot slot = {};
	struct pid *pid = READ(child, thread_pid);
	int error;

	slot.info.pid = pid_number(pid, &slot.info.pid_ns);
	slot.info.start_ns = start_ns;
	slot.mm = (u64)READ(child, mm);
	slot.leader = (u64)child;
	reset_gauges(&slot.info);
	slot.info.max_threads = 1;
	slot.peak_rss_before = ABI_ABSENT;
	if (parent_slot) {
		slot.info.image_id = parent_slot->info.image_id;
		slot.info.ppid = parent_slot->info.pid;
		slot.info.depth = parent_slot->info.depth + 1;
	} else { /* the command, or a child of a process that is about to be adopted */
		int own;

		slot.info.ppid = pid_number(READ(parent, group_leader, thread_pid), &own);
	}
	if (!parent_slot || slot.mm == (u64)READ(parent, mm))
		/* Shares memory with its parent, or is the tracer's own copy: neither is memory of its image. */
		slot.info.flags = PROC_BORROWED_MM;
	error = insert_group(key, &slot);
	if (error)
		return error;
	count(forks);
	note_live();
	return 0;
}

static __always_inline int take_child(struct task_struct *parent, u64 parent_key, struct task_struct *child,
				      u64 child_signal, struct group_slot *parent_slot)
{
	u64 start_ns = READ(child, start_boottime), key = make_key(child_signal, start_ns);
	int error = insert_child(parent, child, key, start_ns, parent_slot);

	if (!error)
		announce(key, parent_key);
	else if (error == -KERNEL_EBUSY)
		count(lost_forks_busy);
	else
		count(lost_forks_full);
	return 0;
}

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx->args[0];
	struct task_struct *child = (struct task_struct *)ctx->args[1];
	u64 key = group_key(parent), child_signal;
	struct group_slot *slot;

	if (closed)
		return 0;
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot) {
		if (key == tracer_key && expect_command) {
			child_signal = (u64)READ(child, signal);
			if (child_signal == (u64)READ(parent, signal)) /* a thread of the tracer */
				return 0;
			expect_command = 0; /* the tracer forks nothing else */
			return take_child(parent, key, child, child_signal, NULL);
		}
		if (adopts && adopting && is_to_be_adopted(parent)) {
			child_signal = (u64)READ(child, signal);
			if (child_signal != (u64)READ(parent, signal))
				return take_child(parent, key, child, child_signal, NULL);
		}
		return 0;
	}
	child_signal = (u64)READ(child, signal);
	if (child_signal == (u64)READ(parent, signal)) { /* a thread */
		u64 threads = READ((struct signal_struct *)child_signal, nr_threads);

		/* Looked at again: another thread may just have stored its smaller number. */
		for (int i = 0; i < 2; i++)
			if (threads > *(volatile u64 *)&slot->info.max_threads)
				*(volatile u64 *)&slot->info.max_threads = threads;
		return 0;
	}
	take_child(parent, key, child, child_signal, slot);
	bpf_tail_call(ctx, &tails, 0); /* end_exits */
	return 0;
}

/* --- exec --- */

static __always_inline void spill_exec(u8 *message, u64 bytes, u64 image_id)
{
	struct chunk_key key = {.image_id = image_id, .parts = (bytes + ABI_SPILL_CHUNK - 1) / ABI_SPILL_CHUNK};

	for (u32 part = 0; part < (max_argv_bytes + 48 + ABI_EXE_BYTES) / ABI_SPILL_CHUNK + 1; part++) {
		if (part >= key.parts)
			break;
		key.part = part;
		if (bpf_map_update_elem(&late_execs, &key, message + (u64)part * ABI_SPILL_CHUNK, BPF_ANY)) {
			count(lost_argv);
			return;
		}
	}
	count(spilled);
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx->args[2];
	struct signal_struct *signal;
	u64 key = group_key(task);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct mm_struct *mm;
	struct news_exec *exec;
	u32 cpu = bpf_get_smp_processor_id();
	u64 argv_bytes, start, total, maxrss;
	u8 *scratch, *data;
	long length;

	if (!slot)
		return 0;
	count(execs);
	signal = READ(task, signal);

	/*
	 * The old address space is gone; its peak is in signal->maxrss, a maximum over all images. Where the memory was
	 * the parent's (vfork) or the tracer's it is not the process's own, and only later growth counts.
	 */
	maxrss = READ(signal, maxrss);
	if (!(slot->info.flags & PROC_BORROWED_MM) && maxrss > slot->maxrss_at_exec)
		slot->peak_rss_before = max_present(slot->peak_rss_before, maxrss << page_shift);
	slot->maxrss_at_exec = maxrss;
	slot->info.flags &= ~PROC_BORROWED_MM;
	slot->info.num_execs++;
	mm = READ(task, mm);
	slot->mm = (u64)mm;
	slot->leader = (u64)task; /* a non-leader that execs takes the leader's place */

	scratch = bpf_map_lookup_elem(&exec_scratch, &cpu);
	if (!scratch) { /* a CPU that came after the start */
		slot->info.image_id = 0;
		count(lost_argv);
		return 0;
	}
	((struct exec_scratch_head *)scratch)->sequence++;
	slot->info.image_id = (u64)(cpu + 1) << 40 | ((struct exec_scratch_head *)scratch)->sequence;

	exec = (struct news_exec *)(scratch + sizeof(struct exec_scratch_head));
	data = (u8 *)(exec + 1);
	exec->key = key;
	exec->image_id = slot->info.image_id;
	exec->flags = 0;
	length = bpf_probe_read_kernel_str(data, ABI_EXE_BYTES, READ(bprm, filename));
	if (length < 1 || length > ABI_EXE_BYTES)
		length = 1;
	exec->exe_bytes = length - 1;
	data += length - 1;

	start = READ(mm, arg_start);
	argv_bytes = READ(mm, arg_end) - start;
	if (argv_bytes > max_argv_bytes) {
		argv_bytes = max_argv_bytes;
		exec->flags |= EXEC_ARGV_CUT;
	}
	if (argv_bytes && bpf_probe_read_user(data, argv_bytes, (void *)start)) {
		exec->flags |= EXEC_ARGV_LOST;
		argv_bytes = 0;
		count(lost_argv);
	}
	exec->argv_bytes = argv_bytes;
	total = sizeof(*exec) + exec->exe_bytes + argv_bytes;
	if (total > sizeof(*exec) + ABI_EXE_BYTES + max_argv_bytes) /* cannot be; the verifier has to see it */
		return 0;
	fill_header(&exec->header, NEWS_EXEC, total);
	if (bpf_ringbuf_output(&news, exec, total, wake_flag(total)))
		spill_exec((u8 *)exec, total, exec->image_id);
	return 0;
}

/* --- exit --- */

static __always_inline void take_gauges_at_exit(struct group_slot *slot, struct task_struct *task,
						struct signal_struct *signal)
{
	struct mm_struct *mm = READ(task, mm);
	u64 maxrss = READ(signal, maxrss);
	u64 image = ABI_ABSENT;

	if (!(slot->info.flags & PROC_BORROWED_MM)) {
		/* The kernel has just raised maxrss to this image's high water; a lower or equal value says nothing. */
		if (maxrss > slot->maxrss_at_exec)
			image = maxrss;
		if (mm) { /* since 6.16; before, the address space is gone by now */
			u64 now = rss_pages_exact(mm), high = READ(mm, hiwater_rss);
			u64 vsz = READ(mm, total_vm), high_vsz = READ(mm, hiwater_vm);

			/* hiwater_rss is only raised when memory is given back, so it may lie below the present. */
			image = max_present(image, now > high ? now : high);
			slot->info.peak_vsz = (vsz > high_vsz ? vsz : high_vsz) << page_shift;
		}
		if (image != ABI_ABSENT)
			image <<= page_shift;
		slot->info.peak_rss_image = image;
	}
	slot->info.peak_rss = max_present(slot->peak_rss_before, image);
	if (image == ABI_ABSENT && !(slot->info.flags & PROC_BORROWED_MM) && slot->peak_rss_before == ABI_ABSENT)
		slot->info.peak_rss = ABI_ABSENT;
}

/* The tracer is woken once for all exits until it looks, and when nobody is left; it does not matter if that gets lost. */
static __always_inline void tell_exit(void)
{
	struct news_exit exit;

	if (*(volatile unsigned int *)&sweep_wanted && *(volatile u64 *)&counters.live)
		return;
	*(volatile unsigned int *)&sweep_wanted = 1;
	fill_header(&exit.header, NEWS_EXIT, sizeof(exit));
	bpf_ringbuf_output(&news, &exit, sizeof(exit), BPF_RB_FORCE_WAKEUP);
}

SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	u64 key = group_key(task);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct signal_struct *signal = READ(task, signal);
	struct task_struct *leader;
	u64 leader_address;
	int own;

	if (!slot)
		return 0;
	add_summed(&slot->summed, task);
	leader = READ(task, group_leader);
	if (leader == task)
		slot->leader_exit_code = READ(task, exit_code);
	if (READ(signal, live.counter)) /* other threads go on; the tracepoint has no group_dead before 6.16 */
		return 0;
	if (slot->info.max_threads > 1) {
		/* Two threads that exit at once both see zero. The first to insert is the one. */
		u8 one = 1;

		if (bpf_map_update_elem(&exited, &key, &one, BPF_NOEXIST) == -KERNEL_EEXIST)
			return 0;
	}
	slot->info.end_ns = bpf_ktime_get_boot_ns();
	slot->info.wait_status = wait_status(signal, slot->leader_exit_code);
	slot->info.uid = READ(task, real_cred, uid.val);
	slot->info.sid = pid_number(READ(signal, pids[KERNEL_PIDTYPE_SID]), &own);
	slot->info.cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(slot->info.comm, sizeof(slot->info.comm), &leader->comm);
	take_gauges_at_exit(slot, task, signal);
	slot->info.flags |= PROC_EXITED;
	count(exits);
	__sync_fetch_and_sub(&counters.live, 1);
	leader_address = slot->leader;
	bpf_map_push_elem(&exiting, &leader_address, BPF_EXIST); /* full: the oldest has been looked at often enough */
	tell_exit();
	/* Usually the next fork ends them; where many exit and nobody forks they must not be left to wait. */
	if (counters.exits - counters.ends > 2)
		bpf_tail_call(ctx, &tails, 0); /* end_exits */
	return 0;
}

/*
 * A group ends when it is at rest: all threads released, or its leader a zombie that has left its CPU. That has no event
 * of its own, so it is looked for
 *  - at the next forks in the tree, or exits if there are many, for the leaders of recent exits, which are in a queue
 *    (end_exits);
 *  - by the tracer, a few milliseconds after an exit (end_exits);
 *  - when the kernel frees a task, an RCU period after it was reaped. On its own that comes late, and not for sure:
 *    programs do not run on top of every context.
 * What has gone meanwhile, with its memory another's, has another key.
 * Global, so that it is verified once, not for each call. `task`: any task of the group. 1: not at rest yet.
 */
__noinline int end_group(u64 task)
{
	u64 key = group_key((struct task_struct *)task);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct signal_struct *signal;
	struct news_process end = {};
	struct task_struct *leader;
	unsigned int sequence;
	int threads;

	if (!slot || !(slot->info.flags & PROC_EXITED))
		return 0;
	leader = (struct task_struct *)slot->leader;
	signal = READ(leader, signal);
	if (!is_resting(signal, leader))
		return 1;
	end.info = slot->info;
	/* The leader may be reaped at this moment: then its usage moves to the group, and must be counted neither twice nor not. */
	sequence = READ(signal, stats_lock.seqcount.seqcount.sequence);
	threads = READ(signal, nr_threads);
	add_group_usage(&end.usage, signal, &slot->summed);
	if (threads)
		add_task_usage(&end.usage, leader);
	if (sequence & 1 || sequence != READ(signal, stats_lock.seqcount.seqcount.sequence))
		return 1;
	/* Whoever deletes the slot sends the record: once. Numbers that changed hands while they were read are lost. */
	if (!delete_group(key) || (u64)READ(leader, signal) != (u64)signal ||
	    READ(leader, start_boottime) != end.info.start_ns)
		return 0;
	count(ends);
	if (end.info.max_threads > 1)
		bpf_map_delete_elem(&exited, &key);
	fill_header(&end.header, NEWS_END, sizeof(end));
	end.key = key;
	if (!send_or_spill(&end, sizeof(end)))
		count(lost_ends);
	return 0;
}

SEC("raw_tp/sched_process_free")
int on_free(struct bpf_raw_tracepoint_args *ctx)
{
	end_group(ctx->args[0]);
	return 0;
}

/*
 * Ends up to two of the recent exits. Returns how many were not at rest yet, and END_EXITS_EMPTY if there were no more.
 * Never on_free in its place: since 6.13 a program's stack may be one for each CPU, guarded against recursion only where a
 * tracepoint runs it. `free` comes in interrupts, on top of this.
 */
SEC("raw_tp")
int end_exits(void *ctx __attribute__((unused)))
{
	int waiting = 0;
	u64 leader;

	for (int i = 0; i < 2; i++) {
		if (bpf_map_pop_elem(&exiting, &leader))
			return waiting | END_EXITS_EMPTY;
		if (end_group(leader)) {
			waiting++;
			bpf_map_push_elem(&exiting, &leader, BPF_ANY);
		}
	}
	return waiting;
}

/*
 * Run by the tracer once on each CPU. Learns who the tracer is, by task and not by number; and where this CPU's copy of
 * per-CPU variables lies, told from a variable of our own.
 */
SEC("raw_tp")
int arm(void *ctx __attribute__((unused)))
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	void *here = bpf_map_lookup_elem(&cpu_probe, &zero);
	struct bpf_array *array;

	if (!tracer_key) { /* by the first run, which is not sent to another CPU */
		tracer_key = group_key(task);
		tracer_session = (u64)READ(task, signal, pids[KERNEL_PIDTYPE_SID]);
		tracer_pid_level = READ(task, thread_pid, level);
		return 0;
	}
	if (!here || cpu >= ABI_EXACT_RSS_CPUS)
		return 0;
	/* Through memory: the verifier lets nobody calculate with a map's pointer, but reads it back as a number. */
	*(volatile u64 *)&probe_address = (u64)&cpu_probe;
	array = (struct bpf_array *)*(volatile u64 *)&probe_address;
	*(volatile u64 *)&probe_address = (u64)here;
	percpu_offsets[cpu] = *(volatile u64 *)&probe_address - (u64)READ(array, pptrs[0]);
	return 0;
}

#include "iterators.bpf.h"

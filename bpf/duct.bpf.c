// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of processes. A thread group of the tree has a slot in `groups`: fork inserts it, exec renews the image,
 * exit takes end and exit status, and once the group is at rest end_group takes the kernel's own totals, sends them and
 * deletes the slot. The ring buffer carries news; what finds it full goes to a spill map.
 *
 * Raw tracepoints and hashes, so that it loads on 5.10; where typed programs are worth it (sections duct_*), the tracer
 * knows the BTF ids of what they attach to, so that the start does not have to parse the kernel's BTF.
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
#include "memory.bpf.h"
#include "signals.bpf.h"
#include "foreign.bpf.h"
#include "ends.bpf.h"

/* --- fork --- */

static __always_inline void note_live(u64 threads)
{
	u32 cpu = bpf_get_smp_processor_id() & (ABI_MAX_CPUS - 1);
	u64 live;

	__sync_fetch_and_add(&counters.live_threads, threads);
	count(live);
	live = *(volatile u64 *)&counters.live;
	if (live > cpu_max_live[cpu])
		cpu_max_live[cpu] = live;
}

static const struct group_slot empty_slot;

/* An empty one. It is filled in where it is: the process does not run yet, and the stack has no room for a slot. Global, as rss_pages_exact. */
__noinline long insert_group(u64 key)
{
	long error = -KERNEL_EBUSY;

	for (int attempt = 0; attempt < BUSY_ATTEMPTS && error == -KERNEL_EBUSY; attempt++)
		error = bpf_map_update_elem(&groups, &key, &empty_slot, BPF_ANY);
	if (error == -KERNEL_EBUSY)
		count(lost_forks_busy);
	else if (error)
		count(lost_forks_full);
	return error;
}

static __always_inline void reset_gauges(struct process_info *info)
{
#define GAUGE(name, unit, help) info->name = ABI_ABSENT;
#include "metrics.def"
}

static __always_inline void fill_fork(struct news_fork *fork, u64 key, u64 parent_key, struct process_info *info)
{
	fill_header_of(&fork->header, NEWS_FORK, sizeof(*fork), info->start_ns);
	fork->key = key;
	fork->parent_key = parent_key;
	fork->image_id = info->image_id;
	fork->start_ns = info->start_ns;
	fork->pid = info->pid;
	fork->ppid = info->ppid;
	fork->pid_ns = info->pid_ns;
	fork->depth = info->depth;
	fork->flags = info->flags;
	fork->reserved = 0;
}

__noinline int spill_fork(u64 key, u64 parent_key)
{
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct news_process message = {};

	if (!slot)
		return 0;
	fill_fork((struct news_fork *)&message, key, parent_key, &slot->info);
	if (!spill(&message))
		count(lost_fork_news);
	return 0;
}

static __always_inline void announce(u64 key, u64 parent_key, struct group_slot *slot, u64 wake)
{
	struct news_fork *fork = bpf_ringbuf_reserve(&news, sizeof(*fork), 0);

	if (!fork) {
		spill_fork(key, parent_key);
		return;
	}
	fill_fork(fork, key, parent_key, &slot->info);
	bpf_ringbuf_submit(fork, wake);
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

/* Its key; 0: it is not to be had. Addresses: of their tasks. `parent_slot`: NULL, it is not in the ledger. */
SHARED u64 take_child(u64 parent_address, u64 parent_key, u64 child_address, struct group_slot *parent_slot)
{
	struct task_struct *parent = TASK(parent_address), *child = TASK(child_address);
	u64 start_ns = READ(child, start_boottime), key = make_key(READ(child, signal), start_ns);
	struct group_slot *slot;
	struct mm_struct *mm = READ(child, mm);
	u64 number;

	if (insert_group(key))
		return 0;
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot) /* never */
		return 0;
	slot->info.pid = pid_number(READ(child, thread_pid), &slot->info.pid_ns);
	slot->info.start_ns = start_ns;
	slot->mm = (u64)mm;
	slot->leader = child_address;
	reset_gauges(&slot->info);
	slot->info.max_threads = 1;
	slot->info.tree_peak = memory.peak_number;
	slot->peak_rss_before = ABI_ABSENT;
	if (parent_slot) {
		slot->info.image_id = parent_slot->info.image_id;
		slot->info.ppid = parent_slot->info.pid;
		slot->info.depth = parent_slot->info.depth + 1;
		slot->info.flags = parent_slot->info.flags & PROC_FOREIGN;
	} else { /* a child of a process that is about to be adopted */
		int own;

		slot->info.ppid = pid_number(READ(parent, group_leader, thread_pid), &own);
	}
	if ((u64)mm == (u64)READ(parent, mm)) { /* the parent's, not memory of its image */
		slot->info.flags |= PROC_BORROWED_MM;
		slot->lender = parent_slot && parent_slot->info.flags & PROC_BORROWED_MM ? parent_slot->lender : parent_key;
	}
	number = counted(forks);
	note_live(1);
	announce(key, parent_key, slot, wake_flag_of(number));
	return key;
}

SEC("duct_raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	u64 parent_address = ctx->args[0], child_address = ctx->args[1];
	struct task_struct *parent = TASK(parent_address), *child = TASK(child_address);
	struct signal_struct *signal = READ(parent, signal);
	u64 key = group_key_of(parent, signal), child_key;
	struct group_slot *slot;
	bool is_thread;

	if (closed)
		return 0;
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot && !(adopts && adopting && is_to_be_adopted(parent)))
		return 0;
	is_thread = READ(child, signal) == signal;
	if (is_thread) {
		u64 threads = READ(signal, nr_threads);

		if (!slot)
			return 0;
		count(live_threads);
		slot->multithreaded = 1;
		/* Looked at again: another thread may just have stored its smaller number. */
		for (int i = 0; i < 2; i++)
			if (threads > *(volatile u64 *)&slot->info.max_threads)
				*(volatile u64 *)&slot->info.max_threads = threads;
		return 0;
	}
	child_key = take_child(parent_address, key, child_address, slot);
	if (child_key)
		return leave_memory(ctx, MEMORY_FORKED, child_key);
	if (exited_groups()) /* which may make room */
		bpf_tail_call(ctx, &tails, ABI_END_EXITS);
	return 0;
}

/* --- exec --- */

/* Of the message that is this CPU's scratch. Global, as rss_pages_exact. */
__noinline long spill_part(u64 image_id, u32 part, u32 parts)
{
	struct chunk_key key = {.image_id = image_id, .part = part, .parts = parts};
	u32 cpu = bpf_get_smp_processor_id();
	u8 *message = bpf_map_lookup_elem(&exec_scratch, &cpu);

	if (!message || part > (max_argv_bytes + 48 + ABI_EXE_BYTES) / ABI_SPILL_CHUNK)
		return -1;
	message += sizeof(struct exec_scratch_head) + (u64)part * ABI_SPILL_CHUNK;
	return bpf_map_update_elem(&late_execs, &key, message, BPF_ANY);
}

struct exec_spill {
	u64 image_id;
	u32 parts;
	u32 is_lost;
};

/* 1: not to be gone on with. */
static long spill_next(u32 part, struct exec_spill *spill)
{
	if (!spill_part(spill->image_id, part, spill->parts))
		return 0;
	spill->is_lost = 1;
	return 1;
}

__noinline int spill_exec(u64 bytes, u64 image_id)
{
	struct exec_spill spill = {.image_id = image_id, .parts = (bytes + ABI_SPILL_CHUNK - 1) / ABI_SPILL_CHUNK};

#ifdef DIRECT_READS /* their kernels have this helper; each turn of a loop is verified */
	bpf_loop(spill.parts, spill_next, &spill, 0);
#else
	for (u32 part = 0; part < (max_argv_bytes + 48 + ABI_EXE_BYTES) / ABI_SPILL_CHUNK + 1; part++) {
		if (part >= spill.parts || spill_next(part, &spill))
			break;
	}
#endif
	if (spill.is_lost)
		count(lost_argv);
	else
		count(spilled);
	return 0;
}

/*
 * Peak of the image that is over, as far as is known without its address space: the kernel raises maxrss to an image's
 * high water at its end, and a value that is no higher than before says nothing. Then it is known by events alone.
 */
static __always_inline u64 image_peak(struct group_slot *slot, u64 maxrss)
{
	u64 raised; /* all bits, or none */

	if (!rss_events && maxrss <= slot->maxrss_at_exec)
		return ABI_ABSENT;
	raised = (long long)(slot->maxrss_at_exec - maxrss) >> 63;
	barrier_var(raised);
	return larger(maxrss & raised, slot->peak_pages) << page_shift;
}

/* The news of an exec. `mm`: the new one. */
static __always_inline void tell_exec(u64 key, struct group_slot *slot, struct mm_struct *mm, struct linux_binprm *bprm)
{
	struct news_exec *exec;
	u32 cpu = bpf_get_smp_processor_id();
	u64 exe_bytes, argv_bytes, start, total;
	u8 *scratch, *data;

	scratch = bpf_map_lookup_elem(&exec_scratch, &cpu);
	if (!scratch) { /* a CPU that came after the start */
		slot->info.image_id = 0;
		count(lost_argv);
		return;
	}
	((struct exec_scratch_head *)scratch)->sequence++;
	slot->info.image_id = (u64)(cpu + 1) << 40 | ((struct exec_scratch_head *)scratch)->sequence;

	exec = (struct news_exec *)(scratch + sizeof(struct exec_scratch_head));
	data = (u8 *)(exec + 1);
	exec->key = key;
	exec->image_id = slot->info.image_id;
	exec->flags = 0;
	exe_bytes = bpf_probe_read_kernel_str(data, ABI_EXE_BYTES, READ_BY_HELPER(bprm, filename)) - 1;
	if (exe_bytes >= ABI_EXE_BYTES) /* failed; in one unsigned comparison, which older verifiers follow (6.12) */
		exe_bytes = 0;
	exec->exe_bytes = exe_bytes;
	data += exe_bytes;

	start = READ(mm, arg_start);
	argv_bytes = READ(mm, arg_end) - start;
	if (argv_bytes > max_argv_bytes) {
		argv_bytes = max_argv_bytes;
		exec->flags |= EXEC_ARGV_CUT;
	}
	if (withholds_argv(slot))
		argv_bytes = 0;
	if (argv_bytes && bpf_probe_read_user(data, argv_bytes, (void *)start)) {
		exec->flags |= EXEC_ARGV_LOST;
		argv_bytes = 0;
		count(lost_argv);
	}
	exec->argv_bytes = argv_bytes;
	total = sizeof(*exec) + exe_bytes + argv_bytes;
	if (total > sizeof(*exec) + ABI_EXE_BYTES + max_argv_bytes) /* cannot be; the verifier has to see it */
		return;
	fill_header(&exec->header, NEWS_EXEC, total);
	if (bpf_ringbuf_output(&news, exec, total, wake_flag(total)))
		spill_exec(total, exec->image_id);
}

/*
 * The old address space is gone; its peak is in signal->maxrss, a maximum over all images. Where the memory was
 * the parent's (vfork) or the tracer's it is not the process's own, and only later growth counts.
 */
SHARED int end_image(struct group_slot *slot, u64 maxrss)
{
	if (!slot) /* as in set_rss */
		return 0;
	if (!(slot->info.flags & PROC_BORROWED_MM)) {
		slot->peak_rss_before = larger(slot->peak_rss_before, image_peak(slot, maxrss));
		if (memory_by_looks) /* no less than what the old one has had */
			note_ended_image(beyond(maxrss, slot->peak_pages), beyond(slot->rss_pages, 0));
	}
	keep_rss_at_peak(&slot->info, slot->rss_pages);
	drop_high(slot);
	slot->maxrss_at_exec = maxrss;
	slot->info.flags &= ~PROC_BORROWED_MM;
	slot->lender = 0;
	return 0;
}

SEC("duct_raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = TASK(ctx->args[0]);
	struct signal_struct *signal = READ(task, signal);
	u64 key = group_key_of(task, signal);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct mm_struct *mm;

	if (!slot)
		return 0;
	count(execs);

	end_image(slot, READ(signal, maxrss));
	slot->info.num_execs++;
	note_foreign(slot, task);
	mm = READ(task, mm);
	slot->mm = (u64)mm;
	slot->leader = (u64)task; /* a non-leader that execs takes the leader's place */
	tell_exec(key, slot, mm, (struct linux_binprm *)ctx->args[2]);
	return leave_memory(ctx, MEMORY_EXECUTED, key);
}

/* --- exit --- */

/* True: nothing more will be heard of its memory. */
SHARED int take_memory_at_exit(struct group_slot *slot, u64 task)
{
	struct mm_struct *mm = READ(TASK(task), mm);
	u64 image, pages = 0;

	if (!slot) /* as in set_rss */
		return true;
	if (slot->info.flags & PROC_BORROWED_MM) {
		slot->info.peak_rss = slot->peak_rss_before;
		return true;
	}
	if (mm) { /* since 6.16; before, the address space is gone by now */
		u64 high, vsz, high_vsz;

		if (!mm_at_exit)
			mm_at_exit = 1;
		read_sizes(mm, &high, &vsz, &high_vsz);
		pages = rss_pages_exact(number_of_mm(slot), false);
		/* hiwater_rss is only raised when memory is given back, so it may lie below the present. */
		high = larger(high, pages);
		if (memory_by_looks)
			note_ended_image(beyond(high, slot->peak_pages), beyond(slot->rss_pages, pages));
		raise_high(slot, high, false);
		set_rss(slot, pages);
		slot->info.peak_vsz = larger(vsz, high_vsz) << page_shift;
	}
	image = image_peak(slot, READ(TASK(task), signal, maxrss));
	if (mm && image == ABI_ABSENT)
		image = slot->peak_pages << page_shift;
	slot->info.peak_rss_image = image;
	slot->info.peak_rss = larger(slot->peak_rss_before, image);
	if (pages >= TEARDOWN_PAGES && !memory_by_looks) {
		if (slot->followed)
			__sync_fetch_and_add(&memory.teardowns, 1);
		return false;
	}
	if (pages >= TEARDOWN_PAGES) /* nothing tells how it goes down */
		__sync_fetch_and_add(&memory.unseen_alive, pages);
	give_back_rss(slot);
	drop_high(slot);
	return true;
}

/* The tracer is woken once for all exits until it looks, and when nobody is left; it does not matter if that gets lost. */
static __always_inline void tell_exit(void)
{
	struct news_sign exit;

	if (*(volatile unsigned int *)&sweep_wanted && *(volatile u64 *)&counters.live)
		return;
	*(volatile unsigned int *)&sweep_wanted = 1;
	fill_header(&exit.header, NEWS_EXIT, sizeof(exit));
	bpf_ringbuf_output(&news, &exit, sizeof(exit), BPF_RB_FORCE_WAKEUP);
}

SEC("duct_raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 address = ctx->args[0];
	struct task_struct *task = TASK(address);
	struct signal_struct *signal = READ(task, signal);
	struct task_struct *leader = READ(task, group_leader);
	u64 key = make_key(signal, READ(leader, start_boottime));
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	int own;

	if (!slot)
		return 0;
	__sync_fetch_and_sub(&counters.live_threads, 1);
	add_summed(&slot->summed, task);
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
	return leave_memory(ctx, MEMORY_EXITED, key);
}

/*
 * The memory of a group, behind the rest of each of its events: what reads and sums it up is verified here for all of them. Then the
 * event is gone on with.
 */
SEC("duct_raw_tp")
int keep_memory(struct bpf_raw_tracepoint_args *ctx)
{
	u32 zero = 0, event;
	struct memory_step *step = bpf_map_lookup_elem(&memory_steps, &zero);
	struct group_slot *slot;
	u64 key;

	if (!step)
		return 0;
	event = step->event;
#ifdef DIRECT_READS
	if (event == MEMORY_CHANGED)
		return follow_memory(ADDRESS_SPACE(ctx->args[0]));
#endif
	key = step->key;
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	if (event != MEMORY_EXITED) {
		bool is_alone = follow_memory_of(slot);

		if (!(slot->info.flags & PROC_BORROWED_MM))
			set_rss(slot, rss_pages_exact(number_of_mm(slot), is_alone));
		if (event == MEMORY_FORKED && exited_groups())
			bpf_tail_call(ctx, &tails, ABI_END_EXITS);
		return 0;
	}
	if (take_memory_at_exit(slot, ctx->args[0]))
		stop_following(slot);
	slot->info.flags |= PROC_EXITED;
	count(exits);
	__sync_fetch_and_sub(&counters.live, 1);
	note_exit(slot->leader);
	tell_exit();
	/* Usually the next fork ends them; where many exit and nobody forks they must not be left to wait. */
	if (exited_groups() > 2)
		bpf_tail_call(ctx, &tails, ABI_END_EXITS);
	return 0;
}

/*
 * The command is forked while the programs are loaded, and gets into the ledger by the tracer, as it is before it goes on. Who it is, by
 * task: the child of the present one that has the number wanted. Looks at one of them, the latest first.
 */
static __always_inline void find_command(struct task_struct *parent)
{
	struct list_head *place = (struct list_head *)command.next;
	struct task_struct *child;
	struct pid *pid;

	if (!place)
		place = READ_BY_HELPER(parent, children.prev);
	command.next = (u64)READ_BY_HELPER(place, prev);
	child = TASK((u64)place - bpf_core_field_offset(struct task_struct, sibling));
	pid = READ(child, thread_pid);
	if (number_for_tracer(pid) != command.pid)
		return;
	bpf_probe_read_kernel(&command.pid_ns, sizeof(command.pid_ns), pid_numbers(pid) + (u64)READ(pid, level) * 16);
	command.leader = (u64)child;
	command.on_cpu = READ(child, on_cpu);
	command.cpu_ns = READ(child, se.sum_exec_runtime);
	command.key = group_key(child);
}

/*
 * Run by the tracer, once on each CPU. Learns who the tracer is, by task and not by number; and where this CPU's copy of
 * per-CPU variables lies, told from a map of our own. Then, to find the command.
 */
SEC("duct_raw_tp")
int arm(void *ctx __attribute__((unused)))
{
	struct task_struct *task = TASK(bpf_get_current_task());
	u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	void *here = bpf_map_lookup_elem(&memory_steps, &zero);
	struct bpf_array *array;

	if (!tracer_key) { /* by the first run, which is not sent to another CPU */
		tracer_key = group_key(task);
		tracer_session = (u64)READ(task, signal, pids[KERNEL_PIDTYPE_SID]);
		tracer_pid_level = READ(task, thread_pid, level);
		bpf_probe_read_kernel(&tracer_pid_space, sizeof(tracer_pid_space),
				      pid_numbers(READ(task, thread_pid)) + (u64)tracer_pid_level * 16 + 8);
		tracer_user_ns = (u64)READ(task, real_cred, user_ns);
		return 0;
	}
	if (command.pid) {
		find_command(task);
		return 0;
	}
	if (!here || cpu >= ABI_EXACT_RSS_CPUS)
		return 0;
	/* Through memory: the verifier lets nobody calculate with a map's pointer, but reads it back as a number. */
	*(volatile u64 *)&probe_address = (u64)&memory_steps;
	array = (struct bpf_array *)*(volatile u64 *)&probe_address;
	*(volatile u64 *)&probe_address = (u64)here;
	percpu_offsets[cpu] = *(volatile u64 *)&probe_address - (u64)READ_BY_HELPER(array, pptrs[0]);
	return 0;
}

#include "iterators.bpf.h"

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

/* --- knobs, set before loading --- */
const volatile unsigned int nr_cpus = 1;
const volatile unsigned int page_shift = 12;
const volatile unsigned int max_argv_bytes = 32768;
const volatile unsigned int wake_step_bytes = 256 * 1024; /* news between two wake-ups of the tracer */
const volatile unsigned int small_ring = 0;               /* wake for each message */

/* --- state --- */
struct counters counters;
unsigned long long cpu_max_live[ABI_MAX_CPUS]; /* per CPU, so that no maximum is overwritten by another */
unsigned long long percpu_offsets[ABI_EXACT_RSS_CPUS];
unsigned long long probe_address; /* see learn_percpu_offset */
unsigned long long tracer_key;      /* the tracer's own thread group */
unsigned long long session_address; /* struct pid of the session that is adopted, or 0 */
unsigned int tracer_pid_level;
unsigned int expect_command; /* the tracer's next child is the command */
unsigned int closed;         /* the run is over: nobody joins any more */
unsigned int adopting;       /* children of processes that are to be adopted are taken too */
unsigned int full_states;    /* the iterator sends everything, not only what changed */
unsigned long long pass_number;
int attach_tgid; /* process to attach to, in the tracer's pid namespace; 0: none */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768); /* set by the tracer */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct group_slot);
} groups SEC(".maps");

/* Multi-threaded groups of which a thread has already been the last to exit: see on_exit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, u8);
} exited SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} news SEC(".maps");

/* Spill maps: messages that found the ring full, by a number that is only there to be unique. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct news_fork);
} late_forks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct news_process);
} late_ends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct chunk_key);
	__type(value, struct exec_chunk);
} late_execs SEC(".maps");

/* One exec message under construction per CPU. Larger than a per-CPU map's value may be. Size set by the tracer. */
struct exec_scratch_head {
	u64 sequence;
	u64 unused;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 16 + 48 + ABI_EXE_BYTES + 32768 + ABI_SPILL_CHUNK);
} exec_scratch SEC(".maps");

/* Its only use is its own address: see arm. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} cpu_probe SEC(".maps");

#include "task_read.bpf.h"

#define count(field) __sync_fetch_and_add(&counters.field, 1)

/* --- news --- */

/* Wakes the tracer each time the unread bytes pass a multiple of the step: cheap, and never asleep over a full ring. */
static __always_inline u64 wake_flag(u64 bytes)
{
	u64 unread;

	if (small_ring)
		return BPF_RB_FORCE_WAKEUP;
	unread = bpf_ringbuf_query(&news, BPF_RB_AVAIL_DATA);
	return (unread + bytes) / wake_step_bytes != unread / wake_step_bytes ? BPF_RB_FORCE_WAKEUP
									       : BPF_RB_NO_WAKEUP;
}

/* False: neither ring nor spill map had room. `bytes` is the size of the map's values. */
static __always_inline bool send_or_spill(void *spill_map, void *message, u64 bytes)
{
	u64 id;

	if (!bpf_ringbuf_output(&news, message, bytes, wake_flag(bytes)))
		return true;
	id = bpf_ktime_get_boot_ns() << 10 | (bpf_get_smp_processor_id() & 1023);
	if (bpf_map_update_elem(spill_map, &id, message, BPF_NOEXIST))
		return false;
	count(spilled);
	return true;
}

static __always_inline void fill_header(struct news_header *header, u32 kind, u32 size)
{
	header->size = size;
	header->kind = kind;
	header->time_ns = bpf_ktime_get_boot_ns();
}

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

static __always_inline bool insert_group(u64 key, struct group_slot *slot)
{
	long error;

	/* -EBUSY: the bucket's lock is held by what this program interrupted (5.11 .. 6.6); it is free soon. */
	for (int attempt = 0; attempt < 4; attempt++) {
		error = bpf_map_update_elem(&groups, &key, slot, BPF_ANY);
		if (!error)
			return true;
		if (error != -16)
			break;
	}
	if (error == -16)
		count(lost_forks_busy);
	else
		count(lost_forks_full);
	return false;
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

static __always_inline void announce(u64 key, u64 parent_key, const struct group_slot *slot)
{
	struct news_fork fork = {};

	fill_header(&fork.header, NEWS_FORK, sizeof(fork));
	fork.key = key;
	fork.parent_key = parent_key;
	fork.image_id = slot->info.image_id;
	fork.start_ns = slot->info.start_ns;
	fork.pid = slot->info.pid;
	fork.ppid = slot->info.ppid;
	fork.pid_ns = slot->info.pid_ns;
	fork.depth = slot->info.depth;
	fork.flags = slot->info.flags;
	if (!send_or_spill(&late_forks, &fork, sizeof(fork)))
		count(lost_fork_news);
}

static __always_inline bool is_to_be_adopted(struct task_struct *task, struct signal_struct *signal)
{
	struct task_struct *ancestor = task;

	if ((u64)signal == tracer_key)
		return false;
	if (session_address)
		return (u64)READ(signal, pids[KERNEL_PIDTYPE_SID]) == session_address;
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

static __noinline int take_child(struct task_struct *parent, struct task_struct *child, struct group_slot *parent_slot)
{
	struct group_slot slot = {};
	u64 key = group_key(child);
	struct pid *pid = READ(child, thread_pid);

	slot.info.pid = pid_number(pid, &slot.info.pid_ns);
	slot.info.start_ns = READ(child, start_boottime);
	slot.mm = (u64)READ(child, mm);
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
	if (!insert_group(key, &slot))
		return 0;
	count(forks);
	note_live();
	announce(key, (u64)READ(parent, signal), &slot);
	return 0;
}

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx->args[0];
	struct task_struct *child = (struct task_struct *)ctx->args[1];
	u64 key = group_key(parent);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);

	if (closed)
		return 0;
	if (!slot) {
		if (key == tracer_key && expect_command) {
			expect_command = 0; /* the tracer has one thread: no race */
			return take_child(parent, child, NULL);
		}
		if (adopting && is_to_be_adopted(parent, (struct signal_struct *)key) && group_key(child) != key)
			return take_child(parent, child, NULL);
		return 0;
	}
	if (group_key(child) == key) { /* a thread */
		u64 threads = READ((struct signal_struct *)key, nr_threads);

		/* Looked at again: another thread may just have stored its smaller number. */
		for (int i = 0; i < 2; i++)
			if (threads > *(volatile u64 *)&slot->info.max_threads)
				*(volatile u64 *)&slot->info.max_threads = threads;
		return 0;
	}
	return take_child(parent, child, slot);
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
	signal = (struct signal_struct *)key;

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

SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	u64 key = group_key(task);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct signal_struct *signal = (struct signal_struct *)key;
	struct task_struct *leader;
	int own;

	if (!slot)
		return 0;
	leader = READ(task, group_leader);
	if (leader == task)
		slot->leader_exit_code = READ(task, exit_code);
	if (READ(signal, live.counter)) /* other threads go on; the tracepoint has no group_dead before 6.16 */
		return 0;
	if (slot->info.max_threads > 1) {
		/* Two threads that exit at once both see zero. The first to insert is the one. */
		u8 one = 1;

		if (bpf_map_update_elem(&exited, &key, &one, BPF_NOEXIST) == -17)
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
	if (!*(volatile u64 *)&counters.live) {
		struct news_header idle;

		fill_header(&idle, NEWS_IDLE, sizeof(idle));
		/* Only a wake-up: a ring that is full has the tracer awake already. */
		bpf_ringbuf_output(&news, &idle, sizeof(idle), BPF_RB_FORCE_WAKEUP);
	}
	return 0;
}

/* --- free: the group's totals are whole once its last thread was released --- */

static __noinline int finish_group(u64 key, struct group_slot *slot)
{
	struct news_process end = {};

	end.info = slot->info;
	/* Whoever deletes the slot sends the record: once. */
	for (int attempt = 0;; attempt++) {
		long error = bpf_map_delete_elem(&groups, &key);

		if (!error)
			break;
		if (error != -16 || attempt == 3)
			return 1;
	}
	if (end.info.max_threads > 1)
		bpf_map_delete_elem(&exited, &key);
	fill_header(&end.header, NEWS_END, sizeof(end));
	end.key = key;
	add_group_usage(&end.usage, (struct signal_struct *)key);
	if (!send_or_spill(&late_ends, &end, sizeof(end)))
		count(lost_ends);
	return 0;
}

SEC("raw_tp/sched_process_free")
int on_free(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	u64 key = group_key(task);
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);

	if (!slot || READ((struct signal_struct *)key, nr_threads))
		return 0;
	return finish_group(key, slot);
}

/*
 * Run by the tracer at the end, with a key: a group that was reaped is finished at once instead of an RCU period
 * later. The slot is in the map, so `free` has not come and the signal_struct is still there.
 * 0: finished, its record is on its way. 1: its threads are not all released. 2: no such group.
 */
SEC("raw_tp")
int finish(struct bpf_raw_tracepoint_args *ctx)
{
	u64 key = ctx->args[0];
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);

	if (!slot)
		return 2;
	if (!(slot->info.flags & PROC_EXITED) || READ((struct signal_struct *)key, nr_threads))
		return 1;
	return finish_group(key, slot);
}

/* Run once by the tracer: learns who the tracer is, by task and not by number. */
SEC("raw_tp")
int arm(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct signal_struct *signal = READ(task, signal);

	tracer_key = (u64)signal;
	tracer_pid_level = READ(task, thread_pid, level);
	session_address = ctx->args[0] ? (u64)READ(signal, pids[KERNEL_PIDTYPE_SID]) : 0;
	return 0;
}

/* Run once on each CPU: where this CPU's copy of per-CPU variables lies, told from a variable of our own. */
SEC("raw_tp")
int learn_percpu_offset(void *ctx __attribute__((unused)))
{
	u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	void *here = bpf_map_lookup_elem(&cpu_probe, &zero);
	struct bpf_array *array;

	if (!here || cpu >= ABI_EXACT_RSS_CPUS)
		return 0;
	/* Through memory: the verifier lets nobody calculate with a map's pointer, but reads it back as a number. */
	*(volatile u64 *)&probe_address = (u64)&cpu_probe;
	array = (struct bpf_array *)*(volatile u64 *)&probe_address;
	*(volatile u64 *)&probe_address = (u64)here;
	percpu_offsets[cpu] = *(volatile u64 *)&probe_address - (u64)READ(array, pptrs[0]);
	return 0;
}

/*
 * --- iterators over tasks ---
 * The section name is our own: the tracer loads these with the attach point's BTF id from its cache, where libbpf would
 * parse the kernel's whole BTF to find it.
 */

static __always_inline void send_state(struct seq_file *seq, u64 key, struct group_slot *slot,
				       struct task_struct *task, struct signal_struct *signal)
{
	struct news_process state = {};
	struct task_struct *leader = READ(task, group_leader);
	int own;

	fill_header(&state.header, NEWS_STATE, sizeof(state));
	state.key = key;
	state.info = slot->info;
	state.usage = slot->seen;
	add_group_usage(&state.usage, signal);
	if (!(state.info.flags & PROC_EXITED)) {
		struct mm_struct *mm = READ(leader, mm);

		state.info.end_ns = state.header.time_ns;
		state.info.uid = READ(task, real_cred, uid.val);
		state.info.sid = pid_number(READ(signal, pids[KERNEL_PIDTYPE_SID]), &own);
		state.info.cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
		bpf_probe_read_kernel(state.info.comm, sizeof(state.info.comm), &leader->comm);
		state.info.peak_rss = state.info.peak_rss_image = ABI_ABSENT;
		if (mm && !(state.info.flags & PROC_BORROWED_MM)) {
			u64 now = rss_pages_exact(mm), high = READ(mm, hiwater_rss);

			state.info.peak_rss_image = (now > high ? now : high) << page_shift;
			state.info.peak_vsz = READ(mm, hiwater_vm) << page_shift;
		}
		state.info.peak_rss = max_present(slot->peak_rss_before, state.info.peak_rss_image);
	} else if (READ(leader, exit_state) & KERNEL_EXIT_ZOMBIE && READ(signal, nr_threads) == 1 &&
		   !READ(leader, on_cpu)) {
		state.info.flags |= PROC_RESTING;
	}
	bpf_seq_write(seq, &state, sizeof(state));
}

/* One visit for each thread of the machine; those of the tree add up in their group's slot until all were seen. */
SEC("duct_iter/task")
int sample(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct signal_struct *signal;
	struct group_slot *slot;
	struct news_live live = {};
	struct mm_struct *mm;
	int threads;
	u64 key;

	if (!task)
		return 0;
	signal = task->signal;
	key = (u64)signal;
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	if (slot->pass != pass_number) {
		slot->pass = pass_number;
		slot->visited = 0;
		__builtin_memset(&slot->seen, 0, sizeof(slot->seen));
	}
	slot->visited++;
	if (full_states)
		add_task_usage(&slot->seen, task);
	else
		slot->seen.cpu_time += task->se.sum_exec_runtime;
	threads = signal->nr_threads;
	/* A thread that ended since it was visited makes this true early, and once more with the rest. */
	if ((int)slot->visited < threads)
		return 0;
	if (full_states) {
		send_state(ctx->meta->seq, key, slot, task, signal);
		return 0;
	}
	live.cpu_ns = slot->seen.cpu_time + signal->sum_sched_runtime;
	mm = task->mm;
	if (mm) {
		/* In a vfork the memory is the parent's, and counted there. */
		if (!(slot->info.flags & PROC_BORROWED_MM))
			live.rss_bytes = rss_pages_for_sample(mm) << page_shift;
		live.vsz_bytes = mm->total_vm << page_shift;
		if (READ(task, mm) != mm) /* left while it was read: the numbers may be another's */
			live.rss_bytes = live.vsz_bytes = 0;
	}
	live.state = state_letter(READ(task, group_leader)) | live_bits(task, signal, mm);
	if (live.cpu_ns == slot->sent_cpu_ns && live.rss_bytes == slot->sent_rss && live.vsz_bytes == slot->sent_vsz &&
	    live.state == slot->sent_state)
		return 0;
	slot->sent_cpu_ns = live.cpu_ns;
	slot->sent_rss = live.rss_bytes;
	slot->sent_vsz = live.vsz_bytes;
	slot->sent_state = live.state;
	live.threads = threads;
	live.key = key;
	fill_header(&live.header, NEWS_LIVE, sizeof(live));
	bpf_seq_write(ctx->meta->seq, &live, sizeof(live));
	return 0;
}

/* Adds what lives already: the session of the tracer, or a process and its descendants. Run until nothing is added. */
SEC("?duct_iter/task")
int adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct signal_struct *signal;
	struct group_slot slot = {}, *parent;
	u64 key, parent_key;
	int own;

	if (!task)
		return 0;
	signal = task->signal;
	key = (u64)signal;
	if (READ(task, group_leader) != task || bpf_map_lookup_elem(&groups, &key) || key == tracer_key)
		return 0;
	slot.info.pid = pid_number(READ(task, thread_pid), &slot.info.pid_ns);
	parent_key = group_key(READ(task, real_parent));
	parent = bpf_map_lookup_elem(&groups, &parent_key);
	if (slot.info.pid != attach_tgid && !is_to_be_adopted(task, signal))
		return 0;
	if (!READ(signal, live.counter)) /* in or past exit already */
		return 0;
	slot.info.ppid = pid_number(READ(task, real_parent, group_leader, thread_pid), &own);
	slot.info.start_ns = READ(task, start_boottime);
	slot.info.depth = parent ? parent->info.depth + 1 : 0;
	slot.info.flags = PROC_ADOPTED;
	slot.info.image_id = key | 1;
	slot.mm = (u64)READ(task, mm);
	reset_gauges(&slot.info);
	slot.info.max_threads = READ(signal, nr_threads);
	slot.peak_rss_before = ABI_ABSENT;
	if (bpf_map_update_elem(&groups, &key, &slot, BPF_NOEXIST)) {
		count(lost_forks_full);
		return 0;
	}
	count(adopted);
	note_live();
	announce(key, parent_key, &slot);
	return 0;
}

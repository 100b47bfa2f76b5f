/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who sent the signal that ends a process. A slot keeps the sender of the last signal that may have been the one; user space
 * compares it with the exit status. The tracepoint runs for every signal of the machine, nearly all of which are SIGCHLD.
 */
#ifndef DUCT_BPF_SIGNALS_H
#define DUCT_BPF_SIGNALS_H

/* Signals whose default is to be ignored or to stop: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH. */
#define HARMLESS_SIGNALS (1ULL << 17 | 1ULL << 18 | 1ULL << 19 | 1ULL << 20 | 1ULL << 21 | 1ULL << 22 | 1ULL << 23 | 1ULL << 28)
/* QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS: the group's exit begins later, with the dump. */
#define COREDUMP_SIGNALS \
	(1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 8 | 1ULL << 11 | 1ULL << 24 | 1ULL << 25 | 1ULL << 31)
#define KERNEL_SIGKILL 9
/* What the tracepoint's `info` is where there is none (include/linux/sched/signal.h). */
#define INFO_NONE 0
#define INFO_KERNEL 1
/* include/uapi/asm-generic/siginfo.h: kill, sigqueue, tgkill. Other codes are the kernel's. */
#define CODE_USER 0
#define CODE_QUEUE -1
#define CODE_TKILL -6
/* include/trace/events/signal.h: what became of it */
#define RESULT_DELIVERED 0
#define RESULT_WITHOUT_INFO 4

/* Branches are what the verifier, and so the start, pays for: few of them. */
static __always_inline bool is_from_process(u32 number, u64 info, struct task_struct *sender, bool is_self)
{
	int code;

	/* Without info: SIGPIPE and the like, which the kernel sends to the one who runs; the death of a parent (PR_SET_PDEATHSIG);
	 * and what a process does by writing to cgroup.kill. */
	if (info == INFO_NONE)
		return number == KERNEL_SIGKILL && !is_self && !(READ(sender, flags) & KERNEL_PF_EXITING);
	code = READ_BY_HELPER((struct kernel_siginfo *)info, si_code);
	return info != INFO_KERNEL && (code == CODE_USER || code == CODE_QUEUE || code == CODE_TKILL);
}

SEC("duct_raw_tp/signal_generate")
int on_signal(struct bpf_raw_tracepoint_args *ctx)
{
	u32 number = ctx->args[0];
	struct task_struct *target, *sender, *leader;
	struct signal_struct *signal;
	struct signal_sender *last;
	struct group_slot *slot;
	bool is_final, is_self;
	u64 result, key;

	if (1ULL << (number & 63) & HARMLESS_SIGNALS)
		return 0;
	result = ctx->args[4];
	if (result != RESULT_DELIVERED && result != RESULT_WITHOUT_INFO)
		return 0;
	target = TASK(ctx->args[2]);
	key = group_key(target);
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	last = &slot->info.sender; /* written with the target's siglock held */
	signal = READ(target, signal);
	/*
	 * The group's exit begins right before the event, unless the process is to dump, is traced, or blocks the signal. So the
	 * first signal that its exit status speaks of is known to be the one.
	 */
	is_final = READ(signal, flags) & KERNEL_SIGNAL_GROUP_EXIT;
	if (is_final && (last->flags & SENDER_FINAL || (u32)READ(signal, group_exit_code) != number ||
			 1ULL << (number & 63) & COREDUMP_SIGNALS))
		return 0;
	sender = TASK(bpf_get_current_task());
	is_self = READ(sender, signal) == signal;
	/* Who catches a signal, cleans up and sends it to itself has been ended by the one who sent it first. */
	if (is_self && last->signal == (s32)number && last->flags & SENDER_KNOWN)
		return 0;
	last->signal = number;
	last->flags = is_final ? SENDER_FINAL : 0;
	if (!is_from_process(number, ctx->args[1], sender, is_self))
		return 0;
	leader = READ(sender, group_leader);
	last->flags |= SENDER_KNOWN;
	last->pid = number_for_tracer(READ(leader, thread_pid));
	last->uid = READ(sender, real_cred, uid.val);
	bpf_probe_read_kernel(last->comm, sizeof(last->comm), &leader->comm);
	return 0;
}

/* The kernel's out-of-memory killer has chosen it (and not only found it on its way out). For one whose exit status is known. */
static __always_inline void note_oom(struct process_info *info, struct signal_struct *signal)
{
	if ((info->wait_status & 0x7f) == KERNEL_SIGKILL && READ(signal, oom_mm))
		info->flags |= PROC_OOM_VICTIM;
}

#endif

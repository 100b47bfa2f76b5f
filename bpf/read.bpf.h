/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a kernel struct is read. The programs are compiled twice: with a helper's call for each read, which runs everywhere, and
 * with DIRECT_READS, where the verifier is told what an address points to (bpf_rdonly_cast, 6.2) and a read is one instruction,
 * that gives 0 where the address is bad, as the helper does. That is a third of the instructions to verify and much of what an
 * event costs. Tracepoints that hand out typed pointers (tp_btf) are no way to that: since 6.4 the verifier looks through all
 * names of the kernel's BTF for each pointer read from one of these.
 */
#ifndef DUCT_BPF_READ_H
#define DUCT_BPF_READ_H

#include "maps.bpf.h"

/* With the helper, whatever is compiled: for the few that start from another type than a task. */
#define READ_BY_HELPER(from, ...) BPF_CORE_READ(from, __VA_ARGS__)

#ifdef DIRECT_READS
/* Not a helper: the tracer puts the kernel's function in its place, when it loads the program. */
static void *(*const rdonly_cast)(const void *address, u64 type_id) = (void *)ABI_RDONLY_CAST;

/*
 * Where reading starts: what is read from it has a type of its own. The barriers: each read is one of its own time, and an
 * instruction of its own, as the verifier wants an instruction to read one type.
 */
#define TASK(address) ((struct task_struct *)rdonly_cast((const void *)(address), task_struct_id))
#define ADDRESS_SPACE(address) ((struct mm_struct *)rdonly_cast((const void *)(address), mm_struct_id))
/* The tracepoint of memory, and the address space that it tells of. */
#define RSS_STAT_SECTION "duct_raw_tp/rss_stat"
#define RSS_STAT_SPACE(ctx) ADDRESS_SPACE((ctx)[0])
/* A function that takes a slot and is verified once in a program: kernels that know such arguments are those of direct reads. */
#define SHARED __noinline
#define READ(from, ...)                                                                                               \
	({                                                                                                            \
		barrier();                                                                                            \
		__auto_type value_read = ___arrow((from), __VA_ARGS__);                                               \
		barrier_var(value_read);                                                                              \
		value_read;                                                                                           \
	})
#else
#define TASK(address) ((struct task_struct *)(address))
#define ADDRESS_SPACE(address) ((struct mm_struct *)(address))
#define RSS_STAT_SECTION "duct_btf_tp/rss_stat" /* typed, so that it is read without a helper there at least */
#define RSS_STAT_SPACE(ctx) ((struct mm_struct *)(ctx)[0])
#define SHARED static __always_inline
#define READ(from, ...) READ_BY_HELPER(from, __VA_ARGS__)
#endif

/*
 * A helper's call costs as much as what it does: fields of a struct that lie close together are copied at once, as
 * many bytes as the window has, from the field `first` on. The conditions are constants once the offsets are known; the verifier leaves out the other
 * branch. Direct reads need no copy.
 */
#define WINDOW(name, size)                                                                                            \
	struct name {                                                                                                 \
		u8 bytes[size];                                                                                       \
	}

#ifdef DIRECT_READS
#define WINDOW_READ(window, from, first) ((void)(window))
#define FROM_WINDOW(window, from, first, path) READ(from, path)
#else
#define WINDOW_READ(window, from, first)                                                                              \
	bpf_probe_read_kernel(window, sizeof(*(window)), __builtin_preserve_access_index(&(from)->first))
#define FROM_WINDOW(window, from, first, path)                                                                        \
	({                                                                                                            \
		u64 at = bpf_core_field_offset((from)->path) - bpf_core_field_offset((from)->first), number = 0;       \
		if (at <= sizeof((window)->bytes) - sizeof(u64))                                                      \
			number = *(u64 *)((window)->bytes + at);                                                      \
		else                                                                                                  \
			number = READ(from, path);                                                                    \
		number;                                                                                               \
	})
#endif

#endif

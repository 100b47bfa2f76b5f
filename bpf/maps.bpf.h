/* SPDX-License-Identifier: GPL-2.0 */
/* Knobs, state, maps, and how a message gets to the tracer. */
#ifndef DUCT_BPF_MAPS_H
#define DUCT_BPF_MAPS_H

/* --- knobs, set before loading --- */
const volatile unsigned int nr_cpus = 1;
const volatile unsigned int page_shift = 12;
const volatile unsigned int max_argv_bytes = 32768;
const volatile unsigned int wake_step_bytes = 256 * 1024; /* news between two wake-ups of the tracer, */
const volatile unsigned int wake_step_mask = 1023;        /* and processes that come, or go: one less than a power of two */
const volatile unsigned int adopts = 0;                   /* `adopt` will be run */
const volatile unsigned int every_rss_event = 0;          /* memory is summed up at each event, not once a batch */
const volatile unsigned int rss_events = 1;               /* on_rss runs */
const volatile unsigned int withholds = 0;                /* enum withhold */
const volatile unsigned int has_loop = 1;                 /* bpf_loop (5.17 on): `sample` runs */
const volatile unsigned int caller_uid = 0, caller_gid = 0;
const volatile unsigned int task_struct_id = 0, mm_struct_id = 0; /* BTF ids, for direct reads */

/* --- state. Each with a value, so that they lie in this order whatever is compiled. --- */
struct counters counters = {};
unsigned long long cpu_max_live[ABI_MAX_CPUS] = {}; /* per CPU, so that no maximum is overwritten by another */
struct tree_memory memory = {};
struct cpu_peak cpu_peaks[ABI_MAX_CPUS] = {};
struct cpu_looks cpu_looks[ABI_MAX_CPUS] = {};
unsigned long long window_number = 0;
long long peak_wanted_pages = 1LL << 62; /* a maximum above this is told, once */
unsigned long long percpu_offsets[ABI_EXACT_RSS_CPUS] = {};
unsigned long long probe_address = 0; /* see arm */
unsigned long long tracer_key = 0;   /* the tracer's own thread group */
unsigned long long tracer_session = 0; /* struct pid */
unsigned long long tracer_user_ns = 0; /* struct user_namespace */
unsigned int tracer_pid_level = 0;
unsigned long long tracer_pid_space = 0; /* its pid namespace */
struct found_child command = {};
unsigned int closed = 0;      /* the run is over: nobody joins any more */
unsigned int adopting = 0;    /* children of processes that are to be adopted are taken too */
unsigned int sweep_wanted = 0; /* exits since the tracer last looked for groups at rest */
unsigned int learns_highs = 0;    /* samples take over what the kernel knows of the most that a process has had */
unsigned int memory_by_looks = 0; /* on_rss is not attached for a while */
unsigned int mm_at_exit = 0;      /* the kernel has an address space still there when a process exits (since 6.16) */
unsigned long long pass_number = 0;
unsigned int sample_at = 0; /* where in the watch list the sample goes on */
int attach_tgid = 0; /* process that is adopted with its descendants, in the tracer's pid namespace; 0: its session */

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
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, u8);
} exited SEC(".maps");

/* Leaders of groups that have entered exit and are not at rest yet, as far as is known. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8192);
	__uint(key_size, 0);
	__type(value, u64);
} exiting SEC(".maps");

/* end_exits and keep_memory, for others to go on with: verified once, not for each. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__uint(value_size, 4);
} tails SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 << 20);
} news SEC(".maps");

/* Spill map: messages that found the ring full, by a number that is only there to be unique. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct news_process);
} late_news SEC(".maps");

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

/* What samples go along. Size set by the tracer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct watched);
} watch_list SEC(".maps");

/* What an event leaves to keep_memory; and where its address tells of this CPU's copies: see arm. */
struct memory_step {
	u64 key;
	u32 event;
	u32 unused;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct memory_step);
} memory_steps SEC(".maps");

#define count(field) __sync_fetch_and_add(&counters.field, 1)
/* The same, and what it is then: of where kernels tell it (5.12), without them of about then. */
#ifdef DIRECT_READS
#define counted(field) (__sync_fetch_and_add(&counters.field, 1) + 1)
#else
#define counted(field) (count(field), *(volatile u64 *)&counters.field)
#endif

/* --- news --- */

/* Wakes the tracer each time the unread bytes pass a multiple of the step: cheap, and never asleep over a full ring. */
static __always_inline u64 wake_flag(u64 bytes)
{
	u64 unread = bpf_ringbuf_query(&news, BPF_RB_AVAIL_DATA);

	return (unread + bytes) / wake_step_bytes != unread / wake_step_bytes ? BPF_RB_FORCE_WAKEUP
									       : BPF_RB_NO_WAKEUP;
}

/* The same for the news of processes, of which there are many and all of one size: without a look at the ring. */
static __always_inline u64 wake_flag_of(u64 number)
{
	return number & wake_step_mask ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
}

/* The ring is full. False: neither has the spill map room. */
static __always_inline bool spill(struct news_process *message)
{
	u64 id = bpf_ktime_get_boot_ns() << 10 | (bpf_get_smp_processor_id() & 1023);

	if (bpf_map_update_elem(&late_news, &id, message, BPF_NOEXIST))
		return false;
	count(spilled);
	return true;
}

static __always_inline void fill_header_of(struct news_header *header, u32 kind, u32 size, u64 time_ns)
{
	header->size = size;
	header->kind = kind;
	header->time_ns = time_ns;
}

static __always_inline void fill_header(struct news_header *header, u32 kind, u32 size)
{
	fill_header_of(header, kind, size, bpf_ktime_get_boot_ns());
}

#endif

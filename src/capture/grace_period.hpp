// SPDX-License-Identifier: MIT
#pragma once

namespace duct_bpf {

// A tracepoint that nobody listens to gets its first listener only when no CPU is in tracepoints any more as they were when the last one was
// let go of any: right behind another run that is an RCU grace period or two, 4 to 25 ms in the middle of our start. One that the kernel
// hurries will do as well (since 6.0), in some 50 us, and it hurries one when a mount is let go: here a detached one that nobody else has
// seen. Two of them, as the end of the first is taken for that of one that was under way. Where this is refused (it takes CAP_SYS_ADMIN), is not
// tried as system calls are filtered (seccomp), or would have to be waited for as well (PREEMPT_RT), the listener waits. Returns when they are over.
void hurry_grace_periods();

}  // namespace duct_bpf

// SPDX-License-Identifier: MIT
#include "capture/tracer_start.hpp"

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "capture/grace_period.hpp"
#include "capture/os_error.hpp"
#include "capture/privilege.hpp"
#include "capture/procfs_sampler.hpp"

namespace duct_bpf {
namespace {

using Loaded = Result<std::unique_ptr<Tracer>>;

TracerConfig config_of(const Options& options) {
  TracerConfig config;
  config.max_argv_bytes = options.max_argv_bytes;
  config.ring_bytes = options.ring_bytes;
  config.ledger_entries = options.ledger_entries;
  config.memory = options.memory;
  config.adopts = options.attach_pid || options.mode == SessionMode::current_session;
  return config;
}

Loaded load(const TracerConfig& config, const cpu_set_t& permitted) {
  keep_to(permitted);
  use_capabilities();
  try {
    return Tracer::load(config);
  } catch (const std::bad_alloc&) {
    return os_error("the programs cannot be loaded", ENOMEM, ErrorCode::no_bpf);
  }
}

}  // namespace

TracerStart::TracerStart(const Options& options) {
  const TracerConfig config = config_of(options);
  if (options.sampler == Sampler::procfs) {
    loaded_ = std::async(std::launch::deferred, open_procfs_sampler, config);
    return;
  }
  const cpu_set_t permitted = permitted_cpus();
  auto task = std::make_shared<std::packaged_task<Loaded()>>([=] { return load(config, permitted); });
  loaded_ = task->get_future();
  try {
    thread_.emplace(dealt_out(permitted, 2)[1], [task] { (*task)(); });
    hurry_grace_periods();  // while it goes, before it attaches
  } catch (const std::system_error& refused) {  // the limit on processes, which counts threads
    std::promise<Loaded> failed;
    failed.set_value(os_error("cannot start the thread that loads the programs", refused.code().value()));
    loaded_ = failed.get_future();
  }
}

Loaded TracerStart::take() {
  Loaded loaded = loaded_.get();
  thread_.reset();
  return loaded;
}

}  // namespace duct_bpf

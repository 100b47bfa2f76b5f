// SPDX-License-Identifier: MIT
#include "sinks/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace duct_bpf {

Progress::Progress(OutputView view, int fd) : fd_(fd) {
  if (view == OutputView::spinner) kind_ = ::isatty(fd) ? Kind::spinner : Kind::dotter;
  if (view == OutputView::dotter) kind_ = Kind::dotter;
}

void Progress::put(const std::string& text) {
  // A reader that is gone costs the command nothing.
  if (::write(fd_, text.data(), text.size()) < 0) kind_ = Kind::none;
}

void Progress::tick(std::int64_t elapsed_ns, std::uint64_t rss_peak_bytes, std::uint64_t processes) {
  std::int64_t seconds = elapsed_ns / 1'000'000'000;
  std::string status = fmt::format("{}:{:02}:{:02}, peak memory {:.1f} MB, {} process{}", seconds / 3600,
                                   seconds / 60 % 60, seconds % 60, static_cast<double>(rss_peak_bytes) / 1e6,
                                   processes, processes == 1 ? "" : "es");
  if (kind_ == Kind::spinner) {
    static constexpr char kFrames[] = {'|', '/', '-', '\\'};
    put(fmt::format("\r\x1b[K{} {}", kFrames[frame_++ % 4], status));
    drawn_ = true;
  } else if (kind_ == Kind::dotter) {
    // A dot a second; every minute the line ends with how things stand.
    while (dots_ < seconds && kind_ != Kind::none) {
      dots_++;
      drawn_ = true;
      if (dots_ % 60) {
        put(".");
      } else {
        put(". " + status + "\n");
        drawn_ = false;
      }
    }
  }
}

void Progress::clear() {
  if (!drawn_) return;
  put(kind_ == Kind::spinner ? "\r\x1b[K" : "\n");
  drawn_ = false;
}

}  // namespace duct_bpf

// SPDX-License-Identifier: MIT
// The ring buffer of the kernel side, as the kernel documents it (Documentation/bpf/ringbuf.rst). libbpf's reader cannot be had before the
// command is forked: a fork would copy its mapping, which takes longer than the rest of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "capture/fd.hpp"
#include "capture/kernel_image.hpp"

namespace duct_bpf {

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Makes it and maps it; a child of ours does not have the mapping. False: errno, and it may be tried again. True: it is open.
  bool open(const KernelImage::Map& map);
  int fd() const { return fd_.get(); }  // readable: there is something to consume, and the kernel side wants that
  // Every message that is whole by now, in their order.
  void consume(const std::function<void(std::span<const std::byte>)>& sink);

 private:
  Fd fd_;
  std::uint64_t* consumed_ = nullptr;  // bytes, since it was made
  const std::byte* produced_page_ = nullptr;
  std::size_t page_bytes_ = 0, data_bytes_ = 0;
};

}  // namespace duct_bpf

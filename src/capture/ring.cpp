// SPDX-License-Identifier: MIT
#include "capture/ring.hpp"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/bpf_calls.hpp"

namespace duct_bpf {

Ring::~Ring() {
  if (consumed_) ::munmap(consumed_, page_bytes_);
  if (produced_page_) ::munmap(const_cast<std::byte*>(produced_page_), page_bytes_ + 2 * data_bytes_);
}

// A page of ours, a page of the kernel's, and the data, twice behind each other so that every message is in one piece.
bool Ring::open(const KernelImage::Map& map) {
  if (produced_page_) return true;
  page_bytes_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  data_bytes_ = map.entries;
  if (!fd_) fd_ = create_map(map);
  if (!fd_) return false;
  auto map_part = [this](std::size_t size, int protection, std::size_t offset) -> void* {
    void* memory = ::mmap(nullptr, size, protection, MAP_SHARED, fd_.get(), static_cast<off_t>(offset));
    if (memory == MAP_FAILED) return nullptr;
    ::madvise(memory, size, MADV_DONTFORK);  // without it a fork takes longer, no more
    return memory;
  };
  if (!consumed_) consumed_ = static_cast<std::uint64_t*>(map_part(page_bytes_, PROT_READ | PROT_WRITE, 0));
  if (!consumed_) return false;
  produced_page_ = static_cast<const std::byte*>(map_part(page_bytes_ + 2 * data_bytes_, PROT_READ, page_bytes_));
  return produced_page_ != nullptr;
}

void Ring::consume(const std::function<void(std::span<const std::byte>)>& sink) {
  const auto* produced = reinterpret_cast<const std::uint64_t*>(produced_page_);
  const std::byte* data = produced_page_ + page_bytes_;
  std::uint64_t at = *consumed_;
  while (at < __atomic_load_n(produced, __ATOMIC_ACQUIRE)) {
    const std::byte* message = data + (at & (data_bytes_ - 1));
    const std::uint32_t length = __atomic_load_n(reinterpret_cast<const std::uint32_t*>(message), __ATOMIC_ACQUIRE);
    if (length & BPF_RINGBUF_BUSY_BIT) return;  // it is being written
    const std::uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!(length & BPF_RINGBUF_DISCARD_BIT)) sink({message + BPF_RINGBUF_HDR_SZ, size});
    at += (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    __atomic_store_n(consumed_, at, __ATOMIC_RELEASE);
  }
}

}  // namespace duct_bpf

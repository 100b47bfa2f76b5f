// SPDX-License-Identifier: MIT
#include "capture/kernel_image.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace duct_bpf {
namespace {

// One function says what there is, in which order, for both directions. Each list is its length and what is in it.
template <typename Stream, typename Image>
void transfer(Stream& stream, Image& image) {
  stream.list(image.maps, [&](auto& map) {
    stream.array(map.name);
    for (auto* number : {&map.type, &map.key_bytes, &map.value_bytes, &map.entries, &map.flags}) stream.number(*number);
    stream.array(map.content);
  });
  stream.list(image.programs, [&](auto& program) {
    stream.array(program.name);
    stream.array(program.event);
    stream.number(program.kind);
    stream.array(program.instructions);
    stream.array(program.functions);
    stream.number(program.functions_entry_bytes);
  });
  stream.array(image.types);
}

class Writer {
 public:
  template <typename T>
  void number(const T& value) {
    append(std::as_bytes(std::span(&value, 1)));
  }
  template <typename Array>
  void array(const Array& values) {
    number(static_cast<std::uint32_t>(values.size()));
    append(std::as_bytes(std::span(values)));
  }
  template <typename List, typename Each>
  void list(const List& values, Each each) {
    number(static_cast<std::uint32_t>(values.size()));
    for (auto& value : values) each(value);
  }
  std::vector<std::byte> bytes;

 private:
  void append(std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <typename T>
  void number(T& value) {
    take(&value, sizeof value);
  }
  template <typename Array>
  void array(Array& values) {
    values.resize(count(sizeof values[0]));
    take(values.data(), values.size() * sizeof values[0]);
  }
  template <typename List, typename Each>
  void list(List& values, Each each) {
    values.resize(count(1));
    for (auto& value : values) each(value);
  }
  bool is_whole() const { return ok_ && rest_.empty(); }

 private:
  // No more than there can be of what is left.
  std::size_t count(std::size_t entry_bytes) {
    std::uint32_t count = 0;
    number(count);
    if (count > rest_.size() / entry_bytes) ok_ = false;
    return ok_ ? count : 0;
  }
  void take(void* to, std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return;
    }
    if (size) std::memcpy(to, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

bool makes_sense(const KernelImage& image) {
  for (auto& map : image.maps)
    if (!map.content.empty() && map.content.size() != map.value_bytes) return false;
  for (auto& program : image.programs) {
    if (program.kind > KernelImage::Kind::typed_rss_stat) return false;
    const auto& code = program.instructions;
    for (std::size_t i = 0; i < code.size(); i++)
      if (names_a_map(code[i]) && (static_cast<std::uint32_t>(code[i].imm) >= image.maps.size() || i + 1 == code.size())) return false;
    if (!program.functions.empty() &&
        (program.functions_entry_bytes == 0 || program.functions.size() % program.functions_entry_bytes))
      return false;
  }
  return true;
}

}  // namespace

KernelImage::Map& KernelImage::map(std::string_view name) {
  auto found = std::find_if(maps.begin(), maps.end(), [&](const Map& each) { return each.name == name; });
  if (found == maps.end()) throw std::logic_error("no map " + std::string(name));
  return *found;
}

std::vector<std::byte> KernelImage::bytes() const {
  Writer writer;
  transfer(writer, *this);
  return std::move(writer.bytes);
}

std::optional<KernelImage> KernelImage::from(std::span<const std::byte> bytes) {
  KernelImage image;
  Reader reader(bytes);
  transfer(reader, image);
  if (!reader.is_whole() || !makes_sense(image)) return std::nullopt;
  return image;
}

}  // namespace duct_bpf

// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/reorder_buffer.h"

#include <iterator>

namespace ginnel::mux {

bool ReorderBuffer::hold(const FrameReader::Frame& frame, Position expected) {
  Position begin = frame.header.position;
  std::size_t size = kHeaderSize + frame.payload.size();
  if (begin - expected > kMaxAhead - size) return false;
  auto after = runs_.upper_bound(begin);
  if (after != runs_.end() && after->first - begin < size) return false;
  auto place = after == runs_.begin() ? runs_.end() : std::prev(after);
  if (place == runs_.end() ||
      place->first + place->second.bytes.size() < begin) {
    if (runs_.size() >= kMaxRuns) return false;
    place = runs_.emplace_hint(after, begin, Run());
  }
  std::vector<std::byte>& bytes = place->second.bytes;
  std::size_t at = bytes.size();
  Position end = place->first + at;
  if (begin < end) return end - begin >= size;  // it came before
  bytes.resize(at + size);
  encode(frame.header, bytes.data() + at);
  std::copy(frame.payload.begin(), frame.payload.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(at + kHeaderSize));
  return true;
}

std::optional<FrameReader::Frame> ReorderBuffer::take(Position position) {
  while (!runs_.empty() && runs_.begin()->first <= position) {
    auto& [begin, run] = *runs_.begin();
    while (run.taken < run.bytes.size() && begin + run.taken <= position) {
      Bytes rest = Bytes(run.bytes).subspan(run.taken);
      Result<Header> header = decode_header(rest);  // as it was encoded here
      Position at = begin + run.taken;
      run.taken += kHeaderSize + header->length;
      if (at == position) {
        return FrameReader::Frame{*header,
                                  rest.subspan(kHeaderSize, header->length)};
      }
    }
    if (run.taken < run.bytes.size()) break;
    runs_.erase(runs_.begin());
  }
  return std::nullopt;
}

}  // namespace ginnel::mux

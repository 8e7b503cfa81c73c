// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/record_service.h"

#include <algorithm>
#include <utility>

namespace ginnel {

mux::StreamHandler::ReadResult RecordService::read(MutableBytes room) {
  std::size_t count = 0;
  while (count < room.size()) {
    if (unsent_.empty()) unsent_ = next_record();
    if (unsent_.empty()) return ReadResult(ReadStatus::kDrained, count);
    std::size_t piece = std::min(room.size() - count, unsent_.size());
    auto end = unsent_.begin() + static_cast<std::ptrdiff_t>(piece);
    std::copy(unsent_.begin(), end, room.begin() + count);
    unsent_.erase(unsent_.begin(), end);
    count += piece;
  }
  return ReadResult(ReadStatus::kData, count);
}

void RecordService::ended(mux::StreamEnd) {
  stream_ = nullptr;
  stop();
}

void RecordService::records_ready() {
  if (stream_) stream_->readable();
}

void RecordService::reset() {
  std::exchange(stream_, nullptr)->reset();
  stop();
}

}  // namespace ginnel

// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fake/tcp_path.h"

#include <algorithm>

namespace ginnel::fake {

TcpPath::TcpPath(const Shape& shape, std::uint64_t seed, TimePoint begin)
    : shape_(shape),
      begin_(begin),
      random_(seed),
      line_(shape.line, seed + 1, begin),
      flow_(line_, shape.algorithm),
      competitor_(line_, Algorithm::kCubic) {}

std::size_t TcpPath::room(TimePoint, std::size_t backlog_limit) const {
  constexpr std::size_t kOneWrite = 64 * 1024;
  return flow_.unsent() < backlog_limit ? kOneWrite : 0;
}

void TcpPath::write(Bytes bytes, TimePoint now) {
  bytes_.append(bytes);
  flow_.write(bytes.size(), now);
}

std::optional<TimePoint> TcpPath::next_event() const {
  std::optional<TimePoint> next;
  auto consider = [&](std::optional<TimePoint> when) {
    if (when) next = std::min(next.value_or(*when), *when);
  };
  consider(line_.next_arrival());
  consider(flow_.next_event());
  if (!shape_.competitor_begins) return next;
  consider(competing_ ? competitor_.next_event()
                      : begin_ + *shape_.competitor_begins);
  return next;
}

void TcpPath::advance(TimePoint now) {
  if (shape_.competitor_begins) {
    if (!competing_ && now - begin_ >= *shape_.competitor_begins) {
      competing_ = true;
      competitor_.write_for_ever(now);
    }
    if (now - begin_ >= shape_.competitor_ends) competitor_.stop();
  }
  while (line_.next_arrival() && *line_.next_arrival() <= now) {
    Packet packet = line_.take();
    packet.flow->on_arrival(packet, now);
  }
  flow_.advance(now);
  if (competing_) competitor_.advance(now);
}

std::vector<std::byte> TcpPath::take(TimePoint) {
  std::size_t most = 1 + random_() % shape_.largest_run;
  std::size_t count = std::min<std::uint64_t>(most, flow_.arrived() - taken_);
  std::vector<std::byte> run;
  run.reserve(count);
  while (run.size() < count) {
    Bytes front = bytes_.front().first(
        std::min(bytes_.front().size(), count - run.size()));
    run.insert(run.end(), front.begin(), front.end());
    bytes_.pop(front.size());
  }
  taken_ += count;
  return run;
}

}  // namespace ginnel::fake

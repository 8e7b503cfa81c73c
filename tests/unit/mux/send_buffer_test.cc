// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/send_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/fake/pattern.h"

namespace ginnel::mux {
namespace {

// Sends everything unsent and returns it.
std::vector<std::byte> send_all(SendBuffer& buffer) {
  std::vector<std::byte> bytes;
  for (Bytes run = buffer.next(); !run.empty(); run = buffer.next()) {
    bytes.insert(bytes.end(), run.begin(), run.end());
    buffer.mark_sent(run.size());
  }
  return bytes;
}

TEST_CASE("send buffer: frames carry their own positions") {
  SendBuffer buffer;
  buffer.append(FrameType::kFin, 7, {});
  fake::fill_pattern(buffer.reserve().first(10), 1, 0);
  buffer.commit(FrameType::kData, 7, 10);
  auto bytes = send_all(buffer);
  REQUIRE(bytes.size() == 16 + 26);
  CHECK(decode_header(bytes)->position == 0);
  auto second = decode_header(Bytes(bytes).subspan(16));
  CHECK(second->position == 16);
  CHECK(second->length == 10);
  CHECK(fake::is_pattern(Bytes(bytes).subspan(32), 1, 0));
}

TEST_CASE("send buffer: keeps what is not acknowledged, and no more") {
  SendBuffer buffer;
  std::mt19937 random(1);
  FrameReader reader;
  std::uint64_t made = 0, read = 0;
  for (int i = 0; i < 5000; ++i) {
    std::size_t length = random() % (kMaxPayload + 1);
    fake::fill_pattern(buffer.reserve().first(length), 3, made);
    buffer.commit(FrameType::kData, 1, length);
    made += length;
    Bytes run = buffer.next();
    run = run.first(random() % (run.size() + 1));
    std::vector<std::byte> copy(run.begin(), run.end());
    buffer.mark_sent(run.size());
    reader.feed(copy);
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
      CHECK(fake::is_pattern((*frame)->payload, 3, read));
      read += (*frame)->payload.size();
    }
    REQUIRE(buffer.acknowledge(buffer.sent() -
                               random() % (buffer.in_flight() + 1)));
    CHECK(buffer.size() == buffer.end() - buffer.acked());
  }
  auto rest = send_all(buffer);
  reader.feed(rest);
  for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
    CHECK(fake::is_pattern((*frame)->payload, 3, read));
    read += (*frame)->payload.size();
  }
  CHECK(read == made);
  CHECK(buffer.acknowledge(buffer.end()));
  CHECK(buffer.size() == 0);
}

TEST_CASE("send buffer: an acknowledgement of what was never sent is refused") {
  SendBuffer buffer;
  buffer.append(FrameType::kFin, 1, {});
  CHECK_FALSE(buffer.acknowledge(1));
  buffer.mark_sent(10);
  CHECK(buffer.acknowledge(10));
  CHECK_FALSE(buffer.acknowledge(11));
  CHECK(buffer.acknowledge(4));  // late, and harmless
  CHECK(buffer.acked() == 10);
}

}  // namespace
}  // namespace ginnel::mux

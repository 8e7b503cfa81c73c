// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/reorder_buffer.h"

#include <doctest/doctest.h>

#include <string>

namespace ginnel::mux {
namespace {

constexpr Position kExpected = 1000;

bool hold(ReorderBuffer& buffer, Position begin, std::string_view payload) {
  FrameReader::Frame frame;
  frame.header.type = FrameType::kData;
  frame.header.stream = 1;
  frame.header.length = static_cast<std::uint16_t>(payload.size());
  frame.header.position = begin;
  frame.payload = as_bytes(payload);
  return buffer.hold(frame, kExpected);
}

std::string take(ReorderBuffer& buffer, Position position) {
  auto frame = buffer.take(position);
  return frame ? std::string(as_text(frame->payload)) : "nothing";
}

}  // namespace

TEST_CASE("reorder buffer: frames come out where they belong") {
  ReorderBuffer buffer;
  CHECK(hold(buffer, 1036, "third"));
  CHECK(hold(buffer, 1018, "2d"));
  CHECK(take(buffer, 1000) == "nothing");
  CHECK(take(buffer, 1018) == "2d");
  CHECK(take(buffer, 1036) == "third");
  CHECK(take(buffer, 1057) == "nothing");
  CHECK(buffer.empty());
}

TEST_CASE("reorder buffer: a frame that comes twice is kept once") {
  ReorderBuffer buffer;
  for (int i = 0; i < 2; ++i) {
    CHECK(hold(buffer, 1018, "ab"));
    CHECK(hold(buffer, 1036, "cd"));
  }
  CHECK(take(buffer, 1018) == "ab");
  CHECK(take(buffer, 1036) == "cd");
  CHECK(take(buffer, 1054) == "nothing");
  CHECK(buffer.empty());
}

TEST_CASE("reorder buffer: what overlaps is refused, and costs nothing") {
  ReorderBuffer buffer;
  CHECK(hold(buffer, 2000, "abcd"));
  CHECK_FALSE(hold(buffer, 1990, "abcd"));                // into it
  CHECK_FALSE(hold(buffer, 2010, "abcdefgh"));            // out of it
  CHECK_FALSE(hold(buffer, 1990, std::string(99, 'x')));  // over it
  CHECK(hold(buffer, 2020, "behind"));
  CHECK(hold(buffer, 1980, "just"));  // in front
  CHECK(take(buffer, 1980) == "just");
  CHECK(take(buffer, 2000) == "abcd");
  CHECK(take(buffer, 2020) == "behind");
}

}  // namespace ginnel::mux

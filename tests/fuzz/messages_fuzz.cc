// SPDX-License-Identifier: GPL-3.0-or-later
// What the helper and the client say to each other about names and networks,
// however it is cut. The first byte chooses what is read and the cuts. What has
// been read is written again: the same bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "names/messages.h"

namespace {

using namespace ginnel;
using namespace ginnel::names;

std::vector<std::byte> encoded(const Message& message) {
  return encode_message(message.bytes);
}
std::vector<std::byte> encoded(const Name& name) {
  return encode_name(name.text);
}
template <typename Value>
std::vector<std::byte> encoded(const Value& value) {
  return encode(value);
}

template <typename Value>
void read(Bytes bytes, std::size_t cut) {
  Reader<Value> reader;
  std::vector<std::byte> written;
  std::size_t fed = 0;
  while (fed < bytes.size()) {
    Bytes piece = bytes.subspan(fed, std::min(cut, bytes.size() - fed));
    reader.feed(piece);
    fed += piece.size();
    for (;;) {
      auto value = reader.next();
      if (!value) return;
      if (!*value) break;
      auto again = encoded(**value);
      written.insert(written.end(), again.begin(), again.end());
    }
    if (reader.empty() != (written.size() == fed)) std::abort();
    if (written.size() > fed ||
        !std::equal(written.begin(), written.end(), bytes.begin())) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  std::size_t cut = 1 + (data[0] >> 3) * 9;
  switch (data[0] & 7) {
    case 0:
      read<LookUp>(bytes, cut);
      break;
    case 1:
      read<Message>(bytes, cut);
      break;
    case 2:
      read<Addresses>(bytes, cut);
      break;
    case 3:
      read<RouteRecord>(bytes, cut);
      break;
    case 4:
      read<NameRecord>(bytes, cut);
      break;
    case 5:
      read<Seeds>(bytes, cut);
      break;
    case 6:
      read<Name>(bytes, cut);
      break;
  }
  return 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
// What is made of DNS messages from strangers: a query behind the length that
// the first byte is, and an answer behind that. Queries are also answered, and
// what comes out must be sound.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "names/dns_build.h"
#include "names/dns_message.h"

namespace {

using namespace ginnel;
using namespace ginnel::dns;

void require(bool sound) {
  if (!sound) std::abort();
}

void check_name(Bytes message, std::size_t offset) {
  auto name = read_name(message, offset);
  require(name.has_value() == end_of_name(message, offset).has_value());
  if (!name) return;
  require(name->end > offset && name->end <= message.size());
  ByteWriter writer;
  require(write_name(writer, name->text) && writer.size() <= kMaxWireName);
  auto again = read_name(writer.view(), 0);
  require(again && again->text == name->text && again->end == writer.size());
  if (auto address = reverse_address(name->text)) {
    require(reverse_name(*address) == name->text);
  }
}

void check_message(Bytes message) {
  for (std::size_t i = 0; i < message.size() && i < 64; ++i) {
    check_name(message, i);
  }
  std::size_t last = 0;
  Records records(message);
  while (auto record = records.next()) {
    require(record->start >= kHeaderSize && record->start >= last);
    last = record->data + record->size;
    require(last <= message.size());
    check_name(message, record->start);
  }
  auto found = addresses(message, 8);
  require(found.addresses.size() <= 8 && found.lasts.count() >= 0);
  pointed_name(message);
  require(udp_size(message) >= kPlainUdpSize);
  auto cut = truncated(message, 512);
  require(cut.size() <= std::max<std::size_t>(512, kHeaderSize));
  require(message.size() <= 512 || read_header(cut)->is_truncated());
}

void answer(Bytes query) {
  const IpAddress both[] = {IpAddress::loopback(Family::kIpv4),
                            IpAddress::loopback(Family::kIpv6)};
  for (auto& reply :
       {reply_with_addresses(query, both, std::chrono::seconds(9)),
        reply_with_name(query, "host.example", std::chrono::seconds(9)),
        error_reply(query, Rcode::kServerFailure)}) {
    require(matches(query, reply));
    Records records(reply);
    while (records.next()) continue;
    require(!records.broken());
    require(matches(query, truncated(reply, kPlainUdpSize)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  Bytes query = bytes.first(std::min<std::size_t>(data[0], bytes.size()));
  Bytes reply = bytes.subspan(query.size());
  check_message(query);
  check_message(reply);
  if (is_query(query)) answer(query);
  error_reply(query, Rcode::kFormatError);
  if (matches(query, reply)) require(read_header(reply)->is_answer());
  return 0;
}

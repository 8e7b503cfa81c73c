// SPDX-License-Identifier: GPL-3.0-or-later
// The bytes of the examples in PROTOCOL.md are the bytes that are sent.
#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "mux/attach_handshake.h"
#include "tests/fake/endpoint_handler.h"
#include "tests/fake/network.h"

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;
using fake::Network;

const fake::Pipe::Shape kPlain;

// What is said, in order: an end's letter, then a frame's bytes in hexadecimal
// or a line of text in quotes.
using Example = std::vector<std::string>;

bool is_hexadecimal(std::string_view word) {
  return word.find_first_not_of("0123456789abcdef") == word.npos;
}

// A quoted text, or the hexadecimal words at the front, without blanks: what
// follows them, or three blanks, tells the reader what they mean.
std::string bytes_of(std::string_view text) {
  if (text.starts_with('"')) {
    return std::string(text.substr(0, text.find('"', 1) + 1));
  }
  text = text.substr(0, text.find("   "));
  std::string digits;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    if (!is_hexadecimal(word)) break;
    digits += word;
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return digits;
}

// The document's examples: indented lines that begin with an end's letter, and
// lines indented further that go on with the frame above.
std::vector<Example> examples() {
  std::ifstream document(GINNEL_PROTOCOL_MD);
  std::vector<Example> found;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    bool begins = line.starts_with("    C ") || line.starts_with("    H ");
    if (begins && !inside) found.emplace_back();
    bool goes_on = inside && line.starts_with("      ");
    if (begins) {
      found.back().push_back(concat(line[4], " ", bytes_of(line.substr(6))));
    } else if (goes_on) {
      found.back().back() += bytes_of(line.substr(line.find_first_not_of(' ')));
    }
    inside = begins || goes_on;
  }
  return found;
}

// Adds the frames in `bytes` as `end` said them.
void note(Example& said, char end, Bytes bytes) {
  FrameReader reader;
  reader.feed(bytes);
  for (;;) {
    auto frame = reader.next();
    REQUIRE(frame.has_value());
    if (!*frame) return;
    std::array<std::byte, kHeaderSize> header;
    encode((*frame)->header, header.data());
    said.push_back(
        concat(end, " ", hexadecimal(header), hexadecimal((*frame)->payload)));
  }
}

// Takes what one end has to send to the other, and notes it.
void pass(Session& from, Session& to, TimePoint now, Example& said, char end) {
  for (;;) {
    Bytes output = from.output(now);
    if (output.empty()) return;
    std::vector<std::byte> bytes(output.begin(), output.end());
    from.sent(bytes.size(), now);
    note(said, end, bytes);
    REQUIRE(to.receive(bytes, now).has_value());
  }
}

// Sends a text, and stays open.
class Text : public fake::EndpointHandler {
 public:
  explicit Text(std::string_view text)
      : EndpointHandler(0, 0, 0), text_(text) {}
  ReadResult read(MutableBytes room) override {
    std::copy(text_.begin(), text_.end(), as_chars(room));
    return ReadResult(ReadStatus::kDrained, std::exchange(text_, "").size());
  }

 private:
  static char* as_chars(MutableBytes room) {
    return reinterpret_cast<char*>(room.data());
  }
  std::string text_;
};

Endpoint web_server() {
  auto address = IpAddress::parse("10.80.1.1");
  REQUIRE(address);
  return Endpoint(*address, 80);
}

template <std::size_t size>
std::array<std::byte, size> filled(int byte) {
  std::array<std::byte, size> array;
  array.fill(static_cast<std::byte>(byte));
  return array;
}

}  // namespace

TEST_CASE("protocol: the example of a stream") {
  auto page = std::make_shared<Text>("");
  Network network(kPlain, kPlain, 1,
                  [&](Stream& stream, const Endpoint& target) {
                    CHECK(to_string(target) == "10.80.1.1:80");
                    stream.accept();
                    return page;
                  });
  auto request = std::make_shared<Text>("GET /");
  Stream* stream = network.client.open(web_server(), request);
  REQUIRE(stream);
  stream->readable();

  TimePoint now = Network::kBegin;
  Example said;
  Example of_client;
  pass(network.client, network.helper, now, of_client, 'C');
  REQUIRE(of_client.size() == 3);
  said.push_back(of_client[0]);
  Example of_helper;
  pass(network.helper, network.client, now, of_helper, 'H');
  REQUIRE(of_helper.size() == 2);
  said.push_back(of_helper[0]);
  said.insert(said.end(), of_client.begin() + 1, of_client.end());
  said.push_back(of_helper[1]);
  now += Session::kAckDelay;
  REQUIRE(network.helper.tick(now).has_value());
  pass(network.helper, network.client, now, said, 'H');

  REQUIRE(examples().size() == 3);
  CHECK(examples()[0] == said);
}

TEST_CASE("protocol: the example of a link that attaches") {
  SessionKey key;
  key.id = filled<16>(1);
  key.key = filled<32>(2);
  Attachable where;
  where.pid = 4711;
  where.name = "ginnel-0123456789abcdef0123456789abcdef";
  AttachClient client(key, AttachRole::kLane, 0, 1000, filled<32>(8));
  AttachHelper helper(key, filled<32>(9),
                      [](const Attach&) { return Position{2000}; });

  Example said;
  AttachFrames first_link;
  first_link.send(FrameType::kKey, encode(key));
  note(said, 'C', first_link.take_output());
  first_link.send(FrameType::kAttachable, encode(where));
  note(said, 'H', first_link.take_output());

  auto attach = client.take_output();
  note(said, 'C', attach);
  REQUIRE(helper.receive(attach).has_value());
  auto answer = helper.take_output();
  auto line_end = std::find(answer.begin(), answer.end(), std::byte{'\n'});
  REQUIRE(line_end != answer.end());
  std::size_t line = static_cast<std::size_t>(line_end - answer.begin());
  said.push_back(concat("H \"", as_text(Bytes(answer).first(line)), "\\n\""));
  note(said, 'H', Bytes(answer).subspan(line + 1));
  REQUIRE(client.receive(answer).has_value());
  note(said, 'C', client.take_output());

  REQUIRE(examples().size() == 3);
  CHECK(examples()[2] == said);
}

// The helper may read what came over the first link before it has read the
// PROOF of the second, which carries what belongs in front.
TEST_CASE("protocol: a new lane's frames may be overtaken while it attaches") {
  auto page = std::make_shared<fake::EndpointHandler>(0, 0, 1);
  Network network(kPlain, kPlain, 1, [&](Stream& stream, const Endpoint&) {
    page->start(stream);
    page->stay_open();
    stream.accept();
    return page;
  });
  Session& client = network.client;
  TimePoint now = Network::kBegin;
  client.send_key(SessionKey());
  auto request = std::make_shared<fake::EndpointHandler>(1, 100, 0);
  request->stay_open();
  Stream* stream = client.open(web_server(), request);
  REQUIRE(stream);
  request->start(*stream);
  Example ignored;
  pass(client, network.helper, now, ignored, 'C');

  auto lane = client.add_lane();
  REQUIRE(lane);
  std::vector<std::byte> runs[2];
  for (Session::LaneId id : {*lane, 0u}) {
    request->send_more(100);
    Bytes output = client.output(now, id);
    runs[id].assign(output.begin(), output.end());
    REQUIRE_FALSE(output.empty());
    client.sent(output.size(), now, id);
  }
  auto early = network.helper.receive(runs[0], now);
  REQUIRE_MESSAGE(early.has_value(), early.error().message());
  CHECK(page->received() == 100);
  REQUIRE(network.helper.add_lane() == *lane);
  CHECK(network.helper.receive(runs[1], now, *lane).has_value());
  CHECK(page->received() == 300);
  CHECK_FALSE(page->corrupt());
}

}  // namespace ginnel::mux

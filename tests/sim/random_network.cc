// SPDX-License-Identifier: GPL-3.0-or-later
// Both ends of a session in one process, over a seeded network and on a seeded
// clock: many streams that send, pause, half-close, reset and are refused.
// Every byte is checked, and what must be bounded is.
#include "tests/sim/random_network.h"

#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "tests/fake/endpoint_handler.h"
#include "tests/fake/network.h"
#include "tests/fake/tcp_path.h"

namespace ginnel::sim {
namespace {

using fake::Clock;
using fake::EndpointHandler;
using fake::Network;
using fake::Pipe;
using fake::TcpPath;
using mux::StreamEnd;
using namespace std::chrono_literals;

// What becomes of one stream, drawn from the seed.
struct Script {
  enum class Kind { kRelay, kRefused, kClientResets, kServerResets, kPauses };
  Kind kind = Kind::kRelay;
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  std::uint64_t key = 0;
};

struct Conversation {
  Script script;
  std::shared_ptr<EndpointHandler> near;
  std::shared_ptr<EndpointHandler> far;  // null until it is opened there
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : seed_(seed),
        random_(seed * 2 + 1),
        network_(random_path(), random_path(), seed,
                 [this](mux::Stream& stream, const Endpoint& target) {
                   return open_at_far_end(stream, target);
                 }) {}

  // Nothing when all went well, else what did not.
  std::string run() {
    std::size_t count = 1 + random_() % 24;
    for (std::size_t i = 0; i < count; ++i) {
      start_conversation();
      network_.advance(random_duration(20ms));
    }
    resolve_resets_and_pauses();
    if (!network_.settle(2h)) return "it does not come to rest";
    if (network_.failure()) return *network_.failure();
    return check();
  }

 private:
  Clock::duration random_duration(Clock::duration most) {
    return Clock::duration(random_() % (most.count() + 1));
  }

  // From a modem to a local network; a TCP below, or a pipe with stalls that
  // no TCP would think of.
  std::unique_ptr<fake::Path> random_path() {
    std::size_t largest_run = 1 + random_() % 65536;
    double rate = 1e4 * static_cast<double>(1 << random_() % 14);
    Clock::duration delay = random_duration(150ms);
    Clock::duration jitter = random_() % 2 ? random_duration(10ms) : 0ms;
    if (random_() % 3 == 0) {
      Pipe::Shape shape;
      shape.bytes_per_second = rate;
      shape.delay = delay;
      shape.jitter = jitter;
      shape.stall_chance = random_() % 3 ? 0 : 0.01;
      shape.stall = 200ms;
      shape.capacity = 4096 << random_() % 8;
      shape.largest_run = largest_run;
      return std::make_unique<Pipe>(shape, random_());
    }
    TcpPath::Shape shape;
    shape.line.rate = {{0s, rate}};
    while (random_() % 2) {  // it changes by up to a factor of two
      auto when = shape.line.rate.back().when + random_duration(2s);
      rate *= 0.5 + static_cast<double>(random_() % 1500) / 1000;
      shape.line.rate.push_back({when, rate});
    }
    shape.line.delay = delay;
    shape.line.jitter = jitter;
    shape.line.queue = 8192 << random_() % 9;
    double losses[] = {0, 0, 0.001, 0.01, 0.05};
    shape.line.loss = losses[random_() % 5];
    shape.algorithm =
        random_() % 2 ? fake::Algorithm::kCubic : fake::Algorithm::kBbr;
    shape.largest_run = largest_run;
    return std::make_unique<TcpPath>(shape, random_(), Network::kBegin);
  }

  // Mostly small, now and then some megabytes.
  std::uint64_t random_size() { return random_() % (1ull << random_() % 22); }

  void start_conversation() {
    Conversation conversation;
    Script& script = conversation.script;
    auto draw = random_() % 10;
    script.kind =
        draw < 6 ? Script::Kind::kRelay : static_cast<Script::Kind>(draw - 5);
    script.up = random_size();
    script.down = random_size();
    script.key = seed_ * 1000 + conversations_.size() * 2;
    conversation.near = std::make_shared<EndpointHandler>(script.key, script.up,
                                                          script.key + 1);
    if (script.kind == Script::Kind::kPauses) {
      conversation.near->allow(random_() % 65536);
    }
    // The port says which conversation it is.
    Endpoint target(IpAddress::loopback(Family::kIpv4),
                    static_cast<std::uint16_t>(conversations_.size()));
    conversations_.push_back(conversation);
    mux::Stream* stream = network_.client.open(target, conversation.near);
    conversation.near->start(*stream);
  }

  std::shared_ptr<mux::StreamHandler> open_at_far_end(mux::Stream& stream,
                                                      const Endpoint& target) {
    Conversation& conversation = conversations_.at(target.port);
    const Script& script = conversation.script;
    if (script.kind == Script::Kind::kRefused) {
      stream.refuse(mux::Refusal::kUnreachable);
      return nullptr;
    }
    conversation.far = std::make_shared<EndpointHandler>(
        script.key + 1, script.down, script.key);
    pending_accepts_.push_back({&stream, conversation.far});
    if (script.kind == Script::Kind::kServerResets) {
      conversation.far->stay_open();
    }
    // Half of them answer at once, as a connection on a local network does.
    if (random_() % 2) accept_pending();
    return conversation.far;
  }

  void accept_pending() {
    for (auto& [stream, handler] : std::exchange(pending_accepts_, {})) {
      if (handler->end()) continue;  // the client gave up before
      handler->start(*stream);
      stream->accept();
    }
  }

  void resolve_resets_and_pauses() {
    network_.advance(random_duration(500ms));
    accept_pending();
    for (Conversation& conversation : conversations_) {
      network_.advance(random_duration(50ms));
      accept_pending();
      if (conversation.script.kind == Script::Kind::kClientResets) {
        conversation.near->reset();
      }
      if (conversation.script.kind == Script::Kind::kServerResets &&
          conversation.far) {
        conversation.far->reset();
      }
      check_bounds();
    }
    for (Conversation& conversation : conversations_) {
      conversation.near->take_all();
    }
    // What was opened last may not have arrived yet.
    for (int i = 0; i < 3; ++i) {
      network_.settle(1h);
      accept_pending();
      for (Conversation& conversation : conversations_) {
        if (conversation.script.kind == Script::Kind::kServerResets &&
            conversation.far && !conversation.far->end()) {
          conversation.far->reset();
        }
      }
    }
  }

  void check_bounds() {
    for (const mux::Session* session : {&network_.client, &network_.helper}) {
      auto counters = session->counters();
      if (counters.replay > mux::InFlight::kLimit + 64 * 1024 ||
          counters.unread > 2 * mux::CreditPool::kCapacity) {
        out_of_bounds_ = true;
      }
    }
  }

  std::string check() {
    if (out_of_bounds_) return "memory was not bounded";
    for (std::size_t i = 0; i < conversations_.size(); ++i) {
      std::string wrong = check(conversations_[i]);
      if (!wrong.empty()) return concat("stream ", i, ": ", wrong);
    }
    if (network_.client.counters().streams != 0) return "the client holds on";
    if (network_.helper.counters().streams != 0) return "the helper holds on";
    if (network_.client.counters().unread != 0) return "unread bytes remain";
    return {};
  }

  std::string check(const Conversation& conversation) {
    const Script& script = conversation.script;
    const EndpointHandler& near = *conversation.near;
    if (near.corrupt() || (conversation.far && conversation.far->corrupt())) {
      return "bytes were changed";
    }
    bool relayed = script.kind == Script::Kind::kRelay ||
                   script.kind == Script::Kind::kPauses;
    if (relayed) return check_relayed(conversation);
    if (script.kind == Script::Kind::kRefused) {
      if (!near.end() || near.end()->kind != StreamEnd::Kind::kRefused ||
          near.end()->refusal != mux::Refusal::kUnreachable) {
        return "it was not refused";
      }
    }
    if (script.kind == Script::Kind::kServerResets &&
        (!near.end() || near.end()->kind != StreamEnd::Kind::kReset)) {
      return "the far end's reset did not arrive";
    }
    return {};
  }

  std::string check_relayed(const Conversation& conversation) {
    const EndpointHandler& near = *conversation.near;
    if (!conversation.far) return "it was never opened";
    const EndpointHandler& far = *conversation.far;
    if (far.received() != conversation.script.up) return "bytes up were lost";
    if (near.received() != conversation.script.down) {
      return "bytes down were lost";
    }
    for (const EndpointHandler* end : {&near, &far}) {
      if (!end->finish_seen()) return "an end of file was lost";
      if (!end->end() || end->end()->kind != StreamEnd::Kind::kFinished) {
        return "it did not finish";
      }
    }
    return {};
  }

  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<Conversation> conversations_;
  std::vector<std::pair<mux::Stream*, std::shared_ptr<EndpointHandler>>>
      pending_accepts_;
  bool out_of_bounds_ = false;
  Network network_;
};

}  // namespace

std::string run_random_network(std::uint64_t seed) {
  return Simulation(seed).run();
}

}  // namespace ginnel::sim

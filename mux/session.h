// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mux/attach.h"
#include "mux/credit.h"
#include "mux/frame.h"
#include "mux/in_flight.h"
#include "mux/reorder_buffer.h"
#include "mux/scheduler.h"
#include "mux/send_buffer.h"
#include "mux/stream.h"

namespace ginnel::mux {

// The protocol of PROTOCOL.md, one end of it: bytes and the time go in, bytes
// and calls to handlers come out. No socket, no clock, no asio, so that a test
// holds two of them and a network between them in one process.
//
// It is carried by one or more lanes, links to the same other end. A sequenced
// frame may go over any of them; the receiver puts them in order.
//
// What to send is made as late as can be: output() asks the streams' handlers
// for bytes when the link can take some, so that nothing queues here and a
// keystroke never waits behind a download's megabytes.
class Session {
 public:
  enum class Role { kClient, kHelper };
  // Lane 0 is there from the beginning.
  using LaneId = unsigned;

  // What the session tells its owner.
  class Events {
   public:
    virtual ~Events() = default;
    // There may be something to output().
    virtual void output_ready() = 0;
    // Helper: the client wants `target`. Answer with Stream::accept() or
    // refuse(), now or later; a null handler refuses at once.
    virtual std::shared_ptr<StreamHandler> open_requested(
        Stream& stream, const Target& target) = 0;
    // Client: the helper logged a line. Untrusted text.
    virtual void remote_log(log::Level level, std::string_view text) = 0;
    // Helper: what further links have to prove. To be answered with
    // send_attachable(), now or later.
    virtual void key_received(const SessionKey&) {}
    // Client: whether and where further links can join. Untrusted.
    virtual void attachable(const Attachable&) {}
    // Nothing was heard for 15 s; or something is heard again.
    virtual void suspicion(bool suspected) = 0;
  };

  // At once. Each costs a descriptor at either end.
  static constexpr std::size_t kMaxStreams = 32768;
  // What unopened streams may have sent in all (each at most kEarlyCredit).
  static constexpr std::size_t kMaxEarlyBytes = 16 * 1024 * 1024;
  static constexpr auto kKeepalive = std::chrono::seconds(10);
  static constexpr auto kSuspicion = std::chrono::seconds(15);
  static constexpr auto kSilenceLimit = std::chrono::seconds(45);
  static constexpr auto kAckDelay = std::chrono::milliseconds(10);
  // Two frames are acknowledged at once, so that a sender whose limit is low
  // need not wait; but no fewer bytes than two TCP segments'.
  static constexpr std::size_t kMinAckBytes = 2 * 1400;
  // What is kept until it is acknowledged. Data stops at InFlight's limit; what
  // control frames an honest end has to send never comes near this.
  static constexpr std::size_t kMaxReplay = ReorderBuffer::kMaxAhead;
  // How long a stream is idle before it gives up what it was promised.
  static constexpr auto kIdle = std::chrono::seconds(1);
  static constexpr std::size_t kMaxLogLines = 64;
  // Handed to a lane at once: two SSH packets.
  static constexpr std::size_t kBatch = 64 * 1024;
  static constexpr std::size_t kMaxLanes = 16;

  Session(Role role, Events& events, TimePoint now);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Client: a connection to `target`, whose bytes may flow at once. Null when
  // kMaxStreams are open, or after reset_streams().
  Stream* open(const Target& target, std::shared_ptr<StreamHandler> handler);

  // Helper: a line for the client's log, cut at kMaxLogText; lost when
  // kMaxLogLines wait.
  void send_log(log::Level level, std::string_view text);
  // Client, once: lets further links join.
  void send_key(const SessionKey& key);
  // Helper: the answer.
  void send_attachable(const Attachable& where);
  // The last words to the other end, sent before anything else.
  void say_goodbye(std::string_view reason);
  // They have been handed to a lane.
  bool said_goodbye() const;

  // A further lane, whose other end knows that it is one; nothing when there
  // are kMaxLanes.
  std::optional<LaneId> add_lane();
  // The lane is gone: what it may not have delivered goes over the others.
  // False when there is no other.
  bool remove_lane(LaneId id);
  // It has taken part of a frame, and only it can take the rest.
  bool is_mid_run(LaneId id) const;

  // Bytes from a lane. After an error the session is over.
  Result<void> receive(Bytes bytes, TimePoint now, LaneId lane = 0);

  // What the lane is to be given next; empty when nothing is to be sent.
  // Valid until the next call of any member.
  Bytes output(TimePoint now, LaneId lane = 0);
  // The lane took the first `count` bytes of its last output().
  void sent(std::size_t count, TimePoint now, LaneId lane = 0);

  // When tick() has something to do next.
  TimePoint next_deadline() const;
  // Does what is due: acknowledges, keeps alive. An error when the other end
  // has been silent for 45 s.
  Result<void> tick(TimePoint now);

  // Ends every stream as reset, telling the handlers, and lets no more begin:
  // the link is gone.
  void reset_streams();

  struct Counters {
    std::size_t streams = 0;
    std::uint64_t unread = 0;  // bytes received and not taken by handlers
    std::size_t replay = 0;    // bytes kept until they are acknowledged
    std::uint64_t extra_windows = 0;  // taken of the CreditPool
    Clock::duration rtt{};
  };
  Counters counters() const;
  // Of this direction.
  const InFlight& in_flight() const { return in_flight_; }
  // What has arrived of the other's sequence, without a gap.
  Position received() const { return received_; }

 private:
  friend class Stream;

  // What a lane has been given and not finished is its `control` or its `run`,
  // never both.
  struct Lane {
    explicit Lane(LaneId which) : id(which) {}
    LaneId id;
    FrameReader reader;
    std::vector<std::byte> control;  // frames outside the sequence
    std::size_t control_left = 0;    // of its end
    Range run;                       // what is left of it
    std::deque<Range> under_way;     // given to it and not acknowledged
  };

  Lane& lane(LaneId id);
  const Lane& lane(LaneId id) const;
  void trim_lanes();

  // DATA frames of one stream that came one after another: its handler is
  // offered them at once, so that a system call serves many.
  struct Arrived {
    Bytes within;  // what receive() was given
    Stream* stream = nullptr;
    std::array<Bytes, 16> pieces;
    std::size_t count = 0;
    bool will_stay(Bytes payload) const;
  };

  // Receiving, by frame type.
  Result<void> take_frames(FrameReader& reader);
  Result<void> dispatch(const FrameReader::Frame& frame);
  Result<void> on_sequenced(const FrameReader::Frame& frame);
  Result<void> take_sequenced(const FrameReader::Frame& frame);
  Result<void> on_hello(const FrameReader::Frame& frame);
  Result<void> on_ack(Position position);
  Result<void> on_goodbye(const FrameReader::Frame& frame);
  Result<void> on_key(const FrameReader::Frame& frame);
  Result<void> on_attachable(const FrameReader::Frame& frame);
  Result<void> on_open(const FrameReader::Frame& frame);
  Result<void> on_log(const FrameReader::Frame& frame);
  Result<void> on_stream_frame(const FrameReader::Frame& frame);
  Result<void> on_opened(Stream& stream, Bytes payload);
  Result<void> on_refused(Stream& stream, Bytes payload);
  Result<void> on_data(Stream& stream, Bytes payload);
  Result<void> on_credit(Stream& stream, Bytes payload);
  Result<void> on_fin(Stream& stream);
  Result<void> on_reset(Stream& stream);
  Result<void> on_release(Stream& stream, Bytes payload);
  void heard_something();

  // Delivering.
  void deliver_arrived();
  void deliver(Stream& stream);
  void consumed(Stream& stream, std::size_t count);
  void deliver_fin(Stream& stream);

  // Sending.
  void fill();
  void send_stream_turn();
  void send_control_frames();
  void send_pending(Stream& stream);
  void start_run(Lane& lane);
  void make_control_run(std::vector<std::byte>& run);
  void release_idle_credit();
  void want(Stream& stream, unsigned pending);
  void schedule(Stream& stream);
  std::size_t send_allowance(const Stream& stream) const;
  void no_longer_connecting(Stream& stream);

  // Ending.
  void finish_if_done(Stream& stream);
  void reset(Stream& stream);
  void end(Stream& stream, StreamEnd why);
  void drop(Stream& stream);
  void reap();

  const Role role_;
  Events& events_;
  TimePoint now_;  // of the call that is being served

  std::unordered_map<StreamId, std::unique_ptr<Stream>> streams_;
  StreamId last_id_ = 0;
  CreditPool pool_;
  std::uint64_t unread_ = 0;
  // Streams with control frames to send, and ones to be freed when no call of
  // theirs is on the stack.
  std::deque<StreamId> control_queue_;
  std::deque<std::vector<std::byte>> log_queue_;  // payloads of LOG
  std::vector<StreamId> dropped_;
  TimePoint release_check_ = TimePoint::max();

  std::list<Lane> lanes_;
  LaneId last_lane_ = 0;
  bool greeted_ = false;  // the other end's HELLO has come
  bool keyed_ = false;    // its KEY, or ATTACHABLE, too
  ReorderBuffer early_frames_;
  Arrived arrived_;
  Position received_ = 0;
  Position acked_ = 0;  // of received_, what the other end has been told
  TimePoint ack_timer_ = TimePoint::max();
  bool ack_due_ = false;
  std::size_t largest_unacked_ = 0;  // the largest frame beyond acked_

  SendBuffer send_;
  Position sent_ = 0;  // what lanes have taken goes up to here
  InFlight in_flight_;
  Scheduler scheduler_;
  std::size_t early_bytes_ = 0;
  // Frames outside the sequence that are due. Each is a state, not a queue, so
  // that no flood from the other end makes them pile up.
  bool hello_due_ = true;
  bool ping_due_ = false;
  std::optional<Position> pong_due_;
  std::optional<SessionKey> key_due_;
  std::optional<Attachable> attachable_due_;
  std::optional<std::string> goodbye_due_;
  bool said_goodbye_ = false;

  TimePoint last_heard_;
  TimePoint ping_timer_;
  bool over_ = false;
  bool suspected_ = false;
};

}  // namespace ginnel::mux

// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lab/peer_conversation.h"

#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <utility>

#include "tests/lab/peer_data.h"

namespace ginnel::lab {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kPiece = 65536;

std::string address_of(const asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace

Conversation::Conversation(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)) {
  // Already reset by the other side: it has no address any more.
  std::error_code gone;
  auto endpoint = socket_.remote_endpoint(gone);
  if (!gone) peer_ = address_of(endpoint);
  socket_.set_option(asio::ip::tcp::no_delay(true), gone);
}

awaitable<std::string> Conversation::line() {
  std::size_t size = co_await asio::async_read_until(
      socket_, asio::dynamic_buffer(ahead_, kMaxLine), '\n',
      asio::use_awaitable);
  std::string result = ahead_.substr(0, size - 1);
  ahead_.erase(0, size);
  if (result.ends_with('\r')) result.pop_back();
  co_return result;
}

awaitable<std::span<const char>> Conversation::piece() {
  if (!ahead_.empty()) {
    buffer_ = std::exchange(ahead_, {});
    co_return std::span<const char>(buffer_);
  }
  buffer_.resize(kPiece);
  auto [error, size] =
      co_await socket_.async_read_some(asio::buffer(buffer_), as_tuple);
  if (error && error != asio::error::eof) throw asio::system_error(error);
  co_return std::span<const char>(buffer_.data(), size);
}

awaitable<void> Conversation::write(std::span<const char> bytes) {
  co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                             asio::use_awaitable);
}

awaitable<void> Conversation::write_line(std::string_view text) {
  std::string line(text);
  line += '\n';
  co_await write(line);
}

awaitable<void> Conversation::write_bulk(std::uint64_t bytes) {
  Pattern pattern(kBulkSeed);
  while (bytes > 0) {
    auto next = pattern.next(bytes);
    co_await write(next);
    bytes -= next.size();
  }
}

void Conversation::finish_writing() {
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send);
}

void Conversation::reset() {
  socket_.set_option(asio::socket_base::linger(true, 0));
  socket_.close();
}

std::string Conversation::peer() const { return peer_; }

}  // namespace ginnel::lab

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <stdexcept>
#include "base/log.h"
int main() {
  asio::io_context io;
  asio::steady_timer t(io);
  t.expires_after(std::chrono::milliseconds(5));
  t.async_wait([](std::error_code) { throw std::runtime_error("x"); });
  try { io.run(); } catch (std::exception& e) { ginnel::log::info("caught ", e.what()); }
}

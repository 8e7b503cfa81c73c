// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/addresses.h"

#include <utility>

#include "helper/services/one_answer.h"
#include "resolve/host_look_up.h"

namespace ginnel {
namespace {

class AddressesService : public OneAnswer<names::Name> {
 public:
  AddressesService(asio::any_io_executor executor, mux::Stream& stream)
      : OneAnswer(stream), executor_(std::move(executor)) {}

 private:
  void asked(names::Name name) override {
    look_up_ = HostLookUp::start(
        executor_, std::move(name.text),
        [this](names::Addresses found) { answer(names::encode(found)); });
  }

  void stop() override { look_up_.reset(); }

  asio::any_io_executor executor_;
  std::shared_ptr<HostLookUp> look_up_;
};

}  // namespace

std::shared_ptr<mux::StreamHandler> serve_addresses(
    asio::any_io_executor executor, mux::Stream& stream) {
  auto service =
      std::make_shared<AddressesService>(std::move(executor), stream);
  stream.accept();
  return service;
}

}  // namespace ginnel

// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/look_up.h"

#include <utility>

#include "helper/services/one_answer.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "resolve/wide_inquiry.h"

namespace ginnel {
namespace {

bool is_transfer(Bytes query) {
  std::uint16_t type = dns::read_question(query)->type;
  return type == dns::type::kAxfr || type == dns::type::kIxfr;
}

class LookUpService : public OneAnswer<names::LookUp> {
 public:
  LookUpService(asio::any_io_executor executor, mux::Stream& stream)
      : OneAnswer(stream), executor_(std::move(executor)) {}

 private:
  void asked(names::LookUp look_up) override {
    if (look_up.query.size() > names::kMaxDnsQuery) {
      return give(dns::format_error(look_up.query));
    }
    if (!dns::is_query(look_up.query)) {
      return give(dns::error_reply(look_up.query, dns::Rcode::kFormatError));
    }
    if (is_transfer(look_up.query)) {
      return give(dns::error_reply(look_up.query, dns::Rcode::kNotImplemented));
    }
    std::vector<NameServer> servers(look_up.servers.begin(),
                                    look_up.servers.end());
    inquiry_ = WideInquiry::start(
        executor_, std::move(look_up.query),
        look_up.over_tcp ? Inquiry::Way::kTcp : Inquiry::Way::kUdp,
        std::move(servers),
        [this](std::vector<std::byte> answer) { give(answer); });
    if (!inquiry_) reset();
  }

  void stop() override { inquiry_.reset(); }

  void give(Bytes dns_message) {
    answer(dns_message.empty() ? std::vector<std::byte>()
                               : names::encode_message(dns_message));
  }

  asio::any_io_executor executor_;
  std::shared_ptr<WideInquiry> inquiry_;
};

}  // namespace

std::shared_ptr<mux::StreamHandler> serve_look_up(
    asio::any_io_executor executor, mux::Stream& stream) {
  auto service = std::make_shared<LookUpService>(std::move(executor), stream);
  stream.accept();
  return service;
}

}  // namespace ginnel

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "client/transport/transport.h"

namespace ginnel {

// What is sent to the far end and must answer from there.
struct HelperImage {
  Bytes packed;               // gzipped
  std::string_view build_id;  // it must say this when it has started
  std::string_view machine;   // `uname -m` where it runs

  HelperImage() = default;
};

// The one embedded in this program.
HelperImage embedded_helper();

// A helper that runs, and the bytes it sent right after its READY line.
struct StartedHelper {
  std::unique_ptr<mux::Link> link;
  std::vector<std::byte> early;

  StartedHelper() = default;
};

// Uploads and starts the helper through `transport` (client/start_script.h
// tells how). Nothing is sent after the packed bytes until the helper has said
// that it is ready and is the very build that was sent. The far end keeps no
// file. `host` is for the sentences.
//
// Deadlines: 60 s until the far shell answers (logging in may be slow), 60 s
// and a second for every 8 KiB for the upload and the start. Throws
// transport::Failure.
awaitable<StartedHelper> start_helper(transport::Transport& transport,
                                      std::string host, HelperImage image);

}  // namespace ginnel

// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/image.h"

// Made by cmake/pack_helper.sh.
extern "C" {
extern const std::byte ginnel_helper_begin[];
extern const std::byte ginnel_helper_end[];
extern const char ginnel_helper_build_id[];
extern const char ginnel_helper_machine[];
}

namespace ginnel::helper_image {

Bytes packed() { return Bytes(ginnel_helper_begin, ginnel_helper_end); }
std::string_view build_id() { return ginnel_helper_build_id; }
std::string_view machine() { return ginnel_helper_machine; }

}  // namespace ginnel::helper_image

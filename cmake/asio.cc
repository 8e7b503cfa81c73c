// SPDX-License-Identifier: GPL-3.0-or-later
// asio's non-template half (ASIO_SEPARATE_COMPILATION), once for each program.
#include <asio/impl/src.hpp>

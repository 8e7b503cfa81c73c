// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "firewall/nft_batch.h"
#include "firewall/plan.h"

// Statements of a plan as nf_tables' expressions: half of nft.h, for it only.
namespace ginnel::firewall {

// Adds the message that appends `statement`, the `number`th, to the chain.
void add_rule(NftBatch& batch, const std::string& table,
              const std::string& chain, std::size_t number,
              const Statement& statement);

}  // namespace ginnel::firewall

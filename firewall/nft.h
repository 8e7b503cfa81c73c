// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "firewall/plan.h"

// Plans in the kernel's nf_tables. Linux only; the one place that knows
// libnftnl and libmnl.
//
// A plan is sent as one transaction: all of it holds from one packet to the
// next, or none. Its table has the owner flag, so nobody else can change it,
// and the kernel removes it when the socket that made it is closed, by whatever
// death of the process. The socket must therefore live as long as the table
// and exist once: CLOEXEC, and made after the last fork. Kernels before 5.12
// have no owner flag; there the table is an ordinary one, which remove_table()
// deletes.
namespace ginnel::firewall {

// "ginnel-PID-XXXX", X being random: no two runs share a name, even where two
// containers have the same process ids in one network namespace.
Result<std::string> make_table_name();

// The name of the second table of a run, whose first is `table`:
// make_translation_plan().
std::string translation_table(const std::string& table);

// Whether one of these two may have made it. No other table is ever deleted.
bool is_our_table(std::string_view name);

enum class Ownership { kOwned, kPlain };

// For install_over() and remove_own_table(): a socket that may have copies in
// several processes, of which the last to end ends the owned tables made over
// it.
Result<UniqueFd> open_table_socket();

// Returns what the kernel granted: kOwned falls back to kPlain where it has no
// owner flag.
Result<Ownership> install_over(int socket, const Plan& plan,
                               Ownership ownership);

// What is named in a table.
struct TableContents {
  std::vector<std::string> sets;
  std::vector<std::string> chains;
};
TableContents contents_of(const Plan& plan);

// `plan` in place of `old`, which is in the table of its name that was made
// over `socket`, from one packet to the next; after an error the old one is as
// it was. REQUIRES: its sets have other names than the old ones.
//
// The table and its chains stay, and only what is in them is replaced: of two
// chains on one hook a packet could pass the new one just before the change and
// the old one just after it, and find neither in effect. And the sets come
// first, in a transaction of their own: for a moment after a commit, Linux 6.18
// finds nothing in a set that was made by it (6 connections of 50 000 went
// astray in 300 changes, none in 300 this way).
Result<void> replace_over(int socket, const TableContents& old,
                          const Plan& plan);

// Makes sure that there is no such table; `socket` is the one that it was made
// over, if it was.
Result<void> remove_own_table(int socket, const std::string& name);

// A table in effect: until this object is gone, if the kernel has the owner
// flag, else until remove_table().
class InstalledTable {
 public:
  static Result<InstalledTable> install(const Plan& plan, Ownership ownership);

  // See replace_over(). REQUIRES: a plan for the same table.
  Result<void> replace(Plan plan);

  // What the kernel granted.
  Ownership ownership() const { return ownership_; }

 private:
  InstalledTable(UniqueFd netlink, Ownership ownership, TableContents contents)
      : netlink_(std::move(netlink)),
        ownership_(ownership),
        contents_(std::move(contents)) {}

  UniqueFd netlink_;
  Ownership ownership_;
  TableContents contents_;
  bool other_names_ = false;
};

// Makes sure that there is no such table: deletes a plain one, waits for the
// kernel to release one whose owner is ending. REQUIRES: is_our_table(name).
Result<void> remove_table(
    const std::string& name,
    std::chrono::milliseconds limit = std::chrono::seconds(5));

}  // namespace ginnel::firewall

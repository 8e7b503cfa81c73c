// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/strings.h"

namespace ginnel {
namespace {

// Notes stand one behind the other: a header, a name and a description, the
// last two padded to four bytes (elf(5)).
std::string build_id_in(const char* at, std::size_t size) {
  auto padded = [](std::size_t length) { return (length + 3) / 4 * 4; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    std::size_t name = sizeof note;
    std::size_t description = name + padded(note.n_namesz);
    std::size_t next = description + padded(note.n_descsz);
    if (next > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(at + name, "GNU", 4) == 0) {
      return hexadecimal(
          as_bytes(std::string_view(at + description, note.n_descsz)));
    }
    at += next;
    size -= next;
  }
  return {};
}

// Called for each loaded object; the program itself is the first.
int visit(dl_phdr_info* object, std::size_t, void* result) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& header = object->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    std::string id = build_id_in(
        reinterpret_cast<const char*>(object->dlpi_addr + header.p_vaddr),
        header.p_memsz);
    if (id.empty()) continue;
    *static_cast<std::string*>(result) = id;
    break;
  }
  return 1;
}

}  // namespace

std::string own_build_id() {
  std::string id;
  dl_iterate_phdr(visit, &id);
  return id;
}

}  // namespace ginnel

// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/start_script.h"

#include <cassert>

#include "base/strings.h"

namespace ginnel::start_script {
namespace {

// ONE line when joined; n, b and k are set before it. `f` is the file to remove
// on any exit. An empty script without `#!` is run by the shell itself, but
// only if the kernel says "not a program" and not "may not execute".
constexpr std::string_view kScript =
    R"(say() { echo "ginnel-$n:$*"; }; )"
    R"(PATH=$PATH:/usr/local/bin:/usr/bin:/bin; export PATH; )"
    R"(LC_ALL=C; export LC_ALL; umask 077; f=; t=; s=; )"
    R"(clean() { [ -z "$f" ] || rm -f "$f"; }; )"
    R"(trap clean EXIT; trap "exit 1" HUP INT TERM PIPE; )"
    R"(say machine $(uname -s) $(uname -m); )"
    R"(has() { command -v $1 >/dev/null 2>&1; }; )"
    R"(has mktemp || { say failed no-mktemp; exit 1; }; )"
    R"(g=; if has gzip; then g="gzip -dc"; )"
    R"(elif has gunzip; then g="gunzip -c"; )"
    R"(elif has busybox; then g="busybox gzip -dc"; )"
    R"(else say failed no-gzip; exit 1; fi; )"
    R"(h="head -c $b"; has head || h="dd bs=1 count=$b"; )"
    R"(for d in "$XDG_RUNTIME_DIR" /dev/shm "$TMPDIR" /tmp /var/tmp )"
    R"("$HOME" /run /var/run; do )"
    R"([ -n "$d" ] && [ -d "$d" ] && [ -w "$d" ] || continue; s="$s $d"; )"
    R"(f=$(mktemp "$d/.ginnel.XXXXXXXXXX" 2>/dev/null) || { f=; continue; }; )"
    R"(echo : 2>/dev/null >"$f" && chmod 700 "$f" && "$f" 2>/dev/null )"
    R"(&& dd if=/dev/zero bs=1024 count=$k 2>/dev/null >"$f" )"
    R"(&& { t=1; break; }; rm -f "$f"; f=; done; )"
    R"([ -n "$t" ] || { say failed no-folder $s; exit 1; }; say ready; )"
    R"(e=$({ $h | $g >"$f"; } 2>&1) || { say failed unpack $d $e; exit 1; }; )"
    R"(exec 9<"$f"; if [ -e /proc/self/fd/9 ]; then )"
    R"(rm -f "$f"; f=; exec /proc/self/fd/9; fi; )"
    R"(exec "$f" --unlink "$f")";

}  // namespace

std::string command(std::string_view nonce, std::size_t packed_size,
                    std::size_t unpacked_size) {
  assert(kScript.find_first_of("'\\!\n") == kScript.npos);
  return concat("exec sh -c 'n=", nonce, "; b=", packed_size,
                "; k=", (unpacked_size + 1023) / 1024, "; ", kScript, "'");
}

AnswerReader::AnswerReader(std::string_view nonce)
    : marker_(concat("ginnel-", nonce, ":")) {}

Result<std::optional<Answer>> AnswerReader::next() {
  std::size_t begin = text_.find(marker_);
  std::size_t end = begin == text_.npos ? begin : text_.find('\n', begin);
  if (end == text_.npos) {
    if (text_.size() > kMaxNoise) {
      return Error(
          concat("the login prints too much before it runs our "
                 "command: ",
                 noise()));
    }
    return std::optional<Answer>();
  }
  std::string_view line(text_);
  line = line.substr(begin + marker_.size(), end - begin - marker_.size());
  if (line.ends_with('\r')) line.remove_suffix(1);
  Answer answer;
  answer.word = line.substr(0, line.find(' '));
  if (answer.word.size() < line.size()) {
    answer.rest = printable(line.substr(answer.word.size() + 1), 500);
  }
  text_.erase(0, end + 1);
  return std::optional<Answer>(std::move(answer));
}

std::string AnswerReader::noise() const {
  std::string_view shown(text_);
  shown = shown.substr(0, shown.find_last_not_of("\r\n") + 1);
  return printable(shown.substr(shown.find_last_of('\n') + 1));
}

std::string describe_failure(const Answer& failed, std::string_view host) {
  std::string reason = failed.rest.substr(0, failed.rest.find(' '));
  std::string detail = failed.rest.substr(reason.size());
  std::string name = printable(host);
  if (reason == "no-mktemp") {
    return concat(name, " has no mktemp: install coreutils or busybox there");
  }
  if (reason == "no-gzip") {
    return concat(name, " has no gzip: install gzip or busybox there");
  }
  if (reason == "no-folder") {
    if (detail.empty()) {
      return concat(name, " has no folder that the user may write to");
    }
    return concat(name, " lets the user run programs from none of:", detail,
                  " (mounted noexec, or full): one of them must allow it");
  }
  if (reason == "unpack") {
    return concat(name, " could not unpack the helper in", detail);
  }
  return concat(name, " could not start the helper: ", failed.rest);
}

}  // namespace ginnel::start_script

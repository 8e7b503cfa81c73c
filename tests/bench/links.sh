# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
# The links that are measured, and the tools.
#
# A link is `local`, the lab's own, or wan-RATE-RTT[-MORE...]: Mbit/s, ms, and
# of MORE any of
#   bbr        BBR on both ends instead of cubic
#   loss0.1    percent of packets lost each way
#   jitter10   ms
#   steps      the rate halves and doubles every four seconds

ALL_TOOLS=(raw iperf3 libssh openssh ssh-L ssh-L-gcm ssh-D sshuttle
  sshuttle-fast)

# Where the line is the limit, ssh -L with AES-GCM, which ginnel has too, is
# ssh -L again; iperf3 only confirms raw; and ssh -D and sshuttle without its
# latency control differ from ssh -L and sshuttle everywhere as they do on a few
# links.
LOCAL_TOOLS=(ssh-L-gcm)
FEW_LINKS_TOOLS=(iperf3 ssh-D sshuttle-fast)
FEW_LINKS=(local wan-100-100 wan-400-100)

QUICK_LINKS=(local wan-100-100)
USUAL_LINKS=(local
  wan-100-100 wan-100-100-bbr wan-400-100 wan-400-100-bbr
  wan-100-20 wan-100-300
  wan-100-100-loss0.1 wan-100-100-loss1-bbr wan-100-100-jitter10
  wan-100-100-steps)

# tools_on LINK: those that are measured there unless some are named.
tools_on() {
  local tool
  for tool in "${ALL_TOOLS[@]}"; do
    case " ${LOCAL_TOOLS[*]} : ${FEW_LINKS_TOOLS[*]} " in
      *" $tool "*:*) [ "$1" = local ] || continue ;;
      *:*" $tool "*) [[ " ${FEW_LINKS[*]} " = *" $1 "* ]] || continue ;;
    esac
    # It confirms raw on one link, which is enough for a quick look.
    case ${BENCH_SET:-}-$1-$tool in quick-wan-*-iperf3) continue ;; esac
    echo "$tool"
  done
}

# looks_up_names TOOL LINK: whether its look-ups are measured there.
looks_up_names() {
  case $1 in
    raw | libssh | openssh | sshuttle) ;;
    *) return 1 ;;
  esac
  [ "${BENCH_SET:-}" = full ] || [[ " ${FEW_LINKS[*]} " = *" $2 "* ]]
}

full_links() {
  local rate rtt loss control
  echo local
  for rate in 100 400; do
    for rtt in 20 100 300; do
      for loss in '' -loss0.1 -loss1 -jitter10 -steps; do
        for control in '' -bbr; do
          echo "wan-$rate-$rtt$loss$control"
        done
      done
    done
  done
}

# choose_links SET PATTERN...: one a line; those of all that match, if there
# are patterns.
choose_links() {
  local set=$1 pattern link
  shift
  case $#-$set in
    0-quick) printf '%s\n' "${QUICK_LINKS[@]}" ;;
    0-usual) printf '%s\n' "${USUAL_LINKS[@]}" ;;
    0-full) full_links ;;
    *)
      { printf '%s\n' "${USUAL_LINKS[@]}" && full_links; } | awk '!seen[$0]++' |
        while read -r link; do
          for pattern in "$@"; do
            # shellcheck disable=SC2053
            [[ $link != $pattern ]] || echo "$link"
          done
        done
      ;;
  esac
}

list_all() {
  echo "tools: ${ALL_TOOLS[*]}"
  echo "       (${LOCAL_TOOLS[*]} only on local, ${FEW_LINKS_TOOLS[*]} on" \
    "${FEW_LINKS[*]}, unless named)"
  echo "quick: ${QUICK_LINKS[*]}"
  echo "usual: ${USUAL_LINKS[*]}"
  echo "full:  $(full_links | tr '\n' ' ')"
}

# link_options LINK: those of wan. Sets CONTROL too, and RTT in ms.
link_options() {
  local part parts
  IFS=- read -ra parts <<<"$1"
  CONTROL=cubic RTT=0 WAN_OPTIONS=()
  [ "${parts[0]}" = wan ] || return 0
  local rate=${parts[1]}
  RTT=${parts[2]}
  for part in "${parts[@]:3}"; do
    case $part in
      bbr) CONTROL=bbr ;;
      loss*) WAN_OPTIONS+=(--loss "${part#loss}") ;;
      jitter*) WAN_OPTIONS+=(--jitter "${part#jitter}") ;;
      steps) rate="$rate,$((rate / 2))@4s,@8s" ;;
      *) die "what is $part?" ;;
    esac
  done
  WAN_OPTIONS+=(--rate "$rate" --rtt "$RTT")
}

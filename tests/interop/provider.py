"""Kamailio as a provider: a registrar that asks for digest, and a proxy to and from whoever is registered."""

from pathlib import Path

from tests.interop.rig import Process, wait_for
from tests.ports import is_bound

USER, PASSWORD = "57601555", "una-clave-larga"
_CONFIG = """
debug=1
log_stderror=yes
fork=no
children=1
listen=udp:@HOST@:@PORT@
listen=tcp:@HOST@:@PORT@
tcp_children=1
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "xlog.so"
modparam("registrar", "max_expires", 120)
modparam("registrar", "min_expires", @MIN_EXPIRES@)

request_route {
    if (has_totag()) {
        loose_route();
        t_relay();
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("provider", "@PASSWORD@", "0")) {
            www_challenge("provider", "0");
            exit;
        }
        if ($au != "@USER@") { sl_send_reply("403", "Forbidden"); exit; }
        save("location");
        exit;
    }
    if (!is_method("INVITE|ACK")) { sl_send_reply("405", "No"); exit; }
    if (is_method("INVITE")) record_route();
    if ($rU == "@USER@") {
        # From the public network to the registered customer.
        if (!lookup("location")) { sl_send_reply("404", "Not registered"); exit; }
        t_relay();
        exit;
    }
    if (is_method("INVITE")) {
        if (!pv_proxy_authenticate("provider", "@PASSWORD@", "0")) {
            proxy_challenge("provider", "0");
            exit;
        }
        consume_credentials();
    }
    $du = "sip:@HOST@:@FAR_PORT@";
    t_relay();
}
"""


class Provider(Process):
    """Listens on ``host:port``; sends calls of the registered customer on to ``far_port``."""

    def __init__(self, tmp: Path, host: str, port: int, far_port: int, *, min_expires: int = 10) -> None:
        values = {"HOST": host, "PORT": port, "FAR_PORT": far_port, "USER": USER, "PASSWORD": PASSWORD}
        text = _CONFIG
        for name, value in {**values, "MIN_EXPIRES": min_expires}.items():
            text = text.replace(f"@{name}@", str(value))
        path = tmp / f"kamailio-{port}.cfg"
        path.write_text(text)
        home = tmp / f"kamailio-{port}"
        home.mkdir(exist_ok=True)
        argv = ["kamailio", "-f", str(path), "-DD", "-E", "-m", "64", "-M", "8", "-Y", str(home), "-w", str(home)]
        super().__init__(argv, tmp / f"kamailio-{port}")
        wait_for(lambda: is_bound(port, host) or not self.running, 20, "Kamailio listens")
        assert self.running, self.text()[-3000:]

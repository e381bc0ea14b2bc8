"""A call that is up while something is done to the gateway, and how it fared."""

from pathlib import Path

from assist.events import Party
from tests.interop import audio
from tests.interop.rig import Gateway, Process, Sipp, agent, caller, wait_for
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port


class Call:
    """A call between the two ends, up, and the address the gateway takes each end's media at."""

    def __init__(
        self, tmp_path: Path, gateway: Gateway, processes: list[Process], ends: dict[Party, RtpEnd], talk_ms: int
    ) -> None:
        self.ends = ends
        self.phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
        path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=talk_ms)
        self.customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
        processes.extend([self.phone, self.customer])

    def wait_up(self) -> "Call":
        wait_for(lambda: all(len(end.packets) > 25 for end in self.ends.values()), 20, "audio at both ends")
        return self

    def gate(self, party: Party) -> tuple[str, int]:
        """Where the gateway takes this party's RTP."""
        peer = self.ends[party].peer
        assert peer is not None
        return peer

    def nothing_of(self, played: audio.Pcm, party: Party) -> None:
        """``played`` did not reach this party."""
        assert max(audio.windows_found(self.ends[party].pcm(), played)[0]) < 0.5

    def unharmed(self, since: float) -> None:
        """Both ends have heard each other without a pause from ``since`` (time.monotonic()) on."""
        for end in self.ends.values():
            assert end.longest_pause(since) < audio.STALL_S
            assert end.missing() == 0

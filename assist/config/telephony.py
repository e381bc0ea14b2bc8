"""Sections of the telephony side: trunks, routes, agents, leads, the edge."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from assist.config.values import (
    Port,
    Section,
    Srtp,
    allowance_value,
    contact_value,
    country_value,
    dialable_value,
    goal_value,
    header_value,
    host_value,
    network_value,
    pattern_value,
    secret_value,
    sip_uri_value,
)
from assist.events import CallLanguage, Language, LeadMode, SurveyKind

LEADS_PER_BOOTH: Final = 4


class Tls(Section):
    """SIP over TLS 1.2; an edge in front does 1.3."""

    port: Port = 0
    """TLS port of the first worker; worker n listens on port + n. 0: none, and no trunk can use TLS."""
    certificate: Path | None = None
    """PEM file with our certificate and its chain."""
    key: Path | None = None
    """PEM file with the certificate's private key."""
    ca: Path | None = None
    """PEM file with the authorities that peers' certificates must come from."""
    verify_server: bool = True
    """Whether a peer we connect to must show a certificate of one of them, made out to its host."""
    verify_client: bool = False
    """Whether a peer that connects to us must show a certificate of one of them."""


class Gateway(Section):
    """SIP and RTP."""

    bind: str = "127.0.0.1"
    """Address SIP and RTP listen on."""
    port: Port = 5060
    """SIP port of the first worker (UDP and TCP); worker n listens on port + n."""
    workers: int = Field(default=2, ge=1, le=64)
    """Gateway processes; the packaged pjsua2 bridges two calls in each."""
    rtp_start: Port = 40000
    """First RTP port; each worker uses 100 ports from here on."""
    media_source: Literal["learn", "signalled", "any"] = "learn"
    """Whose RTP a leg takes: the first to come from the SDP's or SIP's host, the SDP's address only, or the first."""
    chunk_ms: int = Field(default=60, ge=60, le=100, multiple_of=20)
    """Milliseconds of audio per published chunk."""
    keep_s: int = Field(default=120, ge=5, le=600)
    """Seconds of each leg kept in memory until transcribed, to replay when a transcriber dies; 16 kB each."""
    payment_pause: Literal["both", "customer", "off"] = "both"
    """Whose voice nobody hears or keeps while payment data is told; customer: the agent can end it by a phrase."""
    ring_s: int = Field(default=40, ge=5, le=300)
    """Seconds the agent's phone rings before the caller gets 480."""
    recycle_calls: int = Field(default=0, ge=0)
    """Calls after which a worker that has none is started anew; 0: never. With recycle_hours: whichever comes first."""
    recycle_hours: float = Field(default=0, ge=0)
    """Hours after which a worker that has no call is started anew; 0: never."""
    tls: Tls = Tls()
    """SIP over TLS."""


class Edge(Section):
    """Kamailio in front of the gateway's workers: one address, TLS, digest, screening (docs/edge.md)."""

    mode: Literal["auto", "on", "off"] = "auto"
    """auto: where kamailio is installed; on: nothing starts without it; off: the PBX reaches each worker by itself."""
    inner_port: Port = 15060
    """UDP port of the edge towards its workers, on loopback; with it worker n listens on inner_port + 1 + n."""
    tls_port: Port = 5061
    """SIP over TLS (1.2 and 1.3), where there is a certificate; UDP and TCP are at gateway.port."""
    certificate: Path | None = None
    """PEM file with the certificate chain."""
    key: Path | None = None
    """PEM file with the certificate's private key."""
    ca: Path | None = None
    """PEM file of the authorities that trunks and phones called over TLS are checked with; empty: the system's."""
    advertise: str = Field(default="", pattern=r"^[A-Za-z0-9.-]*$")
    """Address or name put into SIP headers, where it isn't the one listened on (NAT)."""
    calls_per_s: int = Field(default=30, ge=1, le=1000)
    """New calls a second from each trunk; more are answered 503 with Retry-After."""
    ping_s: int = Field(default=30, ge=0, le=3600)
    """Seconds between OPTIONS to agents' phones and trunks' hosts; one that stops answering is logged. 0: none."""
    hide: bool = True
    """Mask addresses behind the edge in what trunks and phones see (topology hiding)."""


class Outbound(Section):
    """What may be called through a trunk: the fence against toll fraud."""

    allow: tuple[Annotated[str, AfterValidator(allowance_value)], ...] = ()
    """Prefixes that may be called, such as +57; without + a whole number, such as 112 or 6xx. Empty: nothing."""
    block: tuple[Annotated[str, AfterValidator(allowance_value)], ...] = ()
    """What may not be called although allow holds it."""
    premium: bool = False
    """Whether premium-rate, shared-cost, satellite and similar numbers may be called where allow holds them."""
    max_calls: int = Field(default=10, ge=0, le=10000)
    """Calls to the trunk at once, over all workers of this machine; one more gets 503."""
    max_per_minute: int = Field(default=30, ge=0, le=100000)
    """Calls to the trunk begun within a minute; one more gets 503."""
    send: Literal["+e164", "e164", "national"] = "+e164"
    """How numbers are sent: +573001234567, 573001234567 or, within the trunk's country, 3001234567."""
    caller: Annotated[str, AfterValidator(dialable_value)] = ""
    """Number shown to who is called; empty: the caller's own."""


class Trunk(Section):
    """One source of calls, and where calls are sent to."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    """Name in logs, cases and metrics."""
    allow: tuple[Annotated[str, AfterValidator(network_value)], ...] = ("127.0.0.0/8",)
    """Networks its INVITEs may come from; anything else is answered 403."""
    language: CallLanguage = "es"
    """Language its callers speak; auto finds it out on each leg, and notices a change (one more model in use)."""
    queue: str = "general"
    """Queue its calls are counted in."""
    transfers: Literal["anybody", "agents", "nobody"] = "anybody"
    """Whom an agent's phone may transfer its customers to; anybody who is no agent is dialled through its PBX."""
    pass_headers: tuple[Annotated[str, AfterValidator(header_value)], ...] = ("X-*", "User-to-User")
    """Header fields of its INVITEs that the agent's phone gets, too; X-* is every one that begins so."""
    agent: str = ""
    """Id of the agent whose phone rings where no [[route]] says otherwise; empty: such a call gets 404."""
    host: Annotated[str, AfterValidator(host_value)] = ""
    """Where calls to the trunk and registrations go: host or host:port. Empty: it only sends us calls."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """How we talk to it. An INVITE of a tls trunk that comes any other way is answered 403."""
    srtp: Srtp = "off"
    """Encrypted audio (SDES): required refuses calls without, off calls with it, by 488."""
    user: str = Field(default="", pattern=r"^[A-Za-z0-9_.@+-]*$")
    """User name at the trunk, for registration and digest."""
    secret: Annotated[str, AfterValidator(secret_value)] = ""
    """Where the user's password is, file:/path or env:NAME."""
    identity: Literal["from", "pai"] = "from"
    """Where callers' numbers stand: in From, or in P-Asserted-Identity with our user in From, as many hosts want."""
    registration: bool = False
    """Register with the trunk's host, so that it sends us its calls."""
    registration_s: int = Field(default=300, ge=30, le=86400)
    """Seconds a registration is asked to last; it is renewed before."""
    contact: Annotated[str, AfterValidator(contact_value)] = ""
    """SIP URI to register instead of the worker's own address: the edge's, where there is one."""
    challenge: bool = False
    """Whether its INVITEs must prove that they know user and secret (digest); else they get 401, from an edge 407."""
    country: Annotated[str, AfterValidator(country_value)] = ""
    """Country by whose plan numbers without + are read, such as CO. Needed where national numbers are dialled."""
    outbound: Outbound = Outbound()
    """What may be called through it."""


class Route(Section):
    """Where a call goes. The first that fits counts; without any, the trunk's agent's phone rings."""

    trunk: tuple[str, ...] = ()
    """Names of the trunks it is for; empty: all."""
    number: Annotated[str, AfterValidator(pattern_value)] = ""
    """Dialled number: what it begins with, or a regular expression for all of it between slashes; empty: any."""
    caller: Annotated[str, AfterValidator(pattern_value)] = ""
    """Caller's number, written like number; empty: any."""
    to: tuple[Annotated[str, AfterValidator(goal_value)], ...]
    """agent:ID, queue:NAME (its agents in turn), trunk:NAME or refuse; of several, the next when one fails."""
    strip: int = Field(default=0, ge=0, le=20)
    """Digits taken off the front of the dialled number before it goes to a trunk."""
    prepend: Annotated[str, AfterValidator(dialable_value)] = ""
    """Digits put in front of it then."""
    show: Annotated[str, AfterValidator(dialable_value)] = ""
    """Number shown to who is called, instead of the trunk's outbound.caller or the caller's own."""
    direction: Literal["", "inbound", "outbound"] = ""
    """Who the customer is: the caller (inbound) or the called (outbound). Empty: outbound where it goes to a trunk."""
    queue: str = ""
    """Queue the call is counted in; empty: that of queue:NAME, else the trunk's."""
    agent: str = ""
    """Agent it counts for where it goes to a trunk; empty: who calls if that is an agent, else the trunk's agent."""


class Taps(Section):
    """Media streams: calls that a PBX or a platform bridges and sends us the audio of."""

    bind: str = "127.0.0.1"
    """Address the streams come to."""
    port: Port = 8790
    """Port of the WebSockets; the tap called NAME is at /NAME."""
    certificate: Path | None = None
    """PEM file with the certificate chain, for wss:// without a proxy in front."""
    key: Path | None = None
    """PEM file with the certificate's private key."""
    max_streams: int = Field(default=64, ge=1, le=4096)
    """Streams at once; more are told to come back later (503)."""
    idle_s: int = Field(default=30, ge=5, le=600)
    """Seconds without audio after which a stream that isn't paused is taken for dead."""


class Tap(Section):
    """One source of media streams."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Name in logs, cases and metrics; the path of its WebSockets."""
    protocol: Literal["ari", "audiosocket", "asterisk", "freeswitch", "twilio", "audiohook"]
    """What it speaks; asterisk is chan_websocket, freeswitch mod_audio_fork and mod_audio_stream (docs/taps.md)."""
    allow: tuple[Annotated[str, AfterValidator(network_value)], ...] = ("127.0.0.0/8",)
    """Networks it may connect from; with a proxy in front, the proxy's."""
    secret: Annotated[str, AfterValidator(secret_value)] = ""
    """Where its secret is, file:/path or env:NAME; AudioSocket has none, every other protocol needs one."""
    api_key: str = ""
    """API key of an AudioHook integration; the user of ARI."""
    url: str = ""
    """ARI's address, such as http://10.0.0.5:8088/ari; or the one Twilio connects to, which its signature covers."""
    port: Port = 0
    """TCP port of an AudioSocket or ARI tap; Asterisk has one connection for each leg. ARI: 0 takes a free one."""
    contexts: tuple[str, ...] = ()
    """ARI: contexts of the dialplan that customers come in through; empty takes every call of an agent."""
    customer: Literal["caller", "callee"] = "caller"
    """Who the customer is, where the peer only says who called: callee for outbound campaigns."""
    language: CallLanguage = "es"
    """Language its customers speak, unless the peer says another."""
    queue: str = "general"
    """Queue its calls are counted in, unless the peer says another."""
    agent: str
    """Id of the agent, unless the peer says another."""


class Agent(Section):
    """One agent."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Short id, used in tokens and events."""
    name: str = ""
    """Name shown to people."""
    sip: Annotated[str, AfterValidator(sip_uri_value)]
    """SIP URI of the agent's phone."""
    queues: tuple[str, ...] = ()
    """Queues whose calls may ring at this agent, for routes to queue:NAME."""
    srtp: Srtp = "off"
    """Encrypted audio (SDES) to the phone; to an extension at a trunk's host it is as the trunk says."""


class Booth(Section):
    """Team leads' ears: a live call on the lead's own SIP phone (docs/ears.md)."""

    port: Port = 5160
    """SIP port of the first booth, on gateway.bind (UDP and TCP); booth n listens on port + n."""
    rtp_start: Port = 38000
    """First RTP port of the booths; each uses 100 ports from here on."""
    ring_s: int = Field(default=30, ge=5, le=300)
    """Seconds a lead's phone rings."""
    tone: Literal["off", "agent", "both"] = "off"
    """Who hears a tone (1,400 Hz, 0.2 s) when a lead comes to a call; some countries require one."""
    tone_every_s: int = Field(default=0, ge=0, le=120)
    """Seconds between tones while a lead is there; 0: only when the lead comes."""


class Lead(Section):
    """One team lead who may hear live calls."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Short id: the subject of the lead's token."""
    name: str = ""
    """Name shown to people."""
    sip: Annotated[str, AfterValidator(sip_uri_value)]
    """SIP URI of the lead's phone."""
    queues: tuple[str, ...]
    """Queues whose calls the lead may hear; "*" is all of them."""
    may: tuple[LeadMode, ...] = ("listen", "whisper", "barge", "take_over")
    """What the lead may do in them."""

    def hears(self, queue: str) -> bool:
        """Whether the lead may hear calls of this queue."""
        return "*" in self.queues or queue in self.queues


class SurveyQuestion(Section):
    """One question of the survey after the call."""

    id: str = Field(pattern=r"^[a-z0-9_]{1,32}$")
    """Name in cases and reports."""
    kind: SurveyKind = "csat"
    """csat: satisfaction, 1 to 5; nps: would recommend, 0 to 10; ces: how easy it was, 1 to 7."""
    low: int | None = Field(default=None, ge=0, le=9)
    """Least key that counts; empty: as the kind says."""
    high: int | None = Field(default=None, ge=1, le=10)
    """Greatest; empty: as the kind says."""
    prompt: dict[Language, Path] = Field(default_factory=dict)
    """Recording of your own by language (WAV, 16 bit, mono, 8 kHz); empty takes the packaged one of the kind."""

    @property
    def scale(self) -> tuple[int, int]:
        """Least and greatest score."""
        low, high = SCALES[self.kind]
        return (low if self.low is None else self.low, high if self.high is None else self.high)


SCALES: Final[dict[SurveyKind, tuple[int, int]]] = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}


class Survey(Section):
    """Questions to the customer by telephone key once the agent has hung up (docs/survey.md)."""

    queues: tuple[str, ...] = ()
    """Queues whose customers are asked; "*" is all of them."""
    trunks: tuple[str, ...] = ()
    """Trunks whose customers are asked, whatever the queue."""
    answer_s: float = Field(default=6.0, ge=2, le=30)
    """Seconds to wait for a key after a question; it is asked twice."""
    question: tuple[SurveyQuestion, ...] = (SurveyQuestion(id="csat"),)
    """Questions in order."""

    def asks(self, trunk: str, queue: str) -> bool:
        """Whether customers of this trunk and queue are asked."""
        return "*" in self.queues or queue in self.queues or trunk in self.trunks

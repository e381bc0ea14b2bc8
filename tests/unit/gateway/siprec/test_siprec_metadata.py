"""Recording metadata as RFC 7865 has it and as vendors send it."""

import pytest

from gateway.errors import MetadataError
from gateway.siprec.metadata import MAX_CHARACTERS, Metadata, Participant, read

COMPLETE = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="hVpd7YQgRW2nD22h7q60JQ=="><sipSessionID>ab30317f</sipSessionID></session>
  <participant participant_id="srfBElmCRp2QB23b7Mpk0w==">
    <nameID aor="sip:+573001234567@carrier.example"><name xml:lang="es">Rosa</name></nameID>
  </participant>
  <participant participant_id="zSfPoSvdSDCmU3A3TRDxAw==">
    <nameID aor="sip:ana@pbx.example"><name>Ana</name></nameID>
  </participant>
  <stream stream_id="UAAMm5GRQKSCMVvLyl4rFw==" session_id="hVpd7YQgRW2nD22h7q60JQ=="><label>96</label></stream>
  <stream stream_id="i1Pz3to5hGk8fuXl+PbwCw==" session_id="hVpd7YQgRW2nD22h7q60JQ=="><label>97</label></stream>
  <participantstreamassoc participant_id="srfBElmCRp2QB23b7Mpk0w==">
    <send>UAAMm5GRQKSCMVvLyl4rFw==</send><recv>i1Pz3to5hGk8fuXl+PbwCw==</recv>
  </participantstreamassoc>
  <participantstreamassoc participant_id="zSfPoSvdSDCmU3A3TRDxAw==">
    <send>i1Pz3to5hGk8fuXl+PbwCw==</send><recv>UAAMm5GRQKSCMVvLyl4rFw==</recv>
  </participantstreamassoc>
</recording>"""
ROSA = Participant("srfBElmCRp2QB23b7Mpk0w==", "sip:+573001234567@carrier.example", "Rosa")
ANA = Participant("zSfPoSvdSDCmU3A3TRDxAw==", "sip:ana@pbx.example", "Ana")


def test_who_is_heard_on_which_label() -> None:
    assert read(COMPLETE).speakers() == {"96": (ROSA,), "97": (ANA,)}


def test_vendors_spellings_mean_the_same() -> None:
    other = (
        COMPLETE.replace(' xmlns="urn:ietf:params:xml:ns:recording:1"', "")
        .replace("complete", "Complete")
        .replace("participant_id", "id", 2)
        .replace('<stream stream_id="UAAM', '<stream id="UAAM')
    )
    assert read(other).speakers() == {"96": (ROSA,), "97": (ANA,)}
    inside = (
        '<recording><participant id="1"><nameID aor="tel:5551234"/><send>s1</send></participant>'
        '<stream id="s1"><label>1</label></stream></recording>'
    )
    assert read(inside).speakers() == {"1": (Participant("1", "tel:5551234"),)}


def test_a_partial_update_adds_and_takes_away() -> None:
    partial = """<recording><datamode>partial</datamode>
      <participant participant_id="B"><nameID aor="sip:luis@pbx.example"/></participant>
      <participantsessionassoc participant_id="zSfPoSvdSDCmU3A3TRDxAw==" session_id="s">
        <disassociate-time>2026-11-26T10:00:00Z</disassociate-time></participantsessionassoc>
      <participantstreamassoc participant_id="B"><send>i1Pz3to5hGk8fuXl+PbwCw==</send></participantstreamassoc>
    </recording>"""
    now = read(COMPLETE).updated(read(partial))
    luis = Participant("B", "sip:luis@pbx.example")
    assert now.speakers() == {"96": (ROSA,), "97": (luis,)}
    back = now.updated(
        Metadata(False, {ANA.id: ANA}, {}, {ANA.id: frozenset({"i1Pz3to5hGk8fuXl+PbwCw=="})}, frozenset())
    )
    assert ANA in back.speakers()["97"]
    assert now.updated(read(COMPLETE)) == read(COMPLETE)


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<recording><datamode>&b;</datamode></recording>"
)
FILE = '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><recording><datamode>&f;</datamode></recording>'


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("", "not XML"),
        ("<recording>", "not XML"),
        ("<html/>", "begins with <html>"),
        (LAUGHS, "never read"),
        (FILE, "never read"),
        ("<recording>" + "<a/>" * 600 + "</recording>", "601 elements"),
        ("<recording>" + " " * MAX_CHARACTERS + "</recording>", "too long"),
        ("<recording>\x00</recording>", "not XML"),
        ('<?xml version="1.0" encoding="klingon"?><recording/>', "not XML"),
    ],
)
def test_hostile_and_broken_metadata_is_refused(xml: str, message: str) -> None:
    with pytest.raises(MetadataError, match=message):
        read(xml)

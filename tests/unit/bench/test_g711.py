"""The telephone's codecs against the tables of ITU-T G.711, and what is made of lost packets."""

from __future__ import annotations

import numpy as np
import pytest

from bench.g711 import PACKET, RATE, conceal, from_alaw, from_ulaw, losses, to_alaw, to_ulaw

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_ulaw_decodes_as_in_table_2a() -> None:
    # Decoder output values of the table, times 4 for 16 bits; 0xFF and 0x7F are the two zeros.
    codes = bytes([0xFF, 0x7F, 0x80, 0x00, 0x8F, 0x9F, 0xEF, 0xFE])
    assert from_ulaw(codes).tolist() == [0, 0, 32124, -32124, 16764, 8316, 132, 8]


def test_alaw_decodes_as_in_table_1a() -> None:
    # Decoder output values of the table, times 8 for 16 bits, with every other bit of the code turned over.
    codes = bytes([0xD5, 0x55, 0xAA, 0x2A, 0x85, 0xE5])
    assert from_alaw(codes).tolist() == [8, -8, 32256, -32256, 528 * 8, 132 * 8]


@pytest.mark.parametrize(
    ("encode", "sample", "code"),
    [
        (to_ulaw, 0, 0xFF),
        (to_ulaw, -1, 0x7F),
        (to_ulaw, 32767, 0x80),
        (to_ulaw, -32768, 0x00),
        (to_ulaw, 1000, 0xCE),
        (to_alaw, 0, 0xD5),
        (to_alaw, -1, 0x55),
        (to_alaw, 32767, 0xAA),
        (to_alaw, -32768, 0x2A),
        (to_alaw, 1000, 0xFA),
    ],
)
def test_samples_encode_as_in_the_tables(encode: object, sample: int, code: int) -> None:
    assert callable(encode)
    assert encode(np.array([sample], np.int16)) == bytes([code])


@pytest.mark.parametrize(("encode", "decode"), [(to_ulaw, from_ulaw), (to_alaw, from_alaw)])
def test_decoded_samples_come_back_and_the_error_is_small(encode: object, decode: object) -> None:
    assert callable(encode)
    assert callable(decode)
    values = decode(EVERY_CODE)
    assert np.array_equal(decode(encode(values)), values)
    back = decode(encode(EVERY_SAMPLE)).astype(int)
    assert (np.diff(back) >= 0).all()
    error = np.abs(back - EVERY_SAMPLE)
    # Sixteen steps for each doubling: half a step is a 32nd, a little more near the bias and where samples clip.
    assert (error <= np.maximum(np.abs(EVERY_SAMPLE.astype(int)) / 24, 20)).all()


def test_losses_keep_their_share_and_their_bursts() -> None:
    random = np.random.default_rng(4)
    for share, burst in ((0.01, 1.0), (0.05, 1.0), (0.05, 4.0)):
        lost = losses(200_000, share, random, burst=burst)
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([False], lost, [False])).astype(int))))[::2]
        assert lost.mean() == pytest.approx(share, rel=0.1)
        assert runs.mean() == pytest.approx(max(burst, 1 / (1 - share)), rel=0.1)
    assert not losses(1000, 0.0, random).any()
    with pytest.raises(ValueError, match=r"1\.5"):
        losses(10, 1.5, random)


def hum(packets: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    n = np.arange(packets * PACKET)
    return np.rint(8000 * np.sin(2 * np.pi * 100 * n / RATE)).astype(np.int16)


def test_one_lost_packet_of_a_hum_is_hardly_missed() -> None:
    pcm = hum(20)
    lost = np.zeros(20, np.bool_)
    lost[10] = True
    out = conceal(pcm, lost)
    assert np.array_equal(out[: 10 * PACKET], pcm[: 10 * PACKET])
    assert np.array_equal(out[11 * PACKET + 40 :], pcm[11 * PACKET + 40 :])
    gap = slice(10 * PACKET, 10 * PACKET + 80)
    assert np.abs(out[gap].astype(int) - pcm[gap]).max() < 800
    assert np.abs(np.diff(out.astype(int))).max() < 1500, "no click"


def test_a_long_gap_fades_to_silence() -> None:
    pcm = hum(20)
    lost = np.zeros(20, np.bool_)
    lost[8:14] = True
    out = conceal(pcm, lost)
    power = np.abs(out.reshape(20, PACKET).astype(int)).max(1)
    assert power[8] > power[9] > power[10] > 0
    assert not power[11:14].any()


def test_a_call_that_begins_with_a_loss_begins_with_silence() -> None:
    lost = np.zeros(5, np.bool_)
    lost[0] = True
    assert not conceal(hum(5), lost)[: PACKET - 1].any()
    assert conceal(hum(5)[: 4 * PACKET + 7], np.array([False] * 4 + [True])).size == 4 * PACKET + 7

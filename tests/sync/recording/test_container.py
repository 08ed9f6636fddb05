"""The file: read by the `mcap` package with all checksums, found again without its index, refused where it is damaged."""

import io
import random
from pathlib import Path
from types import ModuleType

import pytest
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from tapes import NS, PNG, T0, opened, record

from twinstage.base.errors import UserError
from twinstage.sync.codec import decode
from twinstage.sync.recording import tape as t
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.reader import McapFile
from twinstage.sync.recording.writer import McapWriter


def test_another_reader_reads_it_all(make: ModuleType) -> None:
    data, held = record(make)
    reader = make_reader(io.BytesIO(data), validate_crcs=True)
    summary = reader.get_summary()
    assert summary is not None and summary.statistics is not None
    counts = {summary.channels[id].topic: n for id, n in summary.statistics.channel_message_counts.items()}
    assert counts[t.TICKS] == len(held) - 1 and counts[t.KEYFRAMES] >= 3
    times = []
    for _, channel, message in reader.iter_messages(topics=[t.TICKS]):
        frames = decode(message.data)  # exactly what a server sent
        assert channel.message_encoding == "twin.v1" and message.log_time == frames[-1].header.tick_ns
        assert message.sequence == frames[-1].header.seq
        times.append(message.log_time)
    assert times == sorted(held)[1:]
    files = {file.name: file.data for file in reader.iter_attachments()}
    assert PNG in files.values() and any(name.startswith("glb/") for name in files)
    assert [note.name for note in reader.iter_metadata()] == ["twinstage"]
    kinds = [
        type(record).__name__
        for record in StreamReader(io.BytesIO(data), validate_crcs=True, emit_chunks=True).records
    ]
    assert kinds[-1] == "Footer" and kinds.count("Chunk") == len(summary.chunk_indexes)


def test_the_same_calls_give_the_same_bytes(make: ModuleType) -> None:
    assert record(make)[0] == record(make)[0]


def test_without_its_index_everything_is_found(make: ModuleType, tmp_path: Path) -> None:
    whole, _ = record(make)
    cut, _ = record(make, close=False)
    with opened(tmp_path / "a.twinrec", whole) as a, opened(tmp_path / "b.twinrec", cut) as b:
        assert a.whole and not b.whole
        steps = [(s.at_ns, s.messages) for s in a.steps() if s.frames]
        assert steps == [(s.at_ns, s.messages) for s in b.steps() if s.frames]
        assert a.names() == b.names() and a.file(a.names()[0]) == b.file(b.names()[0])
        found, told = ([(c.offset, dict(c.indexes)) for c in one.mcap.chunks] for one in (b, a))
        assert found[:-1] == told[:-1]  # the last one of the whole file has the end in it


def test_cut_anywhere_it_holds_what_was_whole_or_says_why_not(make: ModuleType, tmp_path: Path) -> None:
    whole, _ = record(make, ticks=30)
    path = tmp_path / "cut.twinrec"
    counts = []
    for size in range(0, len(whole), max(1, len(whole) // 300)):
        path.write_bytes(whole[:size])
        try:
            archive = Archive(path)
        except UserError as error:
            assert (
                str(path) in str(error) and not counts
            )  # too short for a keyframe, never again once it has one
            continue
        counts.append(len({step.frames[-1].header.seq for step in archive.steps() if step.frames}))
        archive.close()
    assert counts == sorted(counts) and counts[-1] == 30


def test_a_flipped_bit_is_found_or_harms_nothing(make: ModuleType, tmp_path: Path) -> None:
    whole, _ = record(make, ticks=30)
    path = tmp_path / "flipped.twinrec"
    path.write_bytes(whole)
    archive = Archive(path)
    good = [(s.at_ns, s.messages) for s in archive.steps()]
    archive.close()
    draw, found = random.Random(7), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            archive = Archive(path)
        except UserError:
            found += 1
            continue
        try:
            steps = [(s.at_ns, s.messages) for s in archive.steps()]
            for name in archive.names():
                archive.file(name)
            archive.document(0)
            assert all(step in good for step in steps)
        except UserError:
            found += 1
        finally:
            archive.close()
    assert found > 100


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is no recording"),
        (b"PK\x03\x04" + bytes(100), "is no recording"),
        (b"\x89MCAP0\r\n", "it ends at byte 8"),
        (b"\x89MCAP0\r\n\x01" + b"\xff" * 8, "states 18446744073709551615 bytes"),
    ],
)
def test_what_is_no_recording_is_said_in_one_sentence(data: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "no.twinrec"
    path.write_bytes(data)
    with pytest.raises(UserError, match=text):
        Archive(path)


def test_another_mcap_file_is_no_recording_of_a_twin(tmp_path: Path) -> None:
    path = tmp_path / "robot.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file, profile="ros2", library="x")
        writer.message(writer.channel("/odom", "cdr"), b"1234", log_ns=5)
        writer.finish()
    with pytest.raises(UserError, match="no recording of a twin"):
        Archive(path)
    with pytest.raises(UserError, match="cannot be read"):
        Archive(tmp_path / "there.is.none")


def test_a_chunk_that_states_too_much_is_refused(tmp_path: Path) -> None:
    import struct

    import zstandard

    from twinstage.sync.recording import records as r

    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    head = r.CHUNK_HEAD.pack(1, 2, 1 << 40, 0) + r.text("zstd") + struct.pack("<Q", len(bomb))
    path = tmp_path / "bomb.mcap"
    path.write_bytes(r.MAGIC + r.header("", "") + r.record(r.CHUNK, head + bomb))
    mcap = McapFile(path)
    with pytest.raises(UserError, match="at most"):
        list(mcap.messages(mcap.chunks[0]))
    mcap.close()
    lying = r.CHUNK_HEAD.pack(1, 2, 1 << 10, 0) + r.text("zstd") + struct.pack("<Q", len(bomb))
    path.write_bytes(r.MAGIC + r.header("", "") + r.record(r.CHUNK, lying + bomb))
    mcap = McapFile(path)
    with pytest.raises(UserError, match="states 1024 bytes"):
        list(mcap.messages(mcap.chunks[0]))
    mcap.close()


def test_names_lead_nowhere_else(make: ModuleType, tmp_path: Path) -> None:
    def attach(i: int, hub: object, keeper: object) -> None:
        if i == 5:
            keeper.tape.file("../../etc/passwd", "text/plain", b"no")  # type: ignore[attr-defined]

    data, _ = record(make, on_tick=attach)
    with opened(tmp_path / "a.twinrec", data) as archive:
        assert archive.file("../../etc/passwd") is None
        assert not [name for name in archive.names() if ".." in name]


def test_it_ends_when_it_is_full(make: ModuleType) -> None:
    full: list[bool] = []
    record(make, on_tick=lambda i, hub, keeper: full.append(keeper.tape.full), most_bytes=9_000)
    assert full[0] is False and full[-1] is True and full == sorted(full)


def test_times_never_fall(make: ModuleType, tmp_path: Path) -> None:
    def back(i: int, hub: object, keeper: object) -> None:
        if i == 3:
            keeper.tape._last_ns += 10 * NS  # type: ignore[attr-defined]  # as if the server's clock had been set back

    data, _ = record(make, on_tick=back)
    with opened(tmp_path / "a.twinrec", data) as archive:
        times = [step.at_ns for step in archive.steps()]
        assert times == sorted(times) and times[0] == T0

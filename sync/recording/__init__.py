"""A recording: one MCAP file with the scene, its files and the stream, and what plays it.

    records    MCAP records as bytes and back; pure
    writer     appends records to a file, with the index at the end;  reader: finds them again, with or without the index
    tape       what a twin says -> a recording: scenes, files, ticks, keyframes
    replica    the state that ticks leave behind, exact to the bit
    document   a scene document -> a snapshot without geometry, for a hub
    archive    a recording opened: scenes, files, ticks from any moment on
    playback   an archive -> a hub, with pause, seek, speed and loop
    past       any moment or span of an archive for one viewer, on and back
    foxglove   transforms and scene entities for other programs
    page       a recording -> one HTML page

`writer`, `reader` and `archive` touch files, `past` works on another thread; nothing here reads a clock.
"""

"""What `doctor` and `bind check` look at beyond the files themselves: telemetry, limits, space, looks, the stage."""

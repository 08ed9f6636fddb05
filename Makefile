# Two commands matter: `make demo` and `make test`. Both set up what they need first, on a bare Debian or Ubuntu.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
ARGS ?=

.PHONY: help setup demo test lint types arrows unit viewer bench compare soak soak-usd soak-fuzz soak-stream soak-findings soak-fixes soak-doctor soak-render soak-synth soak-synth-kill soak-history soak-live soak-viewer soak-watch drift-score clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

.venv/.ready-run: pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh run

.venv/.ready-test: pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh test

setup: .venv/.ready-run  ## virtual environment, packages, system libraries

demo: .venv/.ready-run  ## a live twin on http://127.0.0.1:8000 and a labelled dataset in out/demo (ARGS="--duration 20 --no-wait")
	@$(BIN)/twinstage demo $(ARGS)

test: lint unit  ## set-up, linters, types, import arrows and all tests

lint: .venv/.ready-test  ## ruff, mypy (strict), import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/.ready-test  ## pytest alone (ARGS="tests/scene -k joint")
	$(BIN)/python -m pytest $(ARGS)

viewer: .venv/.ready-test  ## rebuild the committed viewer bundle from its source
	@bash scripts/build_viewer.sh

bench: .venv/.ready-test  ## every benchmark in benchmarks/, into docs/figures.md
	$(BIN)/python scripts/bench.py $(ARGS)

compare: .venv/.ready-test  ## our pictures against Blender's on the same USD, into docs/render-comparison.md (ARGS="--only lights --fresh")
	$(BIN)/python scripts/compare_cycles.py $(ARGS)

soak: .venv/.ready-test  ## one hour of the live cell under watch (ARGS="--minutes 5"); resumable log in out/soak
	$(BIN)/python scripts/soak_first_light.py $(ARGS)

soak-fuzz: .venv/.ready-test  ## 20,000 hostile and damaged stages through the limited child (ARGS="--seed 2 --cases 500"); resumable
	$(BIN)/python scripts/soak_fuzz.py $(ARGS)

soak-stream: .venv/.ready-test  ## two million broken messages of the stream, from servers and from clients, then every fault of the network with outages of 30 s (ARGS="--fresh --cases 50000 --only server"); resumable
	@$(BIN)/python scripts/soak_stream.py $(ARGS)
	TWIN_CUT_S=30 TWIN_JOIN_TICKS=100000 $(BIN)/python -m pytest -q -s tests/sync/faults tests/sync/test_pose_error.py

soak-history: .venv/.ready-test  ## a million events into the history, its writer killed 20 times with kill -9 (ARGS="--events 100000 --seed 2")
	@$(BIN)/python scripts/soak_history.py $(ARGS)

soak-live: .venv/.ready-test  ## an hour of a live twin with a history at 20,000 readings/s: memory, accounts, recovery (ARGS="--minutes 5 --fresh"); resumable
	@$(BIN)/python scripts/soak_live.py $(ARGS)

soak-viewer: .venv/.ready-test  ## 200 reloads of the page's scene and 30 minutes of live data: heap and GPU stay flat (ARGS="--reloads 20 --minutes 1")
	@$(BIN)/python scripts/soak_viewer.py $(ARGS)

soak-watch: .venv/.ready-test  ## 200 saves of a stage that is served and watched: memory, files and layers stay flat (ARGS="--saves 30")
	@$(BIN)/python scripts/soak_watch.py $(ARGS)

drift-score: .venv/.ready-test  ## schema drift on seeds that nothing was tuned on (ARGS="5000 5060" by default): found, named, untrue findings
	@$(BIN)/python tests/telemetry/drift/drift_score.py $(or $(ARGS),5000 5060)

soak-doctor: .venv/.ready-test  ## the whole corpus of faults against doctor (ARGS="0 100" for other seeds); resumable
	$(BIN)/python scripts/soak_doctor.py $(ARGS)

soak-findings: .venv/.ready-test  ## broken copies of real assets against `assets check`: the confusion table, and no false error on the clean ones (ARGS="0 500" for other seeds); resumable
	$(BIN)/python scripts/soak_findings.py $(ARGS)

soak-fixes: .venv/.ready-test  ## the same with `--fix`: the fault gone, nothing new, the picture that of the asset (ARGS="0 140" for other seeds); resumable
	$(BIN)/python scripts/soak_fixes.py $(ARGS)

soak-usd: .venv/.ready-test  ## every USD file of ../shared against pxr, the glTF validator and Blender (ARGS="--fresh"); log in out/soak
	$(BIN)/python scripts/soak_usd.py $(ARGS)

soak-render: .venv/.ready-test  ## labels of every USD file of ../shared against Mitsuba and Blender (ARGS="--fresh --page"); log in out/soak
	$(BIN)/python scripts/soak_render.py $(ARGS)

soak-synth: .venv/.ready-test  ## 10,000 labelled frames of nasty stages, judged from their files and by pxr (ARGS="--fresh --damage 500"); resumable
	$(BIN)/python scripts/soak_synth.py $(ARGS)

soak-synth-kill: .venv/.ready-test  ## a run of 1,000 frames killed 50 times and resumed, against an untouched one (ARGS="--fresh"); resumable
	$(BIN)/python scripts/soak_synth_kill.py $(ARGS)

clean:  ## remove what make built
	rm -rf .venv .venv-bpy build dist out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

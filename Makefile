# The verbs of this project. `make` lists them; each does its own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo build player console console-check screenshots test soak unit lint gen e2e fuzz bench vet gen-check fuzz-smoke
.NOTPARALLEL:

# Tests that sample a long matrix take their seed from here and print it.
E2E_SEED ?= $(shell date +%s)
export E2E_SEED

# Where `make bench` puts its figures, and what it compares them with.
BENCH_OUT ?= .cache/bench.txt
BENCH_OLD ?=

# Where `make screenshots` puts its pictures.
SCREENSHOTS ?= .cache/screenshots

UNIT = $$(go list ./... | grep -v -e '/e2e$$' -e '/bench$$')

help: ## list the verbs
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 12

setup: ## install what the other verbs need (apt, npm, tools); quick when done
	@tools/setup

demo: setup build ## run the main job: create, publish, play, ask (DEMO_SECONDS=N ends it)
	@bin/openivs-demo

build: player console ## build bin/openivs and bin/openivs-demo
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -o bin/ ./cmd/...

player:
	@tools/player

console:
	@tools/console

console-check: ## types, lint and unit tests of the web console; quick when nothing has changed
	@tools/console-check

screenshots: setup player console ## pictures of every screen of the console, in SCREENSHOTS (default .cache/screenshots)
	@mkdir -p '$(SCREENSHOTS)'
	CONSOLE_SCREENSHOTS='$(abspath $(SCREENSHOTS))' go test -count=1 -run TestEachScreenOfTheConsoleCanBeUsed ./e2e
	@ls '$(SCREENSHOTS)'

test: setup lint gen-check build unit fuzz-smoke e2e ## all the tests that fit 20 minutes on 2 cores

soak: setup build ## the long matrices whole, longer fuzzing, the slow ends, more encoders
	@tools/soak
	go test -count=1 -shuffle=on -timeout 3h -v -parallel 6 ./e2e -soak
	go test -count=1 -run TestADay ./internal/hls -soak
	tools/fuzz 60s

unit: setup console-check ## unit tests under the race detector, in random order
	go test -race -shuffle=on -timeout 15m $(UNIT)

lint: setup vet console-check ## golangci-lint with .golangci.yml
	GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint .cache/bin/golangci-lint run ./...

vet:
	go vet ./...

gen: ## regenerate *.gen.go and docs/compat.md from the API model
	go generate ./...

gen-check: gen
	@git diff --exit-code -- '*.gen.go' docs/compat.md || { echo 'generated files were out of date: commit what make gen wrote' >&2; exit 1; }

e2e: setup player console ## real clients, and a browser, against the real server (E2E_SEED=N repeats a sample)
	@echo 'E2E_SEED=$(E2E_SEED)'
	E2E_RACE=1 go test -count=1 -shuffle=on -timeout 25m -parallel 6 ./e2e

fuzz: setup ## every fuzz test for a minute
	tools/fuzz 60s

fuzz-smoke: setup
	tools/fuzz 2s

bench: setup ## benchmarks; BENCH_OLD=file compares with an earlier run
	@mkdir -p $(dir $(BENCH_OUT))
	go test -run '^$$' -bench . -benchmem -count $${BENCH_COUNT:-1} $(UNIT) | tee $(BENCH_OUT)
	go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./bench | tee -a $(BENCH_OUT)
	@if [ -n '$(BENCH_OLD)' ]; then .cache/bin/benchstat '$(BENCH_OLD)' '$(BENCH_OUT)'; fi

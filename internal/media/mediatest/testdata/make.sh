#!/bin/sh
# Makes the clips of this folder with ffmpeg: 128x72, 4.2 s, a keyframe every
# second, small enough to commit. Run it here; the bytes differ between versions
# of ffmpeg, what the tests rely on does not.
set -eu
clip() { # name, sample rate, channels, then encoder options
	name=$1 rate=$2 channels=$3
	shift 3
	ffmpeg -v error -y -bitexact \
		-f lavfi -i "testsrc=size=128x72:rate=30:duration=4.2" \
		-f lavfi -i "sine=frequency=440:sample_rate=$rate:duration=4.2" \
		-c:v libx264 -preset veryfast -crf 36 -pix_fmt yuv420p \
		-g 30 -keyint_min 30 -sc_threshold 0 "$@" \
		-c:a aac -b:a 32k -ac "$channels" -flvflags no_duration_filesize \
		-f flv "$name.flv"
}
clip reordered 48000 2 -profile:v main -bf 2
clip plain 44100 1 -profile:v baseline

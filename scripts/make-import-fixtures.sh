#!/usr/bin/env bash
# Makes the foreign recordings in crates/media/fixtures: 3 s of silence with chirps at 0.5, 1.5 and 2.25 s, in the formats that
# platforms write. The files are committed; run this only to change them. Needs ffmpeg and python3.
set -euo pipefail
cd "$(dirname "$0")/../crates/media/fixtures"
sound=$(mktemp)
trap 'rm -f "$sound"' EXIT

# the chirp of crates/media/src/chirp.rs
python3 - "$sound" <<'PYTHON'
import math, struct, sys
rate, length = 48000, 2400
def chirp(n):
    t, seconds = n / rate, length / rate
    phase = 2 * math.pi * (600 * t + 2400 * t * t / (2 * seconds))
    return 0.5 * math.sin(math.pi * n / length) ** 2 * math.sin(phase)
sound = [0.0] * (rate * 3)
for start in (24000, 72000, 108000):
    for n in range(length):
        sound[start + n] += chirp(n)
open(sys.argv[1], "wb").write(struct.pack("<%df" % len(sound), *sound))
PYTHON

make() { ffmpeg -v error -y -fflags +bitexact "$@"; }
chirps=(-f f32le -ar 48000 -ac 1 -i "$sound")
opus=(-c:a libopus -b:a 24k -flags +bitexact)
aac=(-c:a aac -b:a 48k -flags +bitexact)
make "${chirps[@]}" "${opus[@]}" chirps.webm
make -itsoffset 2.5 "${chirps[@]}" "${opus[@]}" -copyts -avoid_negative_ts disabled offset.webm
make -i chirps.webm -c copy -bsf:a "noise=drop='between(pts,1000,1397)'" hole.webm
make "${chirps[@]}" "${aac[@]}" chirps.mp4
make -i chirps.mp4 -c copy -bsf:a "noise=drop='between(pts,1000,1397)'" hole.mkv
make "${chirps[@]}" "${aac[@]}" -f adts chirps.aac
make "${chirps[@]}" "${opus[@]}" opus.mp4
make -f lavfi -i testsrc=s=64x64:r=5:d=3 "${chirps[@]}" -map 0 -map 1 -c:v mpeg4 -q:v 31 "${aac[@]}" video-first.mkv
make "${chirps[@]}" "${chirps[@]}" -map 0 -map 1 -t 0.2 "${opus[@]}" two-streams.webm
make "${chirps[@]}" -t 0.2 -c:a libvorbis -flags +bitexact vorbis.webm
make -f lavfi -i testsrc=s=64x64:r=5:d=0.4 -c:v mpeg4 -q:v 31 -flags +bitexact video-only.mkv

#!/usr/bin/env bash
# Generates the two voices of `trackscribe demo`, trackscribe/voices/{robert,angus}.ogg, and a text file with the words of
# each. The files are committed; run this only to change them. Needs flite and ffmpeg.
#
# PocketSphinx recognizes these sentences with its default model. The voices overlap twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../trackscribe/voices"

LENGTH_S=31 # length of both files
RATE=48000
BITRATE=32k

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NAME VOICE, then lines `start in milliseconds|sentence` on standard input
speak() {
    local name=$1 voice=$2 start sentence wav count=0 inputs=() filter='' mixed=''
    : >"$name.txt"
    while IFS='|' read -r start sentence; do
        wav=$work/$name-$count.wav
        flite -voice "$voice" -t "$sentence" -o "$wav"
        inputs+=(-i "$wav")
        filter+="[$count:a]aresample=$RATE,adelay=${start}[s$count];"
        mixed+="[s$count]"
        count=$((count + 1))
        echo "$sentence" >>"$name.txt"
    done
    filter+="${mixed}amix=inputs=$count:normalize=0,volume=0.8,apad,atrim=0:${LENGTH_S}[out]"
    ffmpeg -v error -y "${inputs[@]}" -filter_complex "$filter" -map '[out]' -fflags +bitexact -flags +bitexact \
        -c:a libopus -b:a "$BITRATE" -frame_duration 20 -application voip -ac 1 -ar "$RATE" "$name.ogg"
}

speak robert rms <<'LINES'
1000|the first thing on the agenda is the budget for next year
8300|i have some good news about the project this morning
15700|i think the new design is much better than the old one
23600|please write that down so that we do not forget it
27500|all right then i will see you all tomorrow
LINES

speak angus awb <<'LINES'
5100|hello this is the second speaker can you hear me
12000|the price of the old machine was seven hundred dollars
16300|the team in london will be on holiday next week
20000|we need to finish the report before friday afternoon
24200|there are three people who want to work on this
LINES

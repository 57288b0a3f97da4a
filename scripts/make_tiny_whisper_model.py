#!/usr/bin/env python3
"""Write a tiny, hand-wired Whisper model in the legacy ggml format that whisper.cpp / whisper-rs load.

For TESTS ONLY.  Nothing here is trained or downloaded: every weight is computed below, the file is
3.7 MB (1 encoder + 1 decoder layer, width 32) and takes about 0.2 s to write, so tests generate it into a
temporary folder instead of committing it.  Standard library only; the output is byte-for-byte reproducible.
Tried with whisper.cpp 1.8.3 (whisper-rs 0.16.0), CPU, with and without flash attention.

The network really runs (log-mel, conv, encoder, cross-attention, decoder, sampling, timestamps), and
what it does is predictable:

  * it always says SCRIPT, e.g.  <|0.00|> hello from the tiny model <|1.00|><|1.02|> i heard a {band} tone <|2.00|>
    (times are relative to each 30 s window that whisper.cpp decodes);
  * {band} depends on the audio: low (<~760 Hz), mid (<~1.7 kHz), high (<~3.7 kHz) or top, by where the
    loudest frames of the window have the most energy, so a test tone of 300 / 1200 / 2500 / 5000 Hz picks
    the word;
  * on silence (or white noise at -55 dBFS) the no-speech token wins after <|startoftranscript|>
    (probability near 1), on anything loud it is near 0. The text is still said, as a real model would
    hallucinate, and its {band} word then has a token probability of only about 0.2.  (whisper.cpp 1.8.3
    reports this probability correctly only for --english-only models.)
  * language detection answers --language with probability near 1 (multilingual model only).

Each script word must occur once (the decoder is a next-token table keyed by the current token); --loop
sends the last word back to the first to imitate a repetition hallucination.

usage: make_tiny_whisper_model.py OUT.bin [--script TEXT] [--language en] [--english-only] [--loop]
"""
import argparse, math, re, struct, sys

LANGS = ("en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi "
         "ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd "
         "gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su").split()
BANDS = ("low", "mid", "high", "top")
DEFAULT = "<|0.00|> hello from the tiny model <|1.00|><|1.02|> i heard a {band} tone <|2.00|>"

D, N_MELS, N_FFT, AUDIO_CTX, TEXT_CTX = 32, 80, 201, 1500, 448
F32, F16 = 0, 1


def mel_filters():
    """80 triangular filters on the Slaney mel scale, unit area, over the 201 bins of a 400-point FFT at 16 kHz."""
    def to_hz(m): return m * 200.0 / 3 if m < 15 else 1000.0 * math.exp((m - 15) * math.log(6.4) / 27)
    top = 15 + math.log(8000 / 1000.0) * 27 / math.log(6.4)
    edge = [to_hz(top * i / (N_MELS + 1)) for i in range(N_MELS + 2)]
    rows = []
    for m in range(N_MELS):
        lo, mid, hi = edge[m:m + 3]
        for k in range(N_FFT):
            f = k * 40.0
            w = min((f - lo) / (mid - lo), (hi - f) / (hi - mid))
            rows.append(max(0.0, w) * 2.0 / (hi - lo))
    return rows


class Mat:
    """rows x cols, zero filled; row = output (torch order), which is ggml's ne = (cols, rows)."""
    def __init__(self, rows, cols, fill=0.0): self.r, self.c, self.v = rows, cols, [fill] * (rows * cols)
    def __setitem__(self, rc, x): self.v[rc[0] * self.c + rc[1]] = x


def build(script, language, english_only, loop):
    n_vocab = 51864 if english_only else 51865
    m = 0 if english_only else 1                      # multilingual ids are one higher
    EOT, SOT = 50256 + m, 50257 + m
    TRANSLATE, TRANSCRIBE, NOSP, NOT, BEG = (50357 + m, 50358 + m, 50361 + m, 50362 + m, 50363 + m)

    # --- vocabulary: the 256 bytes, then the script's words -----------------------------------------
    items = re.findall(r"<\|\d+\.\d\d\|>|\{band\}|[^\s<{]+", script)
    vocab = [bytes([i]) for i in range(256)]
    ids, band_ids = [], []
    for it in items:
        if it.startswith("<|"):
            ids.append(BEG + round(float(it[2:-2]) / 0.02))
        elif it == "{band}":
            for b in BANDS:
                band_ids.append(len(vocab)); vocab.append(b" " + b.encode())
            ids.append(None)
        else:
            ids.append(len(vocab)); vocab.append(b" " + it.encode())
    if len(set(ids)) != len(ids): sys.exit("each script item must occur once")

    # --- one residual dimension per token that is ever said or read, plus audio dimensions ------------
    dim, nxt = {}, []
    def tok(i):
        if i not in dim: dim[i] = len(dim)
        return i
    head = [SOT] if english_only else [SOT, SOT + 1 + LANGS.index(language), TRANSCRIBE]
    flat = [[t] if t is not None else band_ids for t in ids]
    for t in head + [NOT, NOSP, EOT] + [t for f in flat for t in f]: tok(t)
    for a, b in zip([[t] for t in head] + flat, [[t] for t in head[1:]] + flat + [[EOT]]):
        for x in a: nxt.append((x, b))
    words = [f for f in flat if f[0] < EOT]
    nxt.append((NOT, words[0]))                       # no_timestamps prompts start at the first word
    if loop: nxt = [(a, words[0] if [a] == words[-1] else b) for a, b in nxt]
    X = [len(dim) + i for i in range(4)]              # energy in each band, from cross-attention
    LOUD = len(dim) + 4                               # loudness, from cross-attention
    if LOUD >= D: sys.exit("script too long: %d of %d dimensions" % (LOUD + 1, D))

    # --- tensors --------------------------------------------------------------------------------------
    T = {}
    def vec(name, n, fill=0.0): T[name] = ((n,), F32, [fill] * n); return T[name][2]
    def mat(name, rows, cols): w = Mat(rows, cols); T[name] = ((cols, rows), F16, w); return w
    def ln(name): vec(name + ".weight", D, 1.0); vec(name + ".bias", D)
    def block(p, attn):
        for a in attn:
            ln(p + a + "_ln")
            for x in ("query", "key", "value", "out"): mat(p + a + "." + x + ".weight", D, D)
            for x in ("query", "value", "out"): vec(p + a + "." + x + ".bias", D)
        ln(p + "mlp_ln")
        mat(p + "mlp.0.weight", 4 * D, D); vec(p + "mlp.0.bias", 4 * D)
        mat(p + "mlp.2.weight", D, 4 * D); vec(p + "mlp.2.bias", D)

    # encoder: conv1 rectifies 20 groups of 4 mel bins, conv2 sums 5 groups into each of 4 bands
    c1, c2 = [0.0] * (D * N_MELS * 3), [0.0] * (D * D * 3)
    b1 = [0.0] * D
    for g in range(20):
        for j in range(4): c1[(g * N_MELS + 4 * g + j) * 3 + 1] = 1.0
        b1[g] = -1.2
        c2[((g // 5) * D + g) * 3 + 1] = 0.4
    T["encoder.conv1.weight"] = ((3, N_MELS, D), F16, c1); T["encoder.conv1.bias"] = ((1, D), F32, b1)
    T["encoder.conv2.weight"] = ((3, D, D), F16, c2); T["encoder.conv2.bias"] = ((1, D), F32, [0.0] * D)
    pe = [0.0] * (D * AUDIO_CTX)                      # a constant +6/-6 pair: the yardstick for layer norm
    for t in range(AUDIO_CTX): pe[t * D + 30], pe[t * D + 31] = 6.0, -6.0
    T["encoder.positional_embedding"] = ((D, AUDIO_CTX), F32, pe)
    block("encoder.blocks.0.", ("attn",)); ln("encoder.ln_post")

    # decoder
    te = bytearray(2 * D * n_vocab)                   # f16; zero for every token outside the script
    four = struct.pack("<e", 4.0)
    for t, k in list(dim.items()) + ([] if english_only else [(TRANSLATE, dim[TRANSCRIBE])]):
        te[2 * (t * D + k):2 * (t * D + k) + 2] = four
    T["decoder.token_embedding.weight"] = ((D, n_vocab), F16, bytes(te))
    T["decoder.positional_embedding"] = ((D, TEXT_CTX), F32, [0.0] * (D * TEXT_CTX))
    p = "decoder.blocks.0."
    block(p, ("attn", "cross_attn")); ln("decoder.ln")
    T[p + "cross_attn.query.bias"][2][0] = 60.0       # a constant query looks for the loudest frames
    k, v, o = (T[p + "cross_attn." + x + ".weight"][2] for x in ("key", "value", "out"))
    for b in range(4):
        k[0, b] = 1.0
        v[b, b] = 1.0; v[4, b] = 1.0
        o[X[b], b] = 0.5
    o[LOUD, 4] = 0.5
    w0, w0b, w2 = T[p + "mlp.0.weight"][2], T[p + "mlp.0.bias"][2], T[p + "mlp.2.weight"][2]
    h = 0
    for a, outs in nxt:                               # hidden unit: "current token is a" -> say its successor
        for j, out in enumerate(outs):
            w0[h, dim[a]] = 4.0; w0b[h] = -4.0
            if len(outs) > 1: w0[h, X[j]] = 8.0       # several successors: the loudest band decides
            w2[dim[out], h] = 4.0
            h += 1
    w0[h, dim[SOT]] = 4.0; w0[h, LOUD] = -24.0; w0b[h] = -5.0   # start token and not loud: no speech
    w2[dim[NOSP], h] = 12.0
    return n_vocab, vocab, T


def write(path, n_vocab, vocab, T):
    with open(path, "wb") as f:
        f.write(struct.pack("<I11i", 0x67676D6C, n_vocab, AUDIO_CTX, D, 1, 1, TEXT_CTX, D, 1, 1, N_MELS, 1))
        f.write(struct.pack("<2i", N_MELS, N_FFT)); f.write(struct.pack("<%df" % (N_MELS * N_FFT), *mel_filters()))
        f.write(struct.pack("<i", len(vocab)))
        for w in vocab: f.write(struct.pack("<I", len(w)) + w)
        for name, (ne, ty, data) in T.items():
            f.write(struct.pack("<3i", len(ne), len(name), ty) + struct.pack("<%di" % len(ne), *ne) + name.encode())
            if isinstance(data, Mat): data = data.v
            f.write(data if isinstance(data, bytes) else struct.pack("<%d%s" % (len(data), "fe"[ty]), *data))


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("out"); ap.add_argument("--script", default=DEFAULT); ap.add_argument("--language", default="en")
    ap.add_argument("--english-only", action="store_true"); ap.add_argument("--loop", action="store_true")
    a = ap.parse_args()
    write(a.out, *build(a.script, a.language, a.english_only, a.loop))

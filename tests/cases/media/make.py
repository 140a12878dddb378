#!/usr/bin/env python3
# Makes the samples of this folder anew, with ffmpeg and cwebp of Debian 12:
#	cd tests/cases/media && ./make.py
# Every place of each format that can hold words says CANARY; the tests look
# for it after cleaning. What the tools do not write is put in by hand here.
import json, os, struct, subprocess, zlib
from pathlib import Path

C = b'CANARY-prompt'
GRAPH = json.dumps({'prompt': 'CANARY-prompt', 'workflow': {'a': ['CANARY']}})

def ff(out, *args):
    subprocess.run(['ffmpeg', '-y', '-v', 'error', '-bitexact', *args, out],
                   check=True)
    return Path(out).read_bytes()

def save(name, data):
    assert len(data) < 20000, (name, len(data))
    Path(name).write_bytes(data)

PICTURE = ['-f', 'lavfi', '-i', 'testsrc=s=48x32:d=0.4:r=10']
SOUND = ['-f', 'lavfi', '-i', 'sine=f=440:d=0.3:r=24000']
TAGS = ['-metadata', 'title=CANARY', '-metadata', 'comment=' + GRAPH,
        '-metadata', 'artist=CANARY', '-metadata', 'prompt=' + GRAPH]
STREAM = ['-metadata:s:0', 'title=CANARY', '-metadata:s:0',
          'handler_name=CANARY']

def tiff(orientation):
    text = GRAPH.encode() + b'\0'
    return (b'II*\0\x08\0\0\0\x02\0' +
            struct.pack('<HHIHH', 0x112, 3, 1, orientation, 0) +
            struct.pack('<HHII', 0x10f, 2, len(text), 38) +
            b'\0\0\0\0' + text)

# --- PNG ---
def chunk(kind, data):
    return (struct.pack('>I', len(data)) + kind + data +
            struct.pack('>I', zlib.crc32(kind + data)))

def png(data, orientation):
    head, rest = data[:33], data[33:-12]
    extra = (chunk(b'tEXt', b'prompt\0' + GRAPH.encode()) +
             chunk(b'zTXt', b'workflow\0\0' + zlib.compress(C)) +
             chunk(b'iTXt', b'XML:com.adobe.xmp\0\1\0\0\0' +
                   zlib.compress(C)) +
             chunk(b'eXIf', tiff(orientation)) +
             chunk(b'tIME', bytes(7)) + chunk(b'caNv', C) +
             chunk(b'comf', b'prompt\0' + GRAPH.encode()) +
             chunk(b'gAMA', b'\0\0\xb1\x8f' + C) +
             chunk(b'sPLT', b'CANARY\0\x08') +
             chunk(b'iCCP', b'CANARY\0\0' + zlib.compress(bytes(128))))
    return (head + extra + rest + chunk(b'tEXt', b'late\0' + C) +
            data[-12:])

save('picture.png', png(ff('x.png', *PICTURE, '-frames:v', '1'), 6))
save('animation.png', png(ff('x.apng', *PICTURE, '-plays', '0'), 1) + C)

# --- JPEG ---
def seg(m, data):
    return bytes([255, m]) + struct.pack('>H', len(data) + 2) + data

def jpeg(data, orientation):
    extra = (seg(0xe1, b'Exif\0\0' + tiff(orientation)) +
             seg(0xe1, b'http://ns.adobe.com/xap/1.0/\0' + C) +
             seg(0xed, b'Photoshop 3.0\0' + C) + seg(0xfe, C) +
             seg(0xe2, b'ICC_PROFILE\0\1\1' + bytes(20)) +
             seg(0xe2, b'MPF\0' + C) + seg(0xe5, C) + b'\xff' +
             seg(0xee, b'Adobe\0\x64\0\0\0\0\1' + C))
    i = data.index(b'\xff\xdb')
    return data[:i] + extra + data[i:] + C

j = ff('x.jpg', *PICTURE, '-frames:v', '1', '-pix_fmt', 'yuvj420p')
save('picture.jpg', jpeg(j, 1))
save('turned.jpg', jpeg(j, 6))

# --- WebP ---
def riff(kind, data):
    return kind + struct.pack('<I', len(data)) + data + b'\0' * (len(data) & 1)

def webp(data, w, h, orientation):
    body = data[12:]
    if body[:4] == b'VP8X':
        flags = body[8]
        body = body[18:]
    else:
        flags = 0
    head = riff(b'VP8X', struct.pack('<I', flags | 0x0c) +
                struct.pack('<I', w - 1)[:3] + struct.pack('<I', h - 1)[:3])
    body = (head + body + riff(b'EXIF', tiff(orientation)) +
            riff(b'XMP ', C) + riff(b'cAnv', C))
    return riff(b'RIFF', b'WEBP' + body) + C

for name, args, o in (('lossy', ['-q', '60'], 1),
                      ('lossless', ['-lossless'], 8)):
    subprocess.run(['cwebp', '-quiet', *args, 'x.png', '-o', 'x.webp'],
                   check=True)
    save(name + '.webp', webp(Path('x.webp').read_bytes(), 48, 32, o))
a = ff('x.webp', *PICTURE, '-c:v', 'libwebp_anim', '-loop', '0')
i = a.index(b'ANMF')
n = struct.unpack('<I', a[i + 4:i + 8])[0]
inner = a[i + 8:i + 8 + n] + riff(b'cAnv', C)
a = a[:i] + riff(b'ANMF', inner) + a[i + 8 + n + (n & 1):]
save('animation.webp', webp(a, 48, 32, 1))

# --- GIF ---
g = ff('x.gif', *PICTURE, '-loop', '0')
i = g.index(b'!\xff\x0bNETSCAPE')
def blocks(d):
    return bytes([len(d)]) + d + b'\0'
g = (g[:i] + b'!\xfe' + blocks(C) + b'!\xff\x0bXMP DataXMP' + blocks(C) +
     b'!\x01\x0c' + bytes(12) + blocks(C) + b'!\x99' + blocks(C) + g[i:] + C)
save('animation.gif', g)

# --- MP4 and its like ---
def box(kind, data):
    return struct.pack('>I', len(data) + 8) + kind + data

AV = [*PICTURE, *SOUND]
X264 = ['-c:v', 'libx264', '-preset', 'veryslow', '-crf', '40', '-pix_fmt',
        'yuv420p', '-c:a', 'aac', '-b:a', '24k', '-shortest']
FREE = box(b'free', C) + box(b'uuid', bytes(16) + C) + box(b'zzzz', C)
save('film.mp4', ff('x.mp4', *AV, *X264, *TAGS, *STREAM, '-movflags',
                    'use_metadata_tags') + FREE)
save('front.mp4', ff('x.mp4', *AV, *X264, *TAGS, *STREAM, '-movflags',
                     '+faststart'))
save('fragments.mp4', ff('x.mp4', *AV, *X264, *TAGS, *STREAM, '-movflags',
                         'frag_keyframe+empty_moov') + FREE)
save('film.mov', ff('x.mov', *AV, *X264, *TAGS, *STREAM) + FREE)
save('sound.m4a', ff('x.m4a', *SOUND, '-c:a', 'aac', '-b:a', '24k', *TAGS))

# --- WebM, Matroska ---
Path('note.txt').write_bytes(C)
MK = [*AV, '-c:v', 'libvpx', '-b:v', '40k', '-shortest', *TAGS, *STREAM]
VOID = b'\xec' + bytes([0x80 | len(C)]) + C
def ebml(data):
    # a Void in the header: its size is one byte at 4
    n = data[4] & 0x7f
    return (data[:4] + bytes([0x80 | (n + len(VOID))]) + data[5:5 + n] +
            VOID + data[5 + n:])
save('opus.webm', ff('x.webm', *MK, '-c:a', 'libopus', '-b:a', '16k'))
save('vorbis.webm', ff('x.webm', *MK, '-c:a', 'libvorbis', '-q:a', '0'))
save('live.webm', ff('x.webm', *MK, '-an', '-live', '1'))
save('film.mkv', ff('x.mkv', *MK, '-c:a', 'libopus', '-b:a', '16k',
                    '-attach', 'note.txt', '-metadata:s:t',
                    'mimetype=text/plain'))

# --- sounds ---
w = ff('x.wav', '-f', 'lavfi', '-i', 'sine=f=440:d=0.2:r=16000',
       *TAGS, '-write_bext', '1', '-metadata', 'description=CANARY')
w = w[12:] + riff(b'id3 ', C) + riff(b'iXML', C) + riff(b'_PMX', C) + \
    riff(b'cue ', struct.pack('<I', 0)) + riff(b'smpl', bytes(36) + C)
save('sound.wav', riff(b'RIFF', b'WAVE' + w) + C)

def flac_block(kind, data):
    return bytes([kind]) + struct.pack('>I', len(data))[1:] + data
f = ff('x.flac', *SOUND, *TAGS)
f = (f[:42] + flac_block(1, C) + flac_block(2, b'CNRY' + C) +
     flac_block(6, struct.pack('>II', 3, 9) + b'image/png' +
                          struct.pack('>I', len(C)) + C +
                          struct.pack('>IIIII', 1, 1, 8, 0, len(C)) + C) +
     f[42:])
save('sound.flac', f + b'TAG' + C.ljust(125, b'\0'))

def ape(data):
    item = struct.pack('<II', len(data), 0) + b'prompt\0' + data
    def side(flags):
        return (b'APETAGEX' + struct.pack('<IIII', 2000, len(item) + 32, 1,
                                          flags) + bytes(8))
    return side(0xa0000000) + item + side(0x80000000)
m = ff('x.mp3', *SOUND, '-b:a', '32k', *TAGS)
lyr = b'LYRICSBEGININD00003CAN' + b'LYR%05d' % len(C) + C
lyr += b'%06dLYRICS200' % len(lyr)
tag = b'TAG' + C.ljust(125, b'\0')
save('sound.mp3', m + ape(C) + lyr + tag)

save('vorbis.ogg', ff('x.ogg', *SOUND, '-c:a', 'libvorbis', '-q:a', '0', *TAGS))
long = ['-metadata', 'workflow=' + 'CANARY ' * 900]
save('sound.opus', ff('x.opus', *SOUND, '-c:a', 'libopus', '-b:a', '16k',
                      *TAGS, *long))

# --- models and latents ---
scene = {'asset': {'version': '2.0', 'generator': 'CANARY', 'copyright': 'CANARY',
                   'extras': {'prompt': GRAPH}},
         'buffers': [{'byteLength': 12}], 'extras': 'CANARY',
         'bufferViews': [{'buffer': 0, 'byteLength': 12,
                          'extras': ['CANARY', 1]}],
         'extensions': {'KHR_xmp_json_ld': {'packets': ['CANARY']}}}
s = json.dumps(scene).encode()
s += b' ' * (-len(s) % 4)
body = (struct.pack('<I', len(s)) + b'JSON' + s +
        struct.pack('<I', 12) + b'BIN\0' + bytes(range(12)) +
        struct.pack('<I', 16) + b'CNRY' + C + bytes(3))
save('model.glb', b'glTF' + struct.pack('<II', 2, 12 + len(body)) + body + C)
# as the library writes it: the metadata first
h = b'{"__metadata__":' + json.dumps({'prompt': GRAPH}).encode() + \
    b',"latent_tensor":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}'
save('sample.latent', struct.pack('<Q', len(h)) + h + bytes(range(8)))

for p in Path('.').glob('x.*'):
    p.unlink()
os.unlink('note.txt')

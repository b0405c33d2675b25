/**
 * QR codes (ISO/IEC 18004) for the invite page, as the browser gets them: bytes mode, error correction level L, versions 1 to 25
 * (1,273 bytes). `qrModules(bytes)` gives rows of true (dark) and false, or `undefined` when there is too much to show.
 */
export const QR_SCRIPT = /* js */ `// Per version: code words in all, error correction words per block, blocks. Level L.
const QR_VERSIONS = [
  [26, 7, 1], [44, 10, 1], [70, 15, 1], [100, 20, 1], [134, 26, 1], [172, 18, 2], [196, 20, 2], [242, 24, 2], [292, 30, 2],
  [346, 18, 4], [404, 20, 4], [466, 24, 4], [532, 26, 4], [581, 30, 4], [655, 22, 6], [733, 24, 6], [815, 28, 6], [901, 30, 6],
  [991, 28, 7], [1085, 28, 8], [1156, 28, 8], [1258, 28, 9], [1364, 30, 9], [1474, 30, 10], [1588, 26, 12],
];

export function qrModules(bytes) {
  const version = 1 + QR_VERSIONS.findIndex(([words, check, blocks], at) => words - check * blocks >= bytes.length + (at < 9 ? 2 : 3));
  if (version === 0) return undefined;
  const words = interleaved(version, dataWords(version, bytes));
  const plans = [0, 1, 2, 3, 4, 5, 6, 7].map((mask) => drawn(version, words, mask));
  return plans.reduce((best, plan) => (penalty(plan) < penalty(best) ? plan : best));
}

function dataWords(version, bytes) {
  const [all, check, blocks] = QR_VERSIONS[version - 1];
  const room = (all - check * blocks) * 8;
  const bits = [];
  const put = (value, length) => {
    for (let at = length - 1; at >= 0; at--) bits.push((value >> at) & 1);
  };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, room - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  const words = [];
  for (let at = 0; at < bits.length; at += 8) words.push(Number.parseInt(bits.slice(at, at + 8).join(""), 2));
  for (let pad = 0xec; words.length < room / 8; pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

function interleaved(version, data) {
  const [all, check, blocks] = QR_VERSIONS[version - 1];
  const short = Math.floor(all / blocks) - check;
  const longFrom = blocks - (all % blocks);
  const parts = [];
  for (let block = 0, at = 0; block < blocks; block++) {
    const length = short + (block < longFrom ? 0 : 1);
    parts.push(data.slice(at, at + length));
    at += length;
  }
  const checks = parts.map((part) => checkWords(part, check));
  const out = [];
  for (let at = 0; at <= short; at++) for (const part of parts) if (at < part.length) out.push(part[at]);
  for (let at = 0; at < check; at++) for (const part of checks) out.push(part[at]);
  return out;
}

// Multiplication in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1.
function times(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((other >> bit) & 1) * one;
  }
  return product;
}

function checkWords(data, count) {
  const generator = new Array(count).fill(0);
  generator[count - 1] = 1;
  for (let power = 0, root = 1; power < count; power++, root = times(root, 2)) {
    for (let at = 0; at < count; at++) generator[at] = times(generator[at], root) ^ (at + 1 < count ? generator[at + 1] : 0);
  }
  const rest = new Array(count).fill(0);
  for (const word of data) {
    const factor = word ^ rest.shift();
    rest.push(0);
    generator.forEach((each, at) => { rest[at] ^= times(each, factor); });
  }
  return rest;
}

function alignmentPlaces(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const size = version * 4 + 17;
  const step = Math.ceil((size - 13) / (count * 2 - 2)) * 2;
  const places = [6];
  for (let at = 0; at < count - 1; at++) places.splice(1, 0, size - 7 - at * step);
  return places;
}

function drawn(version, words, mask) {
  const size = version * 4 + 17;
  const modules = Array.from({ length: size }, () => new Array(size).fill(undefined));
  const set = (x, y, dark) => { if (x >= 0 && y >= 0 && x < size && y < size) modules[y][x] = dark; };
  const ring = (x, y, radius, darkAt) => {
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++) set(x + dx, y + dy, darkAt(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) ring(x, y, 4, (distance) => distance !== 2 && distance !== 4);
  const places = alignmentPlaces(version);
  const last = places.length - 1;
  places.forEach((x, column) => places.forEach((y, row) => {
    const corner = (column === 0 && row === 0) || (column === 0 && row === last) || (column === last && row === 0);
    if (!corner) ring(x, y, 2, (distance) => distance !== 1);
  }));
  drawFormat(set, size, mask);
  if (version >= 7) drawVersion(set, size, version);
  drawData(modules, size, words, mask);
  return modules;
}

function drawFormat(set, size, mask) {
  const data = (1 << 3) | mask;
  let rest = data;
  for (let at = 0; at < 10; at++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  const bit = (at) => ((bits >> at) & 1) === 1;
  for (let at = 0; at <= 5; at++) set(8, at, bit(at));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let at = 9; at < 15; at++) set(14 - at, 8, bit(at));
  for (let at = 0; at < 8; at++) set(size - 1 - at, 8, bit(at));
  for (let at = 8; at < 15; at++) set(8, size - 15 + at, bit(at));
  set(8, size - 8, true);
}

function drawVersion(set, size, version) {
  let rest = version;
  for (let at = 0; at < 12; at++) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let at = 0; at < 18; at++) {
    const dark = ((bits >> at) & 1) === 1;
    const far = size - 11 + (at % 3);
    const near = Math.floor(at / 3);
    set(far, near, dark);
    set(near, far, dark);
  }
}

const QR_MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function drawData(modules, size, words, mask) {
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (modules[y][x] !== undefined) continue;
        const dark = at < words.length * 8 && ((words[at >> 3] >> (7 - (at & 7))) & 1) === 1;
        at++;
        modules[y][x] = dark !== QR_MASKS[mask](x, y);
      }
    }
  }
}

// What makes a code hard to read: long runs, blocks of four, patterns like a corner, more dark than light.
function penalty(modules) {
  const size = modules.length;
  const lines = [...modules, ...modules.map((_row, x) => modules.map((row) => row[x]))];
  let points = 0;
  for (const line of lines) {
    const text = line.map((dark) => (dark ? "1" : "0")).join("");
    for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) points += run.length - 2;
    for (const pattern of ["10111010000", "00001011101"]) {
      for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) points += 40;
    }
  }
  for (let y = 0; y + 1 < size; y++) {
    for (let x = 0; x + 1 < size; x++) {
      const dark = modules[y][x];
      if (dark === modules[y][x + 1] && dark === modules[y + 1][x] && dark === modules[y + 1][x + 1]) points += 3;
    }
  }
  const share = modules.flat().filter(Boolean).length / (size * size);
  return points + Math.floor(Math.abs(share - 0.5) * 20) * 10;
}
`;

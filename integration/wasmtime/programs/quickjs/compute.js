// Numbers, strings, regular expressions, objects, generators, exceptions, typed arrays and big integers; the value of the
// last expression is what is printed.
"use strict";
const lines = [];

class Random {
  #state;
  constructor(seed) { this.#state = seed; }
  below(limit) {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) & 0x7fffffff;
    return (this.#state >> 16) % limit;
  }
}

function mandelbrot(size) {
  const row = new Uint8Array(size);
  let inside = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const cr = (2 * x) / size - 1.5, ci = (2 * y) / size - 1;
      let zr = 0, zi = 0, n = 0;
      while (n < 50 && zr * zr + zi * zi < 4) {
        [zr, zi] = [zr * zr - zi * zi + cr, 2 * zr * zi + ci];
        n++;
      }
      row[x] = n === 50 ? 1 : 0;
      inside += row[x];
    }
  }
  return inside;
}

function* permutations(items) {
  if (items.length < 2) { yield items; return; }
  for (let i = 0; i < items.length; i++) {
    for (const rest of permutations([...items.slice(0, i), ...items.slice(i + 1)])) yield [items[i], ...rest];
  }
}

function queens(n) {
  let found = 0;
  for (const p of permutations([...Array(n).keys()])) {
    if (new Set(p.map((c, r) => c + r)).size === n && new Set(p.map((c, r) => c - r)).size === n) found++;
  }
  return found;
}

function words(count) {
  const random = new Random(42), seen = new Map();
  for (let i = 0; i < count; i++) {
    let word = "";
    for (let j = 2 + random.below(2); j > 0; j--) word += String.fromCharCode(97 + random.below(26));
    seen.set(word, (seen.get(word) ?? 0) + 1);
  }
  const list = [...seen].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return `${list.length} ${JSON.stringify(list.slice(0, 5))}`;
}

function errors(count) {
  let caught = 0;
  for (let i = 0; i < count; i++) {
    try {
      if (i % 3 === 0) null.field;
      throw new RangeError(String(i));
    } catch (error) {
      caught += error instanceof TypeError ? 1 : error.message.length;
    }
  }
  return caught;
}

let factorial = 1n;
for (let i = 1n; i <= 200n; i++) factorial *= i;

lines.push(`mandelbrot ${mandelbrot(120)}`);
lines.push(`queens ${queens(6)}`);
lines.push(`words ${words(30000)}`);
lines.push(`errors ${errors(20000)}`);
lines.push(`factorial ${String(factorial).length} digits, ${String(factorial).slice(0, 20)}`);
lines.push(`text ${"The quick brown fox ".repeat(500).replace(/(\w+) (\w+)/g, "$2 $1").match(/[aeiou]+/g).length}`);
lines.push(`sum ${new Float64Array(50000).map((_, i) => Math.sin(i) ** 2).reduce((a, b) => a + b).toFixed(6)}`);
lines.join("\n");

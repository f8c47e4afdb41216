/*
 * A checksum that tells torn or stale data, at some gigabytes a second. It
 * guards against accidents, not against an attacker.
 */
const PRIME = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;

function turn(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** Of whole words; `bytes` begins at a multiple of 4 in its buffer. Never 0. */
export function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  // Four sums, so that one multiplication need not wait for the other.
  let [a, b, c, d]: [number, number, number, number] = [...PRIME];
  const even = words.length & ~3;
  for (let i = 0; i < even; i += 4) {
    a = Math.imul(turn(a ^ words[i]!, 13), PRIME[0]);
    b = Math.imul(turn(b ^ words[i + 1]!, 13), PRIME[0]);
    c = Math.imul(turn(c ^ words[i + 2]!, 13), PRIME[0]);
    d = Math.imul(turn(d ^ words[i + 3]!, 13), PRIME[0]);
  }
  let sum = turn(a, 1) ^ turn(b, 7) ^ turn(c, 12) ^ turn(d, 18) ^ words.length;
  for (let i = even; i < words.length; i++) sum = Math.imul(turn(sum ^ words[i]!, 17), PRIME[3]);
  sum = Math.imul(sum ^ (sum >>> 15), PRIME[1]);
  sum = Math.imul(sum ^ (sum >>> 13), PRIME[2]);
  return (sum ^ (sum >>> 16)) >>> 0 || 1;
}

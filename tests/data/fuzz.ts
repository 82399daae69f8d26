/**
 * Damages the fixtures in seeded ways and reads them: every file gives rows or a FormatError that
 * names it, soon. For more files than the test reads, or another seed:
 *
 *     deno run -A tests/data/fuzz.ts 100000 [seed]
 */
import { type Random, random } from "../../src/data/random.ts";
import { readRows } from "../../src/data/rows.ts";
import { FormatError } from "../../src/errors.ts";

const folder = decodeURIComponent(new URL("./fixtures/", import.meta.url).pathname);

/** What reading the damaged files came to. */
export interface FuzzResult {
  readonly readable: number;
  readonly refused: number;
  /** Faults that are no FormatError, and files that took too long. */
  readonly failures: readonly string[];
}

/** Bytes cut off, taken out, doubled or overwritten; more often so near the end, where footers are. */
function damage(original: Uint8Array, rng: Random): Uint8Array {
  const length = original.length;
  const at = rng.below(length);
  const count = 1 + rng.below(64);
  const before = original.subarray(0, at);
  switch (rng.below(10)) {
    case 0:
      return before.slice();
    case 1:
      return join(before, original.subarray(at + count));
    case 2:
      return join(before, original.subarray(at, at + count), original.subarray(at));
  }
  const bytes = original.slice();
  for (let times = 1 + rng.below(4); times > 0; times--) {
    const from = rng.below(2) === 0 ? 0 : Math.floor(length * 0.7);
    const place = from + rng.below(length - from);
    const values = [rng.below(256), 0xff, bytes[place] ^ (1 << rng.below(8)), 0x7f];
    bytes[place] = values[rng.below(4)];
    if (rng.below(5) === 0) bytes.fill(0xff, place, place + 5);
  }
  return bytes;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Reads `count` damaged files, the same for the same seed. */
export async function fuzz(
  { count, seed, maxMs }: { count: number; seed: number; maxMs: number },
): Promise<FuzzResult> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
    .filter((name) => /\.(parquet|arrow|json)$/.test(name));
  const originals = names.map((name) => ({ name, bytes: Deno.readFileSync(folder + name) }));
  const text = new TextDecoder().decode(Deno.readFileSync(`${folder}rows.json`));
  const lines = (JSON.parse(text) as unknown[]).map((row) => JSON.stringify(row)).join("\n");
  originals.push({ name: "rows.jsonl", bytes: new TextEncoder().encode(lines) });
  const path = await Deno.makeTempFile();
  const failures: string[] = [];
  let readable = 0, refused = 0;
  try {
    for (let i = 0; i < count; i++) {
      const rng = random(seed, "fuzz", i);
      const { name, bytes } = originals[rng.below(originals.length)];
      await Deno.writeFile(path, damage(bytes, rng));
      const started = performance.now();
      try {
        await Array.fromAsync(readRows(path));
        readable++;
      } catch (error) {
        refused++;
        if (!(error instanceof FormatError) || error.file !== path) {
          failures.push(`${name}, file ${i}: ${error}`);
        }
      }
      const ms = performance.now() - started;
      if (ms > maxMs) failures.push(`${name}, file ${i}: took ${ms.toFixed(0)} ms`);
    }
  } finally {
    await Deno.remove(path);
  }
  return { readable, refused, failures };
}

if (import.meta.main) {
  const [count = 100_000, seed = 1] = Deno.args.map(Number);
  const started = performance.now();
  const { readable, refused, failures } = await fuzz({ count, seed, maxMs: 2000 });
  for (const failure of failures) console.log(failure);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const megabytes = (Deno.memoryUsage().rss / 1e6).toFixed(0);
  console.log(
    `${readable} readable, ${refused} refused, ${failures.length} failures; ${seconds} s, ${megabytes} MB`,
  );
  Deno.exitCode = failures.length > 0 ? 1 : 0;
}

import { assert, assertEquals } from "@std/assert";
import { MemoryPool, roundUpAllocation, type Storage } from "../../src/device/pool.ts";
import { TEXEL_ROW_BYTES, type TexelTexture } from "../../src/device/texels.ts";
import { random } from "../../src/data/random.ts";

/** A pool over a backend that only keeps books. */
function bookkeeping() {
  const log: string[] = [];
  const alive = new Map<string, number>();
  const create = (bytes: number, label: string) => {
    assert(!alive.has(label), `two resources are called ${label}`);
    alive.set(label, bytes);
    log.push(`create ${label}`);
    const destroy = () => {
      assert(alive.delete(label), `${label} is destroyed twice`);
      log.push(`destroy ${label}`);
    };
    return { label, destroy };
  };
  const pool = new MemoryPool({
    create: {
      buffer: (bytes, label) => create(bytes, label) as unknown as GPUBuffer,
      texture: (bytes, label) => create(bytes, label) as unknown as TexelTexture,
    },
    flush: () => log.push("flush"),
  });
  const aliveBytes = () => [...alive.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { pool, log, aliveBytes };
}

Deno.test("roundUpAllocation: enough, on the 256-byte grid, at most 6.25 % more above 4 KiB", () => {
  assertEquals([1, 256, 257, 4096].map(roundUpAllocation), [256, 256, 512, 4096]);
  assertEquals(roundUpAllocation(4097), 4352);
  assertEquals(roundUpAllocation(2 ** 20 + 1), 17 * 2 ** 16);
  const sizes = new Set<number>();
  for (let bytes = 4097; bytes <= 2 ** 20; bytes += 61) {
    const capacity = roundUpAllocation(bytes);
    assert(capacity >= bytes && capacity % 256 === 0 && capacity <= bytes * 1.0625, `${bytes}`);
    sizes.add(capacity);
  }
  assertEquals(sizes.size, 8 * 16);
  for (let rows = 1; rows <= 8192; rows++) {
    assertEquals(roundUpAllocation(rows * TEXEL_ROW_BYTES) % TEXEL_ROW_BYTES, 0);
  }
});

Deno.test("pool: a buffer given back is lent again to the next of its size", () => {
  const { pool, log } = bookkeeping();
  const a = pool.acquire("buffer", 1000, "a");
  pool.release(a);
  const b = pool.acquire("buffer", 900, "b");
  assertEquals(b.gpu, a.gpu);
  assertEquals([a.released, b.released], [true, false]);
  assertEquals(log, ["create a"]);
});

Deno.test("pool: giving back twice, even after the buffer was lent again, changes nothing", () => {
  const { pool } = bookkeeping();
  const a = pool.acquire("buffer", 256, "a");
  pool.release(a);
  pool.release(a);
  assertEquals([pool.liveBytes, pool.heldBytes], [0, 256]);
  const b = pool.acquire("buffer", 256, "b");
  pool.release(a);
  assertEquals([pool.liveBytes, b.released], [256, false]);
  assert(pool.acquire("buffer", 256, "c").gpu !== b.gpu, "one buffer has two owners");
});

Deno.test("pool: before growing past the high-water mark it destroys what was free the longest", () => {
  const { pool, log } = bookkeeping();
  const [a, b, c] = ["a", "b", "c"].map((label) => pool.acquire("buffer", 256, label));
  pool.release(b);
  pool.release(a);
  pool.release(c);
  log.length = 0;
  pool.acquire("buffer", 512, "d");
  assertEquals(log, ["flush", "destroy b", "destroy a", "create d"]);
  assertEquals([pool.liveBytes, pool.heldBytes, pool.peakBytes], [512, 768, 768]);
});

Deno.test("pool: textures are lent and counted like buffers, but never in place of one", () => {
  const { pool, log } = bookkeeping();
  pool.release(pool.acquire("buffer", 16384, "a"));
  const b = pool.acquire("texture", 16384, "b");
  assertEquals([pool.liveBytes, pool.heldBytes, pool.peakBytes], [16384, 16384, 16384]);
  assertEquals(log, ["create a", "flush", "destroy a", "create b"]);
  pool.release(b);
  assertEquals(pool.acquire("texture", 16384, "c").gpu, b.gpu);
});

Deno.test("pool: hundreds of varying allocations never hold more than was ever lent at once", () => {
  const { pool, log, aliveBytes } = bookkeeping();
  const rng = random(1);
  const lent: Storage[] = [];
  let most = 0;
  for (let i = 0; i < 2000; i++) {
    if (lent.length > 0 && rng.float() < 0.5) {
      pool.release(lent.splice(rng.below(lent.length), 1)[0]);
    } else {
      const bytes = 1 + rng.below(2 ** (8 + rng.below(12)));
      const storage = pool.acquire("buffer", bytes, `${i}`);
      assert(storage.capacity >= bytes);
      lent.push(storage);
    }
    const live = lent.reduce((sum, { capacity }) => sum + capacity, 0);
    most = Math.max(most, live);
    assertEquals([pool.liveBytes, pool.peakBytes], [live, most]);
    assertEquals(pool.heldBytes, aliveBytes());
    assert(
      pool.heldBytes <= most,
      `step ${i} holds ${pool.heldBytes}, ${most} were in use at most`,
    );
  }
  assertEquals(new Set(lent.map(({ gpu }) => gpu)).size, lent.length, "one buffer has two owners");
  const created = log.filter((line) => line.startsWith("create")).length;
  assert(created < 2000, "no buffer was ever lent again");
});

Deno.test("pool: what is recorded is submitted before a buffer is destroyed", () => {
  const { pool, log } = bookkeeping();
  const a = pool.acquire("buffer", 256, "a");
  pool.acquire("buffer", 512, "b");
  pool.release(a);
  pool.clear();
  assertEquals(log, ["create a", "create b", "flush", "destroy a"]);
});

Deno.test("pool: resetPeak keeps what is lent, gives back the rest, and measures anew", () => {
  const { pool, aliveBytes } = bookkeeping();
  const a = pool.acquire("buffer", 256, "a");
  pool.release(pool.acquire("buffer", 1024, "b"));
  pool.resetPeak();
  assertEquals([pool.liveBytes, pool.heldBytes, pool.peakBytes, aliveBytes()], [
    256,
    256,
    256,
    256,
  ]);
  pool.release(a);
  pool.clear();
  assertEquals([pool.heldBytes, pool.peakBytes, aliveBytes()], [0, 256, 0]);
});

/** Attention of sequences that share their first rows, by products and by the kernels of CPU adapters. */
import { attention } from "../../src/ops/attention.ts";
import { attentionTiles } from "../../src/ops/attention_subgroup.ts";
import { rowUses } from "../../src/ops/rows.ts";
import * as reference from "../reference.ts";
import { sharedRows } from "./attention_rows.ts";
import { checkOp } from "./harness.ts";

const CASES: {
  prefix: number;
  own: readonly number[];
  heads: number;
  kvHeads: number;
  window?: number;
}[] = [
  { prefix: 5, own: [3, 2], heads: 1, kvHeads: 1 },
  { prefix: 8, own: [1, 9, 4], heads: 2, kvHeads: 1 },
  { prefix: 6, own: [2, 5], heads: 2, kvHeads: 2 },
  { prefix: 13, own: [2, 7], heads: 1, kvHeads: 1, window: 6 },
];

for (const { prefix, own, heads, kvHeads, window = null } of CASES) {
  // The kernels of CPU adapters are for heads of 32.
  for (const headSize of [4, 32]) {
    const what = `${own.length} sequences share ${prefix} rows, ${heads} heads of ${headSize}`;
    const seen = window === null ? "" : `, a window of ${window}`;
    Deno.test(`attention: ${what} over ${kvHeads}${seen}, and gradients`, () => {
      const { rows, attention: shown, keyRows, seen } = sharedRows(prefix, own, window);
      return checkOp({
        inputs: {
          q: [rows, heads, headSize],
          k: [rows, kvHeads, headSize],
          v: [rows, kvHeads, headSize],
        },
        run(tape, { q, k, v }, scope) {
          const tiles = attentionTiles(scope, shown.spans);
          return attention(tape, q, k, v, {
            ...shown,
            tiles,
            keys: rowUses(scope, keyRows, rows),
          });
        },
        reference({ q, k, v }) {
          const width = kvHeads * headSize;
          const [keys, values] = [k, v].map((x) => reference.gatherRows(x, keyRows, width));
          return reference.attention(q, keys, values, { heads, kvHeads, headSize, ...seen });
        },
      });
    });
  }
}

/**
 * Token embedding.
 * @module
 */
import source from "../../kernels/embedding.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { Kernel } from "../device/kernel.ts";
import type { Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";
import { type DenseWeight, DTYPE_CODES } from "./weight.ts";

const kernel = new Kernel("embedding", source);

/**
 * Looks up the rows of `table` [V, C] for `tokens` [N]: f32 [N, C].
 * Throws {@linkcode ShapeError} for a token outside the table.
 */
export function embedding(tape: Tape, table: DenseWeight, tokens: Uint32Array): Tensor {
  const outside = tokens.find((token) => token >= table.rows);
  if (outside !== undefined) {
    throw new ShapeError(
      `Cannot embed token ${outside}: ${table.name} has ${table.rows} rows; use the model's tokenizer`,
    );
  }
  const { device } = tape;
  const rows = tokens.length, width = table.columns;
  const ids = tape.scope.upload(tokens, [rows], { label: "tokens" });
  const y = tape.output([rows, width], "embedding");
  const constants = { FORMAT: DTYPE_CODES[table.dtype] };
  for (const { values, rowBegin: row_begin, rowCount: row_count } of table.parts) {
    const args = { tokens: ids, table: values, y, rows, width, row_begin, row_count };
    device.run(kernel, "forward", args, { threads: rows * width, constants });
  }
  tape.record(y, table.parts.map((part) => part.values), (dy) => {
    using scope = device.scope("embedding backward");
    const index = groupByToken(tokens);
    const distinct = scope.upload(index.distinct);
    const offsets = scope.upload(index.offsets);
    const occurrences = scope.upload(index.occurrences);
    for (const { values, rowBegin: row_begin, rowCount: row_count } of table.parts) {
      const target = tape.gradientTarget(values);
      if (!target) continue;
      if (!target.accumulate) device.clear(target.tensor);
      const sizes = { rows: index.distinct.length, width, row_begin, row_count };
      device.run(
        kernel,
        "backward",
        { distinct, offsets, occurrences, dy, d_table: target.tensor, ...sizes },
        { threads: sizes.rows * width },
      );
    }
  });
  return y;
}

/** The distinct tokens, and the rows of each: `occurrences[offsets[i] .. offsets[i + 1]]`. */
function groupByToken(tokens: Uint32Array) {
  const occurrences = Uint32Array.from(tokens.keys()).sort((a, b) =>
    tokens[a] - tokens[b] || a - b
  );
  const distinct: number[] = [];
  const offsets: number[] = [];
  occurrences.forEach((row, i) => {
    if (tokens[row] === distinct.at(-1)) return;
    distinct.push(tokens[row]);
    offsets.push(i);
  });
  offsets.push(tokens.length);
  return { distinct: Uint32Array.from(distinct), offsets: Uint32Array.from(offsets), occurrences };
}

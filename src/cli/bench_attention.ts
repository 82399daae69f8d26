/**
 * Trials of attention.
 * @module
 */
import { KernelError } from "../errors.ts";
import type { Scope } from "../device/tensor.ts";
import { attention, type AttentionSpan } from "../ops/attention.ts";
import { attentionDecode, decodingRows } from "../ops/attention_decode.ts";
import { attentionTiles } from "../ops/attention_subgroup.ts";
import {
  type BackwardValues,
  checkMatrix,
  type KernelTrial,
  noiseTensor,
  operationTrials,
  type TrialSizes,
} from "./bench_trials.ts";

/** Query heads that share a key head, as in Mistral-7B. */
const SHARE = 4;

const SHORT_TOKENS = 64;
const DECODED_SEQUENCES = 4;

interface Sizes {
  readonly sequences: number;
  readonly tokens: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

/** Operands of sequences end to end: q [N, H, D], k and v [N, G, D]. */
interface Operands extends Sizes {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

/** A long sequence with Mistral's heads of 128, and many short ones with heads of 32. */
export function attentionTrials(scope: Scope, { rows, width, seed }: TrialSizes): KernelTrial[] {
  const kvHeads = Math.max(1, Math.floor(width / 2048));
  const long = { sequences: 1, tokens: 2 * rows, kvHeads, headSize: 128 };
  const sequences = Math.ceil(rows / 4);
  const short = { sequences, tokens: SHORT_TOKENS, kvHeads, headSize: 32 };
  return [long, short].flatMap((sizes) => causalTrials(scope, sizes, seed));
}

function causalTrials(scope: Scope, sizes: Sizes, seed: number): KernelTrial[] {
  const { sequences, tokens, kvHeads, headSize } = sizes;
  const heads = kvHeads * SHARE, rows = sequences * tokens;
  const q = noiseTensor(scope, [rows, heads, headSize], seed);
  const k = noiseTensor(scope, [rows, kvHeads, headSize], seed + 1);
  const v = noiseTensor(scope, [rows, kvHeads, headSize], seed + 2);
  const spans = Array.from({ length: sequences }, (_, i): AttentionSpan => {
    const begin = i * tokens;
    return { queryBegin: begin, queryCount: tokens, keyBegin: begin, keyCount: tokens };
  });
  const seen = { spans, slidingWindow: null, tiles: attentionTiles(scope, spans) };
  const operands: Operands = { ...sizes, q: q.host, k: k.host, v: v.host };
  // A row and head weighs the keys up to its own: a product with each key and one with its value.
  const flops = 4 * headSize * heads * sequences * tokens * (tokens + 1) / 2;
  const many = sequences > 1 ? `${sequences} × ` : "";
  return operationTrials(scope, {
    name: `attention, ${many}${tokens} tokens, ${heads} heads of ${headSize}`,
    apply: (tape) => attention(tape, q.tensor, k.tensor, v.tensor, seen),
    forward: {
      work: { flops },
      check: (name, o) =>
        checkMatrix(name, o, heads * headSize, (row, column) => attended(operands, row, column)),
    },
    backward: {
      // Four products where forward has two; what is computed again does not count.
      work: { flops: 2 * flops },
      inputs: [q.tensor, k.tensor, v.tensor],
      check: (name, values) => checkGradients(name, operands, values),
    },
  }, seed + 3);
}

/** What a row and head does: the softmax weights of the keys that it sees, and where key j begins. */
function look(
  { tokens, kvHeads, headSize, q, k }: Operands,
  row: number,
  head: number,
  queryRow = row,
) {
  const first = row - row % tokens, group = Math.floor(head / SHARE);
  const query = (queryRow * kvHeads * SHARE + head) * headSize;
  const at = (j: number) => ((first + j) * kvHeads + group) * headSize;
  const powers = Array.from({ length: row - first + 1 }, (_, j) => {
    let score = 0;
    for (let d = 0; d < headSize; d++) score += q[query + d] * k[at(j) + d];
    return Math.exp(score / Math.sqrt(headSize)); // of values in [-1, 1), so nothing overflows
  });
  const total = powers.reduce((sum, power) => sum + power, 0);
  return { weights: powers.map((power) => power / total), query, at };
}

/** An element of the result, for a query that may stand in another row than its key. */
function attended(operands: Operands, row: number, column: number, queryRow = row): number {
  const { headSize, v } = operands;
  const { weights, at } = look(operands, row, Math.floor(column / headSize), queryRow);
  return weights.reduce((sum, p, j) => sum + p * v[at(j) + column % headSize], 0);
}

/**
 * Compares dq with plain loops. A key's gradients come from all rows after it, so dk and dv are
 * compared as a whole: for each key head dv · v = dO · o and dk · k = dq · q, for both sides sum the
 * same products of weights (or of their gradients) with values (or scores).
 */
function checkGradients(
  name: string,
  operands: Operands,
  { result: o, dy, gradients: [dq, dk, dv] }: BackwardValues,
): void {
  const { kvHeads, headSize, q, k, v } = operands;
  checkMatrix(`${name} (dq)`, dq, kvHeads * SHARE * headSize, (row, column) => {
    const { weights, query, at } = look(operands, row, Math.floor(column / headSize));
    const dWeights = weights.map((_, j) => {
      let sum = 0;
      for (let d = 0; d < headSize; d++) sum += dy[query + d] * v[at(j) + d];
      return sum;
    });
    const mean = weights.reduce((sum, p, j) => sum + p * dWeights[j], 0);
    const d = column % headSize;
    const sum = weights.reduce((sum, p, j) => sum + p * (dWeights[j] - mean) * k[at(j) + d], 0);
    return sum / Math.sqrt(headSize);
  });
  const checkSums = (what: string, keys: Float32Array[], queries: Float32Array[]) => {
    const actual = sumsOfHeads(keys, headSize, kvHeads);
    const expected = sumsOfHeads(queries, SHARE * headSize, kvHeads);
    expected.forEach(({ sum, norm }, group) => {
      if (Math.abs(actual[group].sum - sum) <= 1e-4 * norm) return; // never for NaN
      throw new KernelError(
        `${name} is wrong: ${what} of key head ${group} sums to ${actual[group].sum}, not ${sum}`,
        { kernel: name },
      );
    });
  };
  checkSums("dv · v", [dv, v], [dy, o]);
  checkSums("dk · k", [dk, k], [dq, q]);
}

/** The sum of products for each of `heads` heads [N, heads, size], and the root of their squares. */
function sumsOfHeads([a, b]: readonly Float32Array[], size: number, heads: number) {
  const sums = Array.from({ length: heads }, () => ({ sum: 0, squares: 0 }));
  for (let i = 0; i < a.length; i++) {
    const head = sums[Math.floor(i / size) % heads];
    head.sum += a[i] * b[i];
    head.squares += (a[i] * b[i]) ** 2;
  }
  return sums.map(({ sum, squares }) => ({ sum, norm: Math.sqrt(squares) }));
}

/** One new row each of a few sequences over cached keys and values. */
export function decodingTrials(scope: Scope, { rows, width, seed }: TrialSizes): KernelTrial[] {
  const kvHeads = Math.max(1, Math.floor(width / 512)), headSize = 128;
  const heads = kvHeads * SHARE, cached = 2 * rows;
  const q = noiseTensor(scope, [DECODED_SEQUENCES, heads, headSize], seed);
  const keyShape = [DECODED_SEQUENCES * cached, kvHeads, headSize];
  const k = noiseTensor(scope, keyShape, seed + 1);
  const v = noiseTensor(scope, keyShape, seed + 2);
  const spans = Array.from({ length: DECODED_SEQUENCES }, (_, i) => {
    return { keyBegin: i * cached, keyCount: cached };
  });
  const decoding = decodingRows(scope, spans, null);
  const sizes = { sequences: DECODED_SEQUENCES, tokens: cached, kvHeads, headSize };
  const operands: Operands = { ...sizes, q: q.host, k: k.host, v: v.host };
  return operationTrials(scope, {
    name: `attention of decoding, ${DECODED_SEQUENCES} × ${cached} cached tokens`,
    apply: (tape) => attentionDecode(tape, { q: q.tensor, k: k.tensor, v: v.tensor }, decoding),
    forward: {
      work: { bytes: k.tensor.byteLength + v.tensor.byteLength },
      check: (name, o) =>
        checkMatrix(
          name,
          o,
          heads * headSize,
          (sequence, column) => attended(operands, (sequence + 1) * cached - 1, column, sequence),
        ),
    },
  }, seed);
}

/**
 * Passes made of blocks, of which little is kept for the backward pass.
 * @module
 */
import type { Tensor } from "../device/tensor.ts";
import { accumulateInto } from "./elementwise.ts";
import { keep, type Kept } from "./keep.ts";
import { copyRows, rowRanges, writeRows } from "./row_ranges.ts";
import type { Block, Tape } from "./tape.ts";

/**
 * Runs blocks one after another. With the tape's checkpointing, all but the last keep only their
 * inputs, the first `x` itself, the others what `keepAs` makes of them, and the backward pass runs
 * them once more. The last block keeps its values, for the backward pass wants them first and would
 * have to make them again at once; only what it computes {@linkcode byRows} is still made again. So
 * of N blocks N − 1 run twice. Where a loss that follows needs more memory than the last block's
 * backward pass, the peak is higher by the difference at most than if that block ran twice as well.
 * Blocks must be repeatable. Throws ShapeError if one that keeps only its input returns it.
 */
export function chain(tape: Tape, x: Tensor, blocks: readonly Block[]): Tensor {
  const { recording, options } = tape;
  const whole = !recording ? 0 : options.checkpointing ? 1 : blocks.length;
  const split = Math.max(0, blocks.length - whole);
  const y = chainOfInputs(tape, x, blocks.slice(0, split));
  return blocks.slice(split).reduce((x, block) => block(x), y);
}

/** Blocks of which only the inputs are kept, and these only if the tape records. */
function chainOfInputs(tape: Tape, x: Tensor, blocks: readonly Block[]): Tensor {
  if (blocks.length === 0) return x;
  const { keepAs } = tape.options;
  const kept: Kept[] = [];
  let y = x;
  for (const [index, block] of blocks.entries()) {
    const input = y;
    y = tape.runOnce(block, input);
    if (index === 0) continue;
    if (tape.recording) kept.push(keep(tape.scope, input, keepAs));
    else tape.scope.release(input);
  }
  tape.recordBlock(y, (dy) => backwardThroughChain(tape, x, { blocks, kept, dy }));
  return y;
}

function backwardThroughChain(
  tape: Tape,
  x: Tensor,
  { blocks, kept, dy }: { blocks: readonly Block[]; kept: readonly Kept[]; dy: Tensor },
): void {
  let gradient: Tensor | null = dy;
  for (let index = blocks.length - 1; index >= 0 && gradient; index--) {
    const above: Tensor = gradient;
    if (index === 0) {
      tape.runAgain(blocks[0], x, above);
    } else {
      using scope = tape.device.scope("block input");
      const input = kept[index - 1].restore(scope);
      gradient = tape.runAgainFor(blocks[index], input, above);
      kept[index - 1].release();
    }
    // The gradient that came from outside is not ours to give back.
    if (above !== dy) tape.scope.release(above);
  }
}

/**
 * Runs a block whose rows do not depend on each other on at most `maxRows` rows of `x` [N, C] at a
 * time, so that what it computes on the way exists for these rows alone (without checkpointing, on
 * all at once). The block must be repeatable and keep the shape; what `byRows` returns must be the
 * result of the block around it. Throws ShapeError if the block returns its input.
 */
export function byRows(tape: Tape, x: Tensor, maxRows: number, block: Block): Tensor {
  if (x.shape[0] <= maxRows || keepsAll(tape)) return block(x);
  const { device, firstRow } = tape;
  const ranges = rowRanges(x, maxRows);
  const y = tape.output(x.shape, x.label);
  if (!tape.skipsResult(y)) {
    for (const range of ranges) {
      using scope = device.scope(x.label);
      const rows = copyRows(scope, x, range);
      const result = tape.atRow(firstRow + range.begin, () => tape.runOnce(block, rows));
      writeRows(device, y, range, result);
      tape.scope.release(result);
    }
  }
  tape.recordBlock(y, (dy) => {
    const target = tape.gradientTarget(x);
    for (const range of ranges) {
      using scope = device.scope(x.label);
      const rows = copyRows(scope, x, range), dRows = copyRows(scope, dy, range);
      tape.atRow(firstRow + range.begin, () => {
        if (!target) return tape.runAgain(block, rows, dRows);
        const dx = tape.runAgainFor(block, rows, dRows);
        if (!dx) return;
        if (target.accumulate) accumulateInto(device, dx, copyRows(scope, target.tensor, range));
        writeRows(device, target.tensor, range, dx);
        tape.scope.release(dx);
      });
    }
  });
  return y;
}

function keepsAll(tape: Tape): boolean {
  return tape.recording && !tape.options.checkpointing;
}

import { assert } from "@std/assert";
import { targetLosses } from "../../src/model/loss.ts";
import type { Linear } from "../../src/ops/linear.ts";
import { Tape } from "../../src/ops/tape.ts";
import { assertClose, seededValues, TOLERANCE } from "../ops/harness.ts";
import { leavesNothing } from "./support.ts";

Deno.test("targets in several stretches: losses and gradients as of all at once", () =>
  leavesNothing(async (device) => {
    // A row of logits takes 0.5 MiB, so that 32 MiB hold 64 of the 200.
    const vocabulary = 2 ** 17, rows = 220;
    const table = seededValues(vocabulary, 1), states = seededValues(rows, 2);
    const targetRows = Uint32Array.from({ length: 200 }, (_, i) => i + Math.floor(i / 10));
    const targetIds = targetRows.map((row) => (row * 99991 + 5) % vocabulary);

    using scope = device.scope("test");
    const output: Linear = {
      lora: null,
      weight: {
        kind: "dense",
        name: "lm_head.weight",
        rows: vocabulary,
        columns: 1,
        dtype: "f32",
        parts: [{
          rowBegin: 0,
          rowCount: vocabulary,
          values: scope.upload(table, [vocabulary, 1]),
        }],
      },
    };
    const hidden = scope.upload(states, [rows, 1]);
    const gradient = scope.zeros([rows, 1]);
    const parameter = { name: "hidden", tensor: hidden, gradient, decay: false };
    const tape = new Tape(scope, [parameter]);
    device.resetPeak();
    const live = device.liveBytes;
    const losses = targetLosses(tape, hidden, output, { targetRows, targetIds });
    tape.backward(losses, 0.5);

    const expectedLosses: number[] = [], expectedGradient = new Float64Array(rows);
    targetRows.forEach((row, i) => {
      let total = 0, weighted = 0;
      for (const value of table) {
        const power = Math.exp(states[row] * value);
        total += power;
        weighted += power * value;
      }
      const own = table[targetIds[i]];
      expectedLosses.push(Math.log(total) - states[row] * own);
      expectedGradient[row] = 0.5 * (weighted / total - own);
    });
    assertClose("losses", await device.readF32(losses), expectedLosses, TOLERANCE.forward);
    assertClose("d hidden", await device.readF32(gradient), expectedGradient, TOLERANCE.gradient);
    // One stretch's logits, their gradient, the same packed for a product, and panels of the table;
    // of all rows together it is 332 MiB.
    const peak = device.peakBytes - live;
    assert(peak < 144 * 2 ** 20, `the peak is ${peak}`);
  }));

import { assertEquals, assertRejects } from "@std/assert";
import { workPerToken } from "../../src/cli/bench_step.ts";
import { checkStep } from "../../src/cli/bench_step_check.ts";
import { KernelError } from "../../src/errors.ts";
import type { StepResult } from "../../src/train/step.ts";

const weight = (rows: number, columns: number) => ({ weight: { rows, columns } });

/** The linear layers of so many small layers, and a vocabulary projection. */
function linearsOf(layers: number) {
  const paths = Array.from({ length: layers }, (_, i) =>
    [
      [`model.layers.${i}.self_attn.q_proj`, weight(8, 10)],
      [`model.layers.${i}.self_attn.v_proj`, weight(2, 10)],
      [`model.layers.${i}.self_attn.o_proj`, weight(10, 8)],
      [`model.layers.${i}.mlp.gate_proj`, weight(30, 10)],
      [`model.layers.${i}.mlp.down_proj`, weight(10, 30)],
    ] as const);
  return new Map([...paths.flat(), ["lm_head", weight(1000, 10)] as const]);
}

Deno.test("workPerToken: no gradient before the first layer, nothing of the last made again", () => {
  const alone = 2 * (80 + 20) + 4 * (80 + 300 + 300), above = 4 * (80 + 20 + 80 + 300 + 300);
  const again = 2 * (80 + 20 + 80 + 300);
  assertEquals(workPerToken(linearsOf(1), 512), { useful: alone, repeated: 0 });
  for (const layers of [2, 12]) {
    assertEquals(workPerToken(linearsOf(layers), 512), {
      useful: alone + (layers - 1) * above,
      repeated: (layers - 1) * again,
    });
  }
});

Deno.test("workPerToken: with more rows than the feed-forward part takes at once, it is made again", () => {
  assertEquals(workPerToken(linearsOf(1), 513).repeated, 2 * 300);
  assertEquals(workPerToken(linearsOf(2), 513).repeated, 2 * (80 + 20 + 80 + 300) + 2 * 300);
});

const config = { hiddenSize: 64, vocabularySize: 1024 };
const right: StepResult = { loss: 6.95, gradNorm: 0.3, targets: 16, tokens: 128 };

/** Steps that give `right` but for what `results` says of the first, the second and the third. */
async function check(...results: Partial<StepResult>[]): Promise<unknown[]> {
  const asked: unknown[] = [];
  const step = (...args: unknown[]) => {
    asked.push(args);
    return Promise.resolve({ ...right, ...results[asked.length - 1] });
  };
  await checkStep("the step", { model: { config }, step }, 128);
  return asked;
}

Deno.test("checkStep: one step that learns, then the same without and with checkpointing", async () => {
  assertEquals(await check({}, { loss: 6.9 }, { loss: 6.9 }), [
    [128, { checkpointing: true, learningRate: 1e-4 }],
    [128, { checkpointing: false }],
    [128, { checkpointing: true }],
  ]);
});

Deno.test("checkStep: refuses steps that are wrong", async () => {
  const refused = async (message: string, ...results: Partial<StepResult>[]) => {
    await assertRejects(() => check(...results), KernelError, `the step is wrong: ${message}`);
  };
  await refused("its loss is NaN", { loss: NaN });
  await refused("its gradient norm is Infinity", {}, { gradNorm: Infinity });
  await refused("its gradient norm is 0", {}, {}, { gradNorm: 0 });
  await refused("its first loss is 9, that of made-up weights is about 6.94", { loss: 9 });
  await refused("its first loss is 0", { loss: 0 });
  await refused("loss is 6.96 with checkpointing and 6.95 without", {}, {}, { loss: 6.96 });
  await refused("gradNorm is 0.31 with checkpointing and 0.3", {}, {}, { gradNorm: 0.31 });
});

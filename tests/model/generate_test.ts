import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { GenerationError, ShapeError } from "../../src/errors.ts";
import { loadAdapter } from "../../src/model/adapter.ts";
import { generate, type GenerateOptions } from "../../src/model/generate.ts";
import { loadModel } from "../../src/model/load.ts";
import type { Model } from "../../src/model/model.ts";
import { temporaryFolder } from "../formats/support.ts";
import {
  BASE,
  DENSE,
  leavesNothing,
  logitsOf,
  NF4,
  readStored,
  restored,
  TINY,
  writeModelFolder,
} from "./support.ts";

const PROMPTS = [
  [1, 349, 378, 954, 13],
  [1],
  // Longer than the tiny model's window of 16.
  Array.from({ length: 21 }, (_, i) => (i * 131 + 1) % 1024),
];

function withModel(fn: (model: Model) => Promise<void>): Promise<void> {
  return leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    await fn(model);
  });
}

async function idsOf(
  model: Model,
  prompts: readonly ArrayLike<number>[],
  options: Partial<GenerateOptions> = {},
): Promise<(readonly number[])[]> {
  const generations = await generate(model, prompts, { maxNewTokens: 6, eosIds: [], ...options });
  return generations.map(({ ids }) => ids);
}

/** Greedy ids without a cache: a whole pass for every token. */
async function uncachedIds(model: Model, prompt: readonly number[], count: number) {
  const ids = [...prompt];
  while (ids.length < prompt.length + count) {
    const last = (await logitsOf(model, ids)).subarray(-model.config.vocabularySize);
    ids.push(last.indexOf(Math.max(...last)));
  }
  return ids.slice(prompt.length);
}

Deno.test("greedy ids with the cache are those without, of base and adapter, dense and NF4", () =>
  leavesNothing(async (device) => {
    for (const options of [DENSE, NF4]) {
      using model = await loadModel(device, BASE, options);
      const base = await idsOf(model, [PROMPTS[2]]);
      assertEquals(base, [await uncachedIds(model, PROMPTS[2], 6)]);
      using adapter = await loadAdapter(model, join(TINY, "lora"));
      adapter.attach(model);
      const adapted = await idsOf(model, [PROMPTS[0]]);
      assertEquals(adapted, [await uncachedIds(model, PROMPTS[0], 6)]);
    }
  }));

Deno.test("prompts of different lengths in one batch: each as alone", () =>
  withModel(async (model) => {
    const single: (readonly number[])[] = [];
    for (const prompt of PROMPTS) single.push(...await idsOf(model, [prompt]));
    assertEquals(await idsOf(model, PROMPTS), single);
    assertEquals(await idsOf(model, PROMPTS.toReversed()), single.toReversed());
    assertEquals(await idsOf(model, [Uint32Array.from(PROMPTS[0])]), [single[0]]);
  }));

Deno.test("EOS ends its sequence alone, and is neither returned nor reported", () =>
  withModel(async (model) => {
    const free = await idsOf(model, PROMPTS);
    const eos = free[0][2];
    assert(free[0].indexOf(eos) === 2 && !free[2].includes(eos), "the case does not fit the model");
    const reported: number[] = [];
    const generations = await generate(model, PROMPTS, {
      maxNewTokens: 6,
      eosIds: [eos, 5000],
      onToken: (sequence, id) => {
        if (sequence === 0) reported.push(id);
      },
    });
    assertEquals(generations[0], { ids: free[0].slice(0, 2), finishReason: "stop" });
    assertEquals(generations[2], { ids: free[2], finishReason: "length" });
    assertEquals(reported, free[0].slice(0, 2));
    const atOnce = await generate(model, [PROMPTS[0]], { maxNewTokens: 6, eosIds: [free[0][0]] });
    assertEquals(atOnce, [{ ids: [], finishReason: "stop" }]);
  }));

Deno.test("isComplete ends its sequence alone, with the token that completed it", () =>
  withModel(async (model) => {
    const free = await idsOf(model, PROMPTS);
    const seen: (readonly number[])[] = [];
    const generations = await generate(model, PROMPTS, {
      maxNewTokens: 6,
      eosIds: [],
      isComplete: (ids, sequence) => {
        if (sequence === 1) seen.push([...ids]);
        return sequence === 1 && ids.length === 2;
      },
    });
    assertEquals(generations.map(({ ids }) => ids), [free[0], free[1].slice(0, 2), free[2]]);
    assertEquals(generations.map(({ finishReason }) => finishReason), ["length", "stop", "length"]);
    assertEquals(seen, [free[1].slice(0, 1), free[1].slice(0, 2)]);
  }));

Deno.test("without eosIds, the model's own end a sequence", () =>
  leavesNothing(async (device) => {
    using base = await loadModel(device, BASE, DENSE);
    const [free] = await idsOf(base, [PROMPTS[0]]);
    using folder = temporaryFolder();
    const tensors = await readStored(join(BASE, "model.safetensors"));
    const config = { eos_token_id: [5000, free[1]] };
    const directory = await writeModelFolder(folder.join("model"), tensors, { config });
    using model = await loadModel(device, directory, DENSE);
    const [{ ids, finishReason }] = await generate(model, [PROMPTS[0]], { maxNewTokens: 6 });
    assertEquals([ids, finishReason], [free.slice(0, 1), "stop"]);
  }));

Deno.test("maxNewTokens of 0 and 1", () =>
  withModel(async (model) => {
    const none = await generate(model, PROMPTS, { maxNewTokens: 0 });
    assertEquals(none, PROMPTS.map(() => ({ ids: [], finishReason: "length" as const })));
    assertEquals(await idsOf(model, [PROMPTS[0]], { maxNewTokens: 1 }), [
      await uncachedIds(model, PROMPTS[0], 1),
    ]);
  }));

Deno.test("tokens are reported as they come, sequence by sequence", () =>
  withModel(async (model) => {
    const calls: [number, number][] = [];
    const onToken = (sequence: number, id: number) => calls.push([sequence, id]);
    const ids = await idsOf(model, PROMPTS, { maxNewTokens: 3, onToken });
    const expected = [0, 1, 2].flatMap((at) => ids.map((own, sequence) => [sequence, own[at]]));
    assertEquals(calls, expected as [number, number][]);
  }));

Deno.test("an empty prompt, no prompt and a token outside the vocabulary are refused", () =>
  withModel(async (model) => {
    for (const prompts of [[[]], [PROMPTS[0], []], []]) {
      await assertRejects(() => idsOf(model, prompts), ShapeError, "a prompt is empty");
    }
    await assertRejects(() => idsOf(model, [[1, 1024]]), ShapeError, "token 1024");
    await assertRejects(() => idsOf(model, [[1, -1]]), ShapeError, "token");
  }));

Deno.test("an abort ends generation with its reason, before the first token or between two", () =>
  withModel(async (model) => {
    const reason = new Error("enough");
    const tokens: number[] = [];
    const controller = new AbortController();
    const { signal } = controller;
    const onToken = (_: number, id: number) => {
      if (tokens.push(id) === 2) controller.abort(reason);
    };
    const { device } = model.scope;
    const [expected] = await idsOf(model, [PROMPTS[0]]);
    const live = device.liveBytes;
    const run = () => idsOf(model, [PROMPTS[0]], { signal, onToken });
    assertEquals(await assertRejects(run, Error), reason);
    assertEquals(tokens, expected.slice(0, 2));
    assertEquals(await assertRejects(run, Error), reason);
    assertEquals(tokens.length, 2);
    assertEquals(device.liveBytes, live, "a cache is left");
  }));

Deno.test("sampling from one token, or at almost no temperature, is greedy", () =>
  withModel(async (model) => {
    const greedy = await idsOf(model, PROMPTS);
    assertEquals(await idsOf(model, PROMPTS, { temperature: 1, topK: 1 }), greedy);
    assertEquals(await idsOf(model, PROMPTS, { temperature: 1, topP: 1e-6 }), greedy);
    assertEquals(await idsOf(model, PROMPTS, { temperature: 1e-3 }), greedy);
  }));

Deno.test("the same seed gives the same tokens, whatever else is in the batch", () =>
  withModel(async (model) => {
    const hot = { temperature: 2, seed: 7 };
    const all = await idsOf(model, PROMPTS, hot);
    assertEquals(await idsOf(model, PROMPTS, hot), all);
    assertEquals(await idsOf(model, [PROMPTS[0]], hot), [all[0]]);
    assertEquals(await idsOf(model, PROMPTS.toReversed(), hot), all.toReversed());
    assertEquals((await idsOf(model, [[5, 6], PROMPTS[1]], hot))[1], all[1]);
    const withEnd = await idsOf(model, PROMPTS, { ...hot, eosIds: [all[0][1]] });
    assertEquals(withEnd, [all[0].slice(0, 1), all[1], all[2]], "one ends, the others go on");
    const other = await idsOf(model, PROMPTS, { ...hot, seed: 8 });
    assert(other.every((ids, i) => ids.join() !== all[i].join()), "another seed changes nothing");
    const [first, second] = await idsOf(model, [PROMPTS[0], PROMPTS[0]], hot);
    assert(first.join() !== second.join(), "equal prompts of a batch are drawn apart");
    assertEquals(
      await idsOf(model, PROMPTS, { temperature: 2, seed: 42 }),
      await idsOf(model, PROMPTS, { temperature: 2 }),
    );
  }));

Deno.test("adapters are switched without loading the base again: each answers as when loaded alone", () =>
  leavesNothing(async (device) => {
    const folders = { A: join(TINY, "lora"), B: join(TINY, "qlora-curve", "final_adapter") };
    const freshly = async (folder: string | null) => {
      using model = await loadModel(device, BASE, DENSE);
      using adapter = folder === null ? null : await loadAdapter(model, folder);
      adapter?.attach(model);
      return await idsOf(model, PROMPTS);
    };
    const alone = [await freshly(null), await freshly(folders.A), await freshly(folders.B)];
    assertEquals(new Set(alone.map(String)).size, 3, "the adapters change nothing");

    using model = await loadModel(device, BASE, DENSE);
    using a = await loadAdapter(model, folders.A);
    using b = await loadAdapter(model, folders.B);
    const steps: [() => void, number][] = [
      [() => {}, 0],
      [() => a.attach(model), 1],
      [() => b.attach(model), 2],
      [() => a.detach(), 2], // it is not attached any more
      [() => a.attach(model), 1],
      [() => a.detach(), 0],
      [() => b.attach(model), 2],
      [() => b[Symbol.dispose](), 0],
    ];
    for (const [step, expected] of steps) {
      step();
      assertEquals(await idsOf(model, PROMPTS), alone[expected]);
    }
  }));

Deno.test("NaN in the model is an error that names the sequence, greedy and sampled", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const stored = await readStored(join(BASE, "model.safetensors"));
    // Only the embedding of token 5 is NaN.
    const tensors = stored.map((tensor) =>
      tensor.name !== "model.embed_tokens.weight" ? tensor : restored(tensor, "F32", (values) => {
        const width = tensor.shape[1];
        return values.fill(NaN, 5 * width, 6 * width);
      })
    );
    const directory = await writeModelFolder(folder.join("model"), tensors);
    using model = await loadModel(device, directory, DENSE);
    for (const temperature of [0, 1]) {
      assertEquals((await idsOf(model, [PROMPTS[0]], { temperature }))[0].length, 6);
      const live = device.liveBytes;
      const error = await assertRejects(
        () => idsOf(model, [PROMPTS[0], [1, 5]], { temperature }),
        GenerationError,
        "logits are not finite after 0 tokens of answer 1",
      );
      assertEquals([error.sequence, error.generated], [1, 0]);
      assertEquals(device.liveBytes, live);
    }
  }));

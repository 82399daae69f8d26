/**
 * The check before a long run: what passes, and what fails with which remedy.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { Scope } from "../../src/device/tensor.ts";
import { TrainingError } from "../../src/errors.ts";
import { type CheckResult, requirePassed } from "../../src/notebook/check_list.ts";
import { Notebook } from "../../src/notebook/notebook.ts";
import { trainLive } from "../../src/notebook/train_live.ts";
import { samplesTable } from "../../src/notebook/train_result.ts";
import { validateSetup } from "../../src/notebook/validate.ts";
import type { MimeBundle } from "../../src/notebook/view.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { testDevice } from "../ops/harness.ts";
import { gpuTest, type TempFolder } from "../train/support.ts";
import { shortRecords, writeJsonl } from "../train/tiny.ts";
import { recorder, textOf, tinySettings } from "./support.ts";

const STEPS = 6;

gpuTest("the check before a run: all parts pass", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const { texts, send } = recorder();
  const settings = await tinySettings(folder);
  const { checks, passed, steps } = await validateSetup(notebook, settings, { steps: 10, send });
  assertEquals(checks.map(({ name, state }) => `${name} ${state}`), [
    "Data pass",
    "Model pass",
    "Training pass",
    "Checkpoint pass",
    "Inference pass",
    "GPU memory pass",
  ], JSON.stringify(checks));
  assertEquals([passed, steps.length], [true, 10]);
  assertMatch(texts.at(-1)!, /All 6 checks passed after/);
  requirePassed(checks);
});

const detailOf = (checks: readonly CheckResult[], name: string) =>
  checks.find((check) => check.name === name)!.detail;

/** Records of which only the 100th is much longer than the others. */
function longAt100(words: number) {
  return shortRecords(120).map((record, i) =>
    i === 99 ? { ...record, input: "many words ".repeat(words) } : record
  );
}

gpuTest(
  "the check before a run plans with every record, and says how long the run takes",
  async (folder) => {
    const notebook = new Notebook(await testDevice());
    const plannedFor = async (words: number) => {
      await writeJsonl(folder("train.jsonl"), longAt100(words));
      const options = { max_steps: 900, gpu_memory_limit: "4GiB", max_seq_length: 256 };
      const settings = await tinySettings(folder, options);
      const { checks } = await validateSetup(notebook, settings, { steps: STEPS });
      assert(checks.every(({ state }) => state === "pass"), JSON.stringify(checks));
      const data = detailOf(checks, "Data");
      const memory = detailOf(checks, "GPU memory");
      assertMatch(
        detailOf(checks, "Training"),
        /tokens\/s: the 900 steps of the whole run take about \d+[sm]/,
      );
      const planned = /([\d.]+) (\wiB) planned for the whole run, 4\.0 GiB there are/.exec(memory)!;
      assertStringIncludes(detailOf(checks, "Model"), planned[0]);
      return { data, bytes: Number(planned[1]) * (planned[2] === "MiB" ? 2 ** 20 : 2 ** 10) };
    };
    const short = await plannedFor(0), long = await plannedFor(28), cut = await plannedFor(200);
    assertMatch(
      short.data,
      /^120 training and 4 validation records read, up to \d\d tokens; 0 cut/,
    );
    assertMatch(long.data, /up to 1\d\d tokens; 0 cut/);
    assertMatch(cut.data, /up to 256 tokens; 1 cut to max_seq_length 256, 0 left out$/);
    assert(
      short.bytes < long.bytes && long.bytes < cut.bytes,
      JSON.stringify({ short, long, cut }),
    );
  },
);

gpuTest("the check before a run shows how far a check is", async (folder) => {
  const { now } = performance;
  let calls = 0;
  performance.now = () => now.call(performance) + 1000 * ++calls; // every update is due
  using _ = { [Symbol.dispose]: () => void (performance.now = now) };
  const notebook = new Notebook(await testDevice());
  const { texts, send } = recorder();
  await validateSetup(notebook, await tinySettings(folder), { steps: STEPS, send });
  const shown = texts.join("\n");
  assertMatch(shown, /^Model … loading weights, [\d.]+ \wiB of [\d.]+ \wiB$/m);
  for (let step = 1; step <= STEPS; step++) {
    assertMatch(shown, new RegExp(`^Training … step ${step}/${STEPS}, loss \\d`, "m"));
  }
});

gpuTest("the check before a run of texts: nothing to answer, which is no fault", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const texts = (count: number) =>
    shortRecords(count).map(({ id, instruction, output }) => ({ id, text: instruction + output }));
  await writeJsonl(folder("train.jsonl"), texts(12));
  await writeJsonl(folder("val.jsonl"), texts(4));
  const { texts: shown, send } = recorder();
  const settings = await tinySettings(folder);
  const { checks, passed } = await validateSetup(notebook, settings, { steps: STEPS, send });
  const states = ["pass", "pass", "pass", "pass", "not applicable", "pass"];
  assertEquals(checks.map(({ state }) => state), states, JSON.stringify(checks));
  assertEquals([checks[4].name, passed], ["Inference", true]);
  requirePassed(checks);
  assertMatch(shown.at(-1)!, /does not apply +Inference +the records are texts without a prompt/);
  assertMatch(shown.at(-1)!, /All 5 checks that apply passed/);
  const result = await trainLive(notebook, settings, {});
  assertMatch(textOf(samplesTable(result)), /None: the first records are texts/);
});

/** A part of the set-up that is broken, before the checks or when one of them begins. */
interface Broken {
  readonly part: string;
  readonly options?: (folder: TempFolder) => Partial<TrainConfig>;
  readonly before?: (folder: TempFolder) => Promise<unknown>;
  /** What breaks when the check that must fail begins. */
  readonly during?: (folder: TempFolder) => Promise<unknown> | void;
  readonly check: string;
  readonly detail: RegExp;
  readonly remedy: RegExp;
}

const truncate = (path: string) => Deno.truncate(path, 60);
let leak: Scope | null = null;

const BROKEN: readonly Broken[] = [
  {
    part: "the 100th training record",
    before: async (folder) =>
      await Deno.writeTextFile(
        folder("train.jsonl"),
        shortRecords(99).map((record) => JSON.stringify(record) + "\n").join("") + "{ broken\n",
      ),
    check: "Data",
    detail: /train\.jsonl.* line 100/,
    remedy: /correct train_path or val_path/,
  },
  {
    part: "the validation file",
    options: (folder) => ({ val_path: folder("nowhere.jsonl") }),
    check: "Data",
    detail: /nowhere\.jsonl/,
    remedy: /correct train_path or val_path/,
  },
  {
    part: "the room for an answer",
    options: () => ({ max_seq_length: 5 }),
    check: "Data",
    detail: /none of its 12 records fits/,
    remedy: /raise max_seq_length/,
  },
  {
    part: "output_dir",
    options: (folder) => ({ output_dir: folder("train.jsonl") + "/run" }),
    check: "Data",
    detail: /^Cannot write /,
    remedy: /output_dir that can be written/,
  },
  {
    part: "base_model",
    options: (folder) => ({ base_model: folder("no/model/here") }),
    check: "Model",
    detail: /Cannot open the model .*no\/model\/here/,
    remedy: /check base_model/,
  },
  {
    part: "the tokenizer",
    before: (folder) => truncate(folder("base/tokenizer.json")),
    check: "Model",
    detail: /tokenizer\.json/,
    remedy: /check base_model/,
  },
  {
    part: "the weights",
    before: (folder) => truncate(folder("base/model.safetensors")),
    check: "Model",
    detail: /model\.safetensors/,
    remedy: /check base_model/,
  },
  {
    part: "target_modules",
    options: () => ({ target_modules: ["no_such_proj"] }),
    check: "Model",
    detail: /no_such_proj/,
    remedy: /correct the option/,
  },
  {
    part: "the GPU memory",
    options: () => ({ gpu_memory_limit: "1KiB" }),
    check: "Model",
    detail: /are planned, but there are 1\.0 KiB/,
    remedy: /take less memory/,
  },
  {
    part: "the learning rate",
    options: () => ({ learning_rate: 0 }),
    check: "Training",
    detail: /^It does not fall: loss ([\d.]+) → \1 in 6 steps/,
    remedy: /learning_rate/,
  },
  {
    part: "the checkpoint",
    during: (folder) => Deno.remove(folder("run/validation/checkpoints"), { recursive: true }),
    check: "Checkpoint",
    detail: /went on from step 0 /,
    remedy: /nothing else writes into output_dir/,
  },
  {
    part: "the adapter's files",
    during: (folder) => truncate(folder("run/validation/adapters/adapter_model.safetensors")),
    check: "Inference",
    detail: /adapter_model\.safetensors/,
    remedy: /adapter's folder and the base model/,
  },
  {
    part: "the memory that is given back",
    during: async () => {
      leak = (await testDevice()).scope("leak");
      leak.empty([64]);
    },
    check: "GPU memory",
    detail: /256 B were not given back/,
    remedy: /restart the kernel/,
  },
];

for (const { part, options, before, during, check, detail, remedy } of BROKEN) {
  gpuTest(`the check before a run: ${part} is broken`, async (folder) => {
    const notebook = new Notebook(await testDevice());
    const settings = await tinySettings(folder, options?.(folder));
    await before?.(folder);
    const send = async (bundle: MimeBundle) => {
      if (bundle["text/plain"].endsWith(`${check} …`)) await during?.(folder);
    };
    const { checks, passed } = await validateSetup(notebook, settings, { steps: STEPS, send });
    leak?.[Symbol.dispose]();
    leak = null;
    const failed = checks.filter(({ state }) => state === "fail");
    assertEquals(
      [passed, ...failed.map(({ name }) => name)],
      [false, check],
      JSON.stringify(checks),
    );
    assertMatch(failed[0].detail, detail);
    assertMatch(failed[0].remedy!, remedy);
    assertEquals(notebook.device.liveBytes, 0);
  });
}

gpuTest(
  "the check before a run: the first that fails has a remedy, the others are left out",
  async (folder) => {
    const notebook = new Notebook(await testDevice());
    const { texts, send } = recorder();
    const settings = await tinySettings(folder, { learning_rate: 0 });
    const { checks, passed } = await validateSetup(notebook, settings, { steps: 5, send });
    assertEquals(passed, false);
    assertEquals(checks.map(({ state }) => state), [
      ...["pass", "pass", "fail"],
      ...["skipped", "skipped", "skipped"],
    ]);
    assertStringIncludes(checks[2].detail, "does not fall");
    assertStringIncludes(texts.at(-1)!, "What to do: lower learning_rate");
    const error = await assertRejects(
      () => Promise.try(() => requirePassed(checks)),
      TrainingError,
    );
    assertStringIncludes(error.message, "2 of 6 checks passed; Training: ");
  },
);

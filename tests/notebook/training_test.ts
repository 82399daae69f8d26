/**
 * Notebook functions that need the GPU, without Jupyter: what they show goes to a list.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TrainingError } from "../../src/errors.ts";
import { filesTable } from "../../src/notebook/files_view.ts";
import { interrupt } from "../../src/notebook/kernel.ts";
import { environmentView, Notebook } from "../../src/notebook/notebook.ts";
import { planView } from "../../src/notebook/plan_view.ts";
import { notebookSettings, type RunSettings } from "../../src/notebook/settings.ts";
import { trainLive } from "../../src/notebook/train_live.ts";
import { bundleOf, type MimeBundle } from "../../src/notebook/view.ts";
import { testDevice } from "../ops/harness.ts";
import { gpuTest, tempFolder } from "../train/support.ts";
import { recorder, textOf, tinySettings } from "./support.ts";

Deno.test("settings: fastDev limits what is not lower, and the built-in model needs nothing", async () => {
  using folder = tempFolder();
  const given = { smoke: true, output_dir: folder("run"), max_val_samples: 4 };
  const { config, modelDirectory } = await notebookSettings(given, { fastDev: true });
  const { max_steps, max_train_samples, max_val_samples, lora_r } = config;
  assertEquals([max_steps, max_train_samples, max_val_samples, lora_r], [20, 256, 4, 32]);
  assertEquals(await Deno.realPath(modelDirectory), await Deno.realPath("data/base"));
  assertEquals((await notebookSettings(given)).config.max_train_samples, null);
});

gpuTest(
  "what is kept is given back when it is made anew, with all that came after it",
  async () => {
    const notebook = new Notebook(await testDevice());
    const events: string[] = [];
    const make = (name: string) =>
      notebook.keep(name, () => {
        events.push(`+${name}`);
        return { [Symbol.dispose]: () => void events.push(`-${name}`) };
      });
    for (const name of ["a", "b", "c", "b", "d"]) await make(name);
    assertEquals(events.join(" "), "+a +b +c -c -b +b +d");
    notebook.drop("b");
    notebook.drop("unknown");
    assertEquals(events.slice(-2).join(" "), "-d -b");
    await assertRejects(
      () => notebook.keep("a", () => Promise.reject(new Error("no"))),
      Error,
      "no",
    );
    assertEquals(events.at(-1), "-a");
    assertMatch(textOf(environmentView(notebook)), /GPU memory in use +0 B/);
  },
);

gpuTest("the plan is good or bad only against a limit that is known", async (folder) => {
  const device = await testDevice();
  // As a GPU of its own memory, which does not tell how much it has.
  const hardware = new Proxy(device, {
    get(target, name) {
      if (name === "info") return { ...target.info, software: false };
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const settings = await tinySettings(folder);
  const { config } = settings;
  const limited = (gpu_memory_limit: string) => ({
    ...settings,
    config: { ...config, gpu_memory_limit },
  });
  const shown = async (present: RunSettings) =>
    bundleOf(await planView(new Notebook(hardware), present));
  const none = await shown(settings);
  assertMatch(none["text/plain"], /In all +[\d.]+ KiB\nLimit +no limit known/);
  const inAll = (bundle: MimeBundle) =>
    /In all<\/td>(.*?)<\/tr>/.exec(bundle["text/html"] as string)![1];
  const colours = [none, await shown(limited("1GiB")), await shown(limited("1KiB"))]
    .map((bundle) => /color:#\w+/.exec(inAll(bundle))?.[0]);
  assertEquals(colours[0], undefined);
  assertEquals(new Set(colours).size, 3, String(colours));
});

gpuTest(
  "training in a cell: progress, plot, result, and the GPU free afterwards, twice",
  async (folder) => {
    const notebook = new Notebook(await testDevice());
    const settings = await tinySettings(folder);
    assertMatch(textOf(await planView(notebook, settings)), /Steps +4 of 2 records/);
    for (const _ of [1, 2]) {
      const { texts, send } = recorder();
      const result = await trainLive(notebook, settings, { send });
      assertEquals(result.steps.map(({ step }) => step), [1, 2, 3, 4]);
      assertMatch(textOf(result), /Steps +4\nLoss +\d/);
      assert(texts.some((text) => /^step 4\/4 █+ done/.test(text)), texts.join("\n"));
      assertMatch(texts.at(-1)!, /^Loss\ntraining: /);
      assertEquals(notebook.device.heldBytes, 0);
    }
    const files = textOf(await filesTable(folder("run")));
    assertMatch(files, /adapters\/adapter_model\.safetensors +[\d.]+ KiB +the adapter's weights/);
  },
);

gpuTest(
  "interrupted training says how to go on, and resumes with the losses before",
  async (folder) => {
    const notebook = new Notebook(await testDevice());
    const settings = await tinySettings(folder);
    const stopped = trainLive(notebook, settings, {
      onEvent: (event) => event.type === "step" && event.step === 2 && interrupt(),
    });
    const error = await assertRejects(() => stopped, DOMException);
    assertEquals(error.name, "AbortError");
    assertMatch(error.message, /^Interrupted after step 2: .*step-2 has all .* with resume: true$/);
    assertEquals(notebook.device.heldBytes, 0);
    const resumed = await trainLive(notebook, settings, { resume: true });
    assertEquals([resumed.resumedAt, resumed.end.step], [2, 4]);
    assertEquals(resumed.steps.map(({ step }) => step), [1, 2, 3, 4]);
  },
);

gpuTest("a run that fails leaves no memory behind and its own error", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const settings = await tinySettings(folder);
  const { texts, send } = recorder();
  const onEvent = (event: { readonly type: string }) => {
    if (event.type === "step") throw new TrainingError("Cannot continue: the loss is NaN");
  };
  const failed = trainLive(notebook, settings, { send, onEvent });
  await assertRejects(() => failed, TrainingError, "the loss is NaN");
  assert(texts.some((text) => /^step 1\/4 .* failed/.test(text)), texts.join("\n"));
  assertEquals(notebook.device.heldBytes, 0);
});

/**
 * What the training cell tells about weights that load, earlier runs and resuming.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { interrupt } from "../../src/notebook/kernel.ts";
import { Notebook } from "../../src/notebook/notebook.ts";
import type { RunSettings } from "../../src/notebook/settings.ts";
import { trainLive } from "../../src/notebook/train_live.ts";
import type { MimeBundle } from "../../src/notebook/view.ts";
import { testDevice } from "../ops/harness.ts";
import { gpuTest } from "../train/support.ts";
import { recorder, tinySettings } from "./support.ts";

const VEGA = "application/vnd.vegalite.v5+json";

/** Trains up to the end of `step` and presses the stop button. */
async function trainUntil(notebook: Notebook, settings: RunSettings, step: number): Promise<void> {
  await assertRejects(() =>
    trainLive(notebook, settings, {
      onEvent: (event) => event.type === "step" && event.step === step && interrupt(),
    }), DOMException);
}

/** Lets every update of a display be due. */
function impatientClock(): Disposable {
  const { now } = performance;
  let calls = 0;
  performance.now = () => now.call(performance) + 1000 * ++calls;
  return { [Symbol.dispose]: () => void (performance.now = now) };
}

/** The points of a loss plot. */
function pointsOf(bundle: MimeBundle): { name: string; x: number; y: number }[] {
  return (bundle[VEGA] as { data: { values: { name: string; x: number; y: number }[] } })
    .data.values;
}

gpuTest("a run that starts anew names the folder of the checkpoints before", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const settings = await tinySettings(folder, { max_steps: 2 });
  const first = recorder();
  await trainLive(notebook, settings, first);
  assert(!first.texts.join().includes("starts anew"), "nothing was there to be moved");
  const { texts, send } = recorder();
  await trainLive(notebook, settings, { send });
  const previous = folder("run/checkpoints.previous");
  const note = `This run starts anew: the checkpoints of the run before were moved to ${previous}`;
  const last = texts.findLast((text) => text.startsWith("step 2/2"))!;
  assert(last.includes(note) && last.includes("resume: true"), last);
  assert((await Deno.stat(`${previous}/step-2`)).isDirectory);
});

gpuTest("resume: true without a checkpoint says so", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const { texts, send } = recorder();
  await trainLive(notebook, await tinySettings(folder, { max_steps: 1 }), { resume: true, send });
  const note = `There is no checkpoint in ${folder("run")} yet: this run starts anew.`;
  assert(texts.findLast((text) => text.startsWith("step 1/1"))!.endsWith(note), texts.join("\n"));
});

gpuTest("a resumed run shows the losses of the steps before from its start", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const settings = await tinySettings(folder, { eval_steps: 1 });
  await trainUntil(notebook, settings, 2);
  const { texts, bundles, send } = recorder();
  const result = await trainLive(notebook, settings, { resume: true, send });
  const from = folder("run/checkpoints/step-2");
  assert(texts.some((text) => text.endsWith(`Continues from ${from}, after step 2.`)));
  const [seeded, ...later] = bundles.filter((bundle) => VEGA in bundle).map(pointsOf);
  const stepsOf = (points: typeof seeded, name: string) =>
    points.filter((point) => point.name === name).map(({ x }) => x);
  // The stop came before the second evaluation, which is then made first of all.
  assertEquals([stepsOf(seeded, "training"), stepsOf(seeded, "validation")], [[1, 2], [1]]);
  assertEquals(stepsOf(later.at(-1)!, "training"), [1, 2, 3, 4]);
  assertEquals(result.evals.map(({ step }) => step), [1, 2, 3, 4]);
});

gpuTest(
  "weights that load are shown; stopped then, the error names what is there",
  async (folder) => {
    using _ = impatientClock();
    const notebook = new Notebook(await testDevice());
    const settings = await tinySettings(folder);
    const loading = /^starting [█░]+ loading weights, [\d.]+ \w+ of [\d.]+ \w+$/;
    const stopWhileLoading = async (resume: boolean) => {
      const { texts, send } = recorder();
      const stopping = (bundle: MimeBundle) => {
        if (loading.test(bundle["text/plain"])) interrupt();
        return send(bundle);
      };
      const stopped = trainLive(notebook, settings, { resume, send: stopping });
      const { message } = await assertRejects(() => stopped, DOMException);
      assert(texts.some((text) => loading.test(text)), texts.join("\n"));
      assertMatch(texts.at(-1)!, /interrupted$/);
      return message;
    };
    assertEquals(
      await stopWhileLoading(true),
      "Interrupted before the first step: nothing was saved yet; run this cell again",
    );
    await trainUntil(notebook, settings, 2);
    const message = await stopWhileLoading(true);
    assert(message.includes(`${folder("run/checkpoints/step-2")} is as it was`), message);
    assertEquals(notebook.device.heldBytes, 0);
  },
);

/**
 * The other libraries of the bench, with their real packages.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { askPeer } from "../../src/cli/bench_peers.ts";
import { adapterName } from "../../src/device/adapter_name.ts";
import * as reference from "../reference.ts";
import { seededValues } from "../ops/harness.ts";
import { ROOT } from "./support.ts";

const SIZE = 48;

const [a, b] = [1, 2].map((seed) => seededValues(SIZE * SIZE, seed));
const product = Float32Array.from(
  reference.multiply(a, reference.transpose(b, SIZE, SIZE), { m: SIZE, n: SIZE, k: SIZE }),
);

/** Whether the packages are there or can be downloaded. */
async function arePeersThere(): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "-q"],
    cwd: `${ROOT}src/cli/peers`,
    stderr: "null",
  }).output();
  return success;
}

const ignore = !await arePeersThere();
const missing = ignore ? " (packages could not be downloaded)" : "";
const never = new AbortController().signal;

function ask(name: string, expected: Float32Array) {
  const input = new Blob([a, b, expected].map((matrix) => new Float32Array(matrix)));
  return askPeer([name, String(SIZE), "1"], input, never);
}

for (const name of ["jax", "tfjs", "onnxruntime"]) {
  Deno.test({
    name:
      `peers: ${name} multiplies on the adapter, and is timed if the product is right${missing}`,
    ignore,
    async fn() {
      const answer = await ask(name, product);
      assert("seconds" in answer, JSON.stringify(answer));
      assert(answer.seconds > 0 && answer.seconds < 60);
      const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
      assertEquals(answer.adapter, adapterName(adapter!.info));

      const wrong = Float32Array.from(product);
      wrong[SIZE + 3] += 0.01;
      const refusal = await ask(name, wrong);
      assert("reason" in refusal, "a wrong product was timed");
      assertStringIncludes(refusal.reason, `its product is wrong: element ${SIZE + 3} is`);
    },
  });
}

Deno.test("peers: one that does not exist is an answer with a reason, not a failure", async () => {
  const answer = await ask("nobody", product);
  assert("reason" in answer && answer.reason !== "", JSON.stringify(answer));
});

Deno.test("peers: an abort ends the wait", async () => {
  const controller = new AbortController();
  const answer = askPeer(["jax", "1024", "1000"], new Blob([]), controller.signal);
  controller.abort();
  await assertRejects(() => answer, DOMException);
});

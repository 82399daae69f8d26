/**
 * Times another library's matrix product, in a process of its own:
 *
 *     deno run --config src/cli/peers/deno.json --allow-read --allow-env src/cli/peers/run.ts \
 *       jax|tfjs|onnxruntime SIZE REPEATS
 *
 * Standard input holds a, b and the product that they must give, f32 [SIZE, SIZE] each. The last line
 * of the output is a {@linkcode PeerAnswer} as JSON.
 * @module
 */
import { adapterName } from "../../device/adapter_name.ts";
import { fastestRun } from "../bench_timing.ts";
import type { Operands, Peer, PeerAnswer } from "./peer.ts";

const PEERS: Readonly<Record<string, () => Promise<{ openPeer(o: Operands): Promise<Peer> }>>> = {
  jax: () => import("./jax.ts"),
  tfjs: () => import("./tfjs.ts"),
  onnxruntime: () => import("./onnxruntime.ts"),
};

async function answer(name: string, size: number, repeats: number): Promise<PeerAnswer> {
  const input = await new Response(Deno.stdin.readable).arrayBuffer();
  const matrix = (i: number) => new Float32Array(input, i * 4 * size * size, size * size);
  // What all libraries ask for; a device cannot be asked for its adapter once that was collected.
  const found = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const adapter = found ? adapterName(found.info) : "no adapter";
  const { openPeer } = await PEERS[name]();
  const peer = await openPeer({ size, a: matrix(0), b: matrix(1) });
  await peer.multiply();
  const fault = difference(await peer.read(), matrix(2), 1e-5 * (1 + size));
  if (fault !== null) return { reason: `its product is wrong: ${fault}` };
  const wait = () => peer.device.queue.onSubmittedWorkDone();
  const seconds = await fastestRun(repeats, () => peer.multiply(), wait);
  return { seconds, adapter };
}

function difference(actual: Float32Array, expected: Float32Array, most: number): string | null {
  if (actual.length !== expected.length) return `it has ${actual.length} elements`;
  // Written so that NaN is a difference too.
  const at = expected.findIndex((value, i) => !(Math.abs(actual[i] - value) <= most));
  return at < 0 ? null : `element ${at} is ${actual[at]}, not ${expected[at]}`;
}

const [name, size, repeats] = Deno.args;
try {
  console.log(JSON.stringify(await answer(name, Number(size), Number(repeats))));
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  console.log(JSON.stringify({ reason } satisfies PeerAnswer));
}
Deno.exit();

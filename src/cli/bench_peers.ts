/**
 * Measures the f32 matrix product of other WebGPU libraries beside our own, on the same adapter. Each
 * runs in a process of its own with the packages of `peers/deno.json`, so that none stands in the way
 * of another, and nobody downloads them who does not compare.
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Device } from "../device/device.ts";
import { multiplyByWeightTransposed } from "../ops/matmul.ts";
import {
  type BenchRow,
  checkProduct,
  fastest,
  type Measurement,
  measurePeak,
  noise,
} from "./bench_measure.ts";
import type { BenchConfig } from "./bench_options.ts";
import { f32Weight } from "./bench_weights.ts";
import peerSettings from "./peers/deno.json" with { type: "json" };
import type { PeerAnswer } from "./peers/peer.ts";

const PEERS = [
  { peer: "jax", npm: "@jax-js/jax" },
  { peer: "tfjs", npm: "@tensorflow/tfjs-backend-webgpu" },
  { peer: "onnxruntime", npm: "onnxruntime-web" },
] as const;

/** A peer may have to be downloaded first. */
const TIME_LIMIT_MS = 5 * 60_000;

/**
 * The product of two square matrices: each peer's, checked against ours before it is timed, then
 * ours, with its rate as a multiple of the best peer's. A peer that cannot run is a row with a reason.
 */
export async function* measurePeers(
  device: Device,
  { peer_size: size, repeats, seed }: BenchConfig,
  signal: AbortSignal,
): AsyncGenerator<BenchRow> {
  using scope = device.scope("bench peers");
  const a = noise(size * size, seed);
  const x = scope.upload(a, [size, size], { label: "a" });
  const { weight, values } = f32Weight(scope, size, seed + 1);
  const c = scope.empty([size, size], { label: "c" });
  const product = () => multiplyByWeightTransposed(device, { x, weight, c });
  const shape = `${size}×${size}×${size} f32`;
  product();
  await checkProduct(`GEMM ${shape}`, device, { x, values, c, transposed: true });
  const [b, expected] = await Promise.all([device.readF32(values), device.readF32(c)]);
  const input = new Blob([
    a,
    b as Float32Array<ArrayBuffer>,
    expected as Float32Array<ArrayBuffer>,
  ]);

  const rateOf = (seconds: number) => 2 * size ** 3 / seconds / 1e9;
  let best: Measurement | null = null;
  for (const { peer, npm } of PEERS) {
    const name = `GEMM ${shape}, ${peerSettings.imports[npm].slice("npm:".length)}`;
    const answer = await askPeer([peer, String(size), String(repeats)], input, signal);
    if ("reason" in answer) {
      yield { name, reason: answer.reason };
    } else if (answer.adapter !== device.info.name) {
      yield { name, reason: `it runs on ${answer.adapter}` };
    } else {
      const { seconds } = answer;
      const measured: Measurement = { name, seconds, rate: rateOf(seconds), unit: "GFLOP/s" };
      if (best === null || measured.rate > best.rate) best = measured;
      yield measured;
    }
  }
  const peak = await measurePeak(device, repeats);
  const seconds = await fastest(device, repeats, product);
  const rate = rateOf(seconds);
  const ours = { name: `GEMM ${shape}, SQLoRA`, seconds, rate, unit: "GFLOP/s" } as const;
  yield best === null
    ? { ...ours, share: rate / peak.rate, of: "peak" }
    : { ...ours, ratio: rate / best.rate, of: "the best peer" };
}

const FOLDER = fileURLToPath(new URL("peers/", import.meta.url));

/**
 * What a peer's process says, given a name, size and repeats; a process that fails is an answer too.
 * Throws what `signal` was aborted with.
 */
export async function askPeer(
  args: readonly string[],
  input: Blob,
  signal: AbortSignal,
): Promise<PeerAnswer> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-check", "--config", `${FOLDER}deno.json`],
      ...["--allow-read", "--allow-env", `${FOLDER}run.ts`, ...args],
    ],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([signal, limit]),
  }).spawn();
  // A process that ends early closes its input; what it says then counts.
  const [{ code, signal: end, stdout, stderr }] = await Promise.all([
    process.output(),
    input.stream().pipeTo(process.stdin).catch(() => {}),
  ]);
  signal.throwIfAborted();
  if (limit.aborted) return { reason: `it was not done after ${TIME_LIMIT_MS / 60_000} minutes` };
  return readAnswer(decode(stdout)) ??
    { reason: firstError(decode(stderr)) ?? `its process ended with ${end ?? `code ${code}`}` };
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The answer is the last line; libraries may print before it, and the driver may abort after it. */
function readAnswer(stdout: string): PeerAnswer | null {
  const line = stdout.trimEnd().split("\n").at(-1)!;
  return /^\{"(seconds|reason)":/.test(line) ? JSON.parse(line) : null;
}

/** What Deno says of a package that it cannot get, and of a fault of its own. */
function firstError(stderr: string): string | null {
  return /^error: (.+)$/m.exec(stderr)?.[1] ?? /panicked at .*\n(.+)$/m.exec(stderr)?.[1] ?? null;
}

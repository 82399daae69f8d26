import { assert, assertEquals } from "@std/assert";
import {
  formatBar,
  formatBytes,
  formatCount,
  formatDuration,
  formatLearningRate,
  formatLoss,
  sparkline,
} from "../../src/cli/format.ts";
import {
  createProgress,
  fitLine,
  plainLine,
  type ProgressOptions,
} from "../../src/cli/progress.ts";

Deno.test("formats: bytes, durations, counts, losses, learning rates", () => {
  assertEquals([0, 1023, 1024, 1024 ** 2 - 1, 1.5 * 1024 ** 3].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.0 MiB",
    "1.5 GiB",
  ]);
  assertEquals([0, 59.4, 59.6, 185, 3599.7, 7620, 97200, NaN, -1, Infinity].map(formatDuration), [
    "0s",
    "59s",
    "1m 00s",
    "3m 05s",
    "1h 00m",
    "2h 07m",
    "1d 03h",
    "?",
    "?",
    "?",
  ]);
  assertEquals([0, 0.516, 9.96, 86.7, 999.4, 999.6, 1234, 999_949, 3.4e6, NaN].map(formatCount), [
    "0",
    "0.52",
    "10",
    "87",
    "999",
    "1.0k",
    "1.2k",
    "999.9k",
    "3.4M",
    "?",
  ]);
  assertEquals([2.34567, 0, 0.00012345, NaN].map(formatLoss), [
    "2.3457",
    "0.0000",
    "1.23e-4",
    "NaN",
  ]);
  assertEquals([2e-4, 1.8666e-4, 0, 1].map(formatLearningRate), ["2e-4", "1.87e-4", "0", "1e+0"]);
});

Deno.test("drawings: a bar and a sparkline", () => {
  assertEquals([0, 0.5, 1, 2].map((fraction) => formatBar(fraction, 4)), [
    "░░░░",
    "██░░",
    "████",
    "████",
  ]);
  assertEquals(sparkline([9, 0, 7, NaN, 3.5], 4), "▁█ ▅");
  assertEquals(sparkline([2, 2], 4), "▁▁");
  assertEquals(sparkline([], 4), "");
});

const state = {
  update: { step: 12, loss: 2.5, learningRate: 2e-4, tokensPerSecond: 1234, gpuBytes: 2 ** 30 },
  total: 48,
  losses: [3, 2.5],
  eta: 90,
};

Deno.test("a line fits its width and keeps what matters longest", () => {
  assertEquals(
    fitLine(state, 200),
    "step 12/48  ████░░░░░░░░░░░░  loss 2.5000  █▁  lr 2e-4  1.2k tok/s  1.0 GiB  ETA 1m 30s",
  );
  assertEquals(fitLine(state, 60), "step 12/48  loss 2.5000  lr 2e-4  1.2k tok/s  ETA 1m 30s");
  assertEquals(fitLine(state, 40), "step 12/48  loss 2.5000  ETA 1m 30s");
  assertEquals(fitLine(state, 6), "step 1");
  for (let width = 0; width < 120; width++) assert(fitLine(state, width).length <= width);
  assertEquals(
    plainLine(state),
    "step 12/48  loss 2.5000  lr 2e-4  1.2k tok/s  1.0 GiB  ETA 1m 30s",
  );
  assertEquals(plainLine({ ...state, update: { step: 48 } }), "step 48/48");
});

/** A progress display on a fake stream and clock. */
function open(options: Partial<ProgressOptions> & { terminal?: boolean }) {
  let text = "";
  const clock = { ms: 0 };
  const progress = createProgress({
    total: 4,
    columns: () => 41,
    now: () => clock.ms,
    stream: {
      isTerminal: () => options.terminal ?? false,
      // One byte at a time, as a stream may.
      writeSync: (bytes) => {
        text += String.fromCharCode(bytes[0]);
        return 1;
      },
    },
    ...options,
  });
  return { progress, clock, take: () => [text, text = ""][0] };
}

Deno.test("on a terminal one line is rewritten, and text goes above it", () => {
  const { progress, clock, take } = open({ terminal: true });
  progress.log("start");
  assertEquals(take(), "start\n");
  clock.ms = 2000;
  progress.update({ step: 1, loss: 3 });
  assertEquals(take(), "\rstep 1/4  loss 3.0000  ETA 6s\x1b[K");
  progress.log("saved");
  assertEquals(take(), "\r\x1b[Ksaved\nstep 1/4  loss 3.0000  ETA 6s");
  progress.event({ type: "step" });
  progress.done();
  progress.done();
  assertEquals(take(), "\n");
});

Deno.test("without a terminal there is a plain line now and then, and at the end", () => {
  const { progress, clock, take } = open({ plainInterval: 1000 });
  for (const [step, ms] of [[1, 500], [2, 900], [3, 1600], [4, 1700]]) {
    clock.ms = ms;
    progress.update({ step, loss: step });
  }
  progress.done();
  assertEquals(take().split("\n").map((line) => line.slice(0, 8)), [
    "step 1/4",
    "step 3/4",
    "step 4/4",
    "",
  ]);
});

Deno.test("the time left counts only this run's steps", () => {
  const { progress, clock, take } = open({ total: 100, start: 90 });
  clock.ms = 20_000;
  progress.update({ step: 92 });
  assertEquals(take(), "step 92/100  ETA 1m 20s\n");
});

Deno.test("quiet writes nothing; json writes events only", () => {
  for (const terminal of [true, false]) {
    const quiet = open({ quiet: true, terminal });
    quiet.progress.update({ step: 1, loss: 1 });
    quiet.progress.log("text");
    quiet.progress.event({ type: "step" });
    quiet.progress.done();
    assertEquals(quiet.take(), "");
    const json = open({ json: true, terminal });
    json.progress.update({ step: 1, loss: 1 });
    json.progress.log("text");
    json.progress.event({ type: "step", loss: NaN });
    json.progress.event({ type: "done" });
    json.progress.done();
    assertEquals(json.take(), '{"type":"step","loss":null}\n{"type":"done"}\n');
  }
});

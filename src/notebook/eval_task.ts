/**
 * Evaluations for a notebook: `deno task eval` in a process of its own, so that the files are the same
 * as from the command line, and their content read back.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatBar } from "../cli/format.ts";
import { FormatError, ToolError } from "../errors.ts";
import type { Report } from "../eval/report/report.ts";
import { readScored, type ScoredPrediction } from "../eval/scored.ts";
import { isJsonObject } from "../formats/json.ts";
import { interruptible, liveDisplay, type SendDisplay } from "./kernel.ts";
import { shownPath } from "./paths.ts";

/** A finished evaluation. */
export interface EvalRun {
  /** What it is called in charts. */
  readonly name: string;
  readonly folder: string;
  readonly report: Report;
  readonly predictions: readonly ScoredPrediction[];
}

const TASK = fileURLToPath(new URL("../cli/eval.ts", import.meta.url));

/**
 * Runs `deno task eval` with `options` and returns its output folder. Throws {@linkcode ToolError} with
 * what the task said where it fails.
 */
export async function runEval(
  options: Readonly<Record<string, string | number>> & { readonly output_dir: string },
  { send }: { readonly send?: SendDisplay } = {},
): Promise<string> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const display = liveDisplay({ send });
  const state = (done: number, total: number) =>
    `${shownPath(options.output_dir)}  ${formatBar(done / total, 24)}  ${done}/${total} scored`;
  return await interruptible(async (signal) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", TASK, ...flags, "--json"],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
    const said = new Response(child.stderr).text();
    let [done, total] = [0, 1];
    for await (const event of jsonLines(child.stdout)) {
      if (event.type === "start") total = Number(event.total);
      if (event.type !== "score") continue;
      done++; // counted whether it is drawn or not
      await display.update(() => state(done, total));
    }
    const { success } = await child.status;
    signal.throwIfAborted();
    if (!success) {
      throw new ToolError(`Cannot evaluate: ${(await said).trim()}`, "deno task eval");
    }
    await display.finish(state(total, total));
    return options.output_dir;
  });
}

async function* jsonLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Record<string, unknown>> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}

/**
 * Reads what `deno task eval` wrote into a folder. Throws {@linkcode FormatError} where that is not a
 * finished evaluation.
 */
export async function readEval(name: string, folder: string): Promise<EvalRun> {
  const file = join(folder, "report.json");
  const predictions = await readScored(join(folder, "predictions.jsonl"));
  const report = await readJson(file);
  const whole = isJsonObject(report) && isJsonObject(report.metrics) &&
    Array.isArray(report.groups) && Array.isArray(report.errors);
  if (!whole) {
    throw new FormatError(
      `Cannot read ${file}: it is no report of an evaluation; give the output_dir of deno task eval`,
      { file },
    );
  }
  return { name, folder, report: report as unknown as Report, predictions };
}

/** The content of a JSON file. Throws {@linkcode FormatError} where there is none. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(file));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof Deno.errors.NotFound)) throw cause;
    const what = cause instanceof SyntaxError ? "it is no JSON" : "there is no such file";
    throw new FormatError(
      `Cannot read ${file}: ${what}; give the folder of a finished run`,
      { file },
      { cause },
    );
  }
}

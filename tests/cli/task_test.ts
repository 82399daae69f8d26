import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT, outcomeOf } from "../../src/cli/task.ts";
import { ConfigError, DeviceError, FormatError, TrainingError } from "../../src/errors.ts";

Deno.test("outcomeOf: wrong use is 2, an abort is 130, the rest is 1", () => {
  assertEquals(outcomeOf(new ConfigError(["a", "b"])).code, EXIT.wrongUse);
  assertEquals(outcomeOf(new DOMException("stop", "AbortError")).code, EXIT.interrupted);
  assertEquals(outcomeOf(new TrainingError("no loss")), { code: 1, text: "no loss" });
  assertEquals(outcomeOf(new DeviceError("no adapter")), { code: 1, text: "no adapter" });
  assertEquals(outcomeOf("odd"), { code: 1, text: "odd" });
});

Deno.test("outcomeOf: a format error names its place once", () => {
  const place = { file: "a.jsonl", line: 3 };
  assertEquals(
    outcomeOf(new FormatError("Cannot parse", place)).text,
    "Cannot parse (a.jsonl, line 3)",
  );
  assertEquals(
    outcomeOf(new FormatError("Cannot parse a.jsonl", place)).text,
    "Cannot parse a.jsonl",
  );
});

Deno.test("outcomeOf: the system's refusals come without a stack, surprises with one", () => {
  const refusal = (fn: () => void) => {
    try {
      fn();
    } catch (error) {
      return outcomeOf(error).text;
    }
    throw new Error("nothing was refused");
  };
  const missing = refusal(() => Deno.readTextFileSync("/no/such/file"));
  assertStringIncludes(missing, "/no/such/file");
  assertEquals(missing.includes("\n"), false);
  assertMatch(outcomeOf(new TypeError("x is not a function")).text, /x is not a function\n +at /);
});

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `body` as a task in a process of its own; sends `signal` for each line it prints. */
async function run(body: string, signal: Deno.Signal = "SIGINT"): Promise<Ended> {
  const task = new URL("../../src/cli/task.ts", import.meta.url).href;
  const script = `import { runTask } from ${JSON.stringify(task)};
    await runTask(async (signal) => { ${body} });`;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, script);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-lock", "--no-check", "-A", path],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(child.stderr).text();
    let stdout = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      stdout += text;
      if (text.includes("ready")) child.kill(signal);
    }
    return { code: (await child.status).code, stdout, stderr: await stderr };
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("runTask: the exit codes of a real process", async () => {
  const [done, failed] = await Promise.all([
    run(`console.log("fine", signal.aborted)`),
    run(`throw new RangeError("surprise")`),
  ]);
  assertEquals(done, { code: 0, stdout: "fine false\n", stderr: "" });
  assertEquals(failed.code, 1);
  assertStringIncludes(failed.stderr, "RangeError: surprise\n    at ");
});

Deno.test({
  name: "runTask: the first Ctrl-C or SIGTERM ends the work cleanly, the second at once",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const wait = `const timer = setInterval(() => {}, 1000); console.log("ready");`;
    const untilAbort = `${wait} await new Promise((end) => signal.addEventListener("abort", end));
      clearInterval(timer); console.log("saved");`;
    const [clean, terminated, atOnce, doubled] = await Promise.all([
      run(untilAbort),
      run(untilAbort, "SIGTERM"),
      // Signals that come together count as one, so the second press comes later.
      run(`${wait} const again = () => setTimeout(() => console.log("ready again"), 400);
        signal.addEventListener("abort", again);
        await new Promise(() => {});`),
      run(`${wait} const twice = () => console.log("ready, as the first press comes twice");
        signal.addEventListener("abort", () => { twice(); setTimeout(() => clearInterval(timer), 400); });
        await new Promise((end) => setTimeout(end, 1500)); console.log("saved");`),
    ]);
    assertEquals([clean.code, clean.stdout], [130, "ready\nsaved\n"]);
    assertEquals([terminated.code, terminated.stdout], [130, "ready\nsaved\n"]);
    assertStringIncludes(clean.stderr, "press Ctrl-C again");
    assertEquals([atOnce.code, atOnce.stdout], [130, "ready\nready again\n"]);
    assertEquals([doubled.code, doubled.stdout.endsWith("\nsaved\n")], [130, true]);
  },
});
